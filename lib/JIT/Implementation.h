// What a CompiledFunction holds.
#ifndef GQA_LIB_JIT_IMPLEMENTATION_H
#define GQA_LIB_JIT_IMPLEMENTATION_H

#include "CodeGen.h"

#include "gqa/JIT/JIT.h"

struct gqa::CompiledFunction::Implementation {
  Signature signature;
  LoadedCode code;
};

#endif // GQA_LIB_JIT_IMPLEMENTATION_H
