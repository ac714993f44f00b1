// What a CompiledFunction holds.
#ifndef GQA_LIB_JIT_IMPLEMENTATION_H
#define GQA_LIB_JIT_IMPLEMENTATION_H

#include "CodeGen.h"

#include "gqa/JIT/JIT.h"
#include "gqa/Runtime/Function.h"

struct gqa::CompiledFunction::Implementation {
  Implementation(Signature signature, LoadedCode code);
  ~Implementation();

  Signature signature;
  LoadedCode code;

  // The same as the runtime has it.
  std::vector<gqa_tensor_type> types;
  std::vector<uint8_t> onDevice;
  std::vector<int64_t> donated;
  gqa_rt_signature signatureView;
  gqa_rt_code codeView;
};

#endif // GQA_LIB_JIT_IMPLEMENTATION_H
