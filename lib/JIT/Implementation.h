// What a CompiledFunction holds.
#ifndef GQA_LIB_JIT_IMPLEMENTATION_H
#define GQA_LIB_JIT_IMPLEMENTATION_H

#include "CodeGen.h"

#include "gqa/JIT/JIT.h"
#include "gqa/Runtime/Cuda.h"

struct gqa::CompiledFunction::Implementation {
  ~Implementation() {
    if (code.kernels)
      gqa_rt_cuda_unload(code.kernels);
  }

  Signature signature;
  LoadedCode code;
};

#endif // GQA_LIB_JIT_IMPLEMENTATION_H
