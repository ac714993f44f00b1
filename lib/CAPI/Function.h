// What a handle of gqa.h stands for.
#ifndef GQA_LIB_CAPI_FUNCTION_H
#define GQA_LIB_CAPI_FUNCTION_H

#include "gqa/gqa.h"

#include "gqa/JIT/JIT.h"

struct gqa_function {
  std::unique_ptr<gqa::CompiledFunction> compiled;
};

#endif // GQA_LIB_CAPI_FUNCTION_H
