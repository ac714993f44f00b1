/* Calling compiled functions with tensors: every argument is checked, and the message names the one that is wrong. The JIT
   calls what it has compiled this way, an artifact what it holds. Plain C, no LLVM. */
#ifndef GQA_RUNTIME_FUNCTION_H
#define GQA_RUNTIME_FUNCTION_H

#include "gqa/Runtime/Cuda.h"
#include "gqa/gqa.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a function takes and returns. */
typedef struct gqa_rt_signature {
  const char *name;
  size_t num_inputs, num_outputs;
  const gqa_tensor_type *inputs, *outputs;
  const int64_t *donated; /* for each input the output that is written over it, or -1; null: none is */
} gqa_rt_signature;

/* Code for one kind of machine. */
typedef struct gqa_rt_code {
  const char *target;          /* "cpu:x86-64-v3", for messages */
  const char *features;        /* of the processor, as LLVM calls them, with commas between: "avx2,fma" */
  void (*entry)(void **);      /* takes pointers to the results' structure and to each argument's descriptor */
  gqa_rt_cuda_module *kernels; /* those for CUDA, or null */
  const uint8_t *on_device;    /* not 0 for inputs, then outputs, that may be on a GPU; null where kernels is */
} gqa_rt_code;

/* Calls with memory for the results; see gqa_call. Where it returns not GQA_OK, gqa_rt_last_error says why. */
gqa_status gqa_rt_invoke(const gqa_rt_signature *signature, const gqa_rt_code *code, const DLTensor *const *inputs,
                         size_t num_inputs, DLTensor *const *outputs, size_t num_outputs, void *stream);

/* The same with results that the callee allocates: `outputs` has room for them; see gqa_call_alloc. */
gqa_status gqa_rt_invoke_alloc(const gqa_rt_signature *signature, const gqa_rt_code *code,
                               const DLTensor *const *inputs, size_t num_inputs, DLManagedTensor **outputs, void *stream);

/* Null if this processor has all of `features`, else the name of one that it lacks, up to the next comma or the end. A
   feature counts only if the system saves its registers; for AMX, if it lets this process use them. */
const char *gqa_rt_missing_feature(const char *features);

/* 1 if gqa_rt_missing_feature knows this feature. */
int gqa_rt_knows_feature(const char *feature);

#ifdef __cplusplus
}
#endif

#endif /* GQA_RUNTIME_FUNCTION_H */
