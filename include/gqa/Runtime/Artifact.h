/* What the compiler writes into an artifact, beside the code itself. */
#ifndef GQA_RUNTIME_ARTIFACT_H
#define GQA_RUNTIME_ARTIFACT_H

#include "gqa/Runtime/Function.h"
#include "gqa/artifact.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gqa_rt_artifact {
  gqa_artifact shown; /* its functions are those below */
  size_t num_versions;
  const gqa_rt_code *versions;
  const char *(*blas_error)(void); /* gqa_rt_blas_error if the code multiplies matrices, else null */
  const gqa_rt_code *chosen;       /* null at first; the runtime's */
} gqa_rt_artifact;

gqa_status gqa_rt_artifact_call(const gqa_artifact *self, const DLTensor *const *inputs, size_t num_inputs,
                                DLTensor *const *outputs, size_t num_outputs, void *stream);
gqa_status gqa_rt_artifact_call_alloc(const gqa_artifact *self, const DLTensor *const *inputs, size_t num_inputs,
                                      DLManagedTensor **outputs, size_t num_outputs, void *stream);
const char *gqa_rt_artifact_target(const gqa_artifact *self);

/* The body of a function for apache-tvm-ffi: `arguments` and `result` are TVMFFIAny. Returns 0, or -1 with the error raised
   there. */
int gqa_rt_artifact_tvm(const gqa_artifact *self, const void *arguments, int32_t count, void *result);
int gqa_rt_artifact_tvm_signature(const gqa_artifact *self, const void *arguments, int32_t count, void *result);
int gqa_rt_artifact_tvm_target(const gqa_artifact *self, const void *arguments, int32_t count, void *result);
int gqa_rt_artifact_tvm_set_parallel(const gqa_artifact *self, const void *arguments, int32_t count, void *result);

#ifdef __cplusplus
}
#endif

#endif /* GQA_RUNTIME_ARTIFACT_H */
