/* What a library written by `gqa-compile model.mlir -o model.so` holds, for programs that call it. It needs neither the
   compiler nor LLVM nor Python: the C++ library and, for code that works on several threads, oneTBB.

   For a function called NAME the library exports `gqa_artifact_NAME`, to link against, and `gqa_artifact`, to find with
   dlsym whatever the name is:

     const gqa_artifact *model = ((gqa_artifact_getter)dlsym(library, "gqa_artifact"))();
     if (model->call(model, inputs, 3, outputs, 1, NULL) != GQA_OK)
       puts(model->last_error());

   For apache-tvm-ffi it exports `__tvm_ffi_NAME`, so that in Python `tvm_ffi.load_module("model.so")["NAME"]` takes and
   returns the tensors of any framework; a function called `main` is there as `forward` as well. The inputs, then either memory
   for all results, or nothing and the results are returned: one tensor, or an array of several (those that are written over
   an argument as views of it, which must not outlive it). `gqa_signature` returns the JSON,
   `gqa_target` what `target` does, `gqa_set_parallel` takes the address of a gqa_parallel.

   A library may hold several versions of the code. A call whose tensors are in host memory takes the version for a CPU
   that needs the most of what this processor has; one with a tensor on a GPU, or where no version for a CPU runs, the one for CUDA.

   A library stays in the process until it ends, dlclose or not: results that it has returned, and threads that it has worked on,
   need its code. The loader knows libraries by path, so that one that was compiled anew is loaded from another path.

   Threads and environment are those of gqa.h. The structure grows at its end. */
#ifndef GQA_ARTIFACT_H
#define GQA_ARTIFACT_H

#include "gqa/gqa.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GQA_ARTIFACT_VERSION 2

typedef struct gqa_artifact gqa_artifact;
struct gqa_artifact {
  size_t version; /* GQA_ARTIFACT_VERSION of the compiler that wrote it */
  const char *name;
  size_t num_inputs, num_outputs;
  const gqa_tensor_type *inputs, *outputs;
  const char *signature; /* the same as JSON; and `weights`, the file in which the module keeps its parameters, or "" */

  /* As gqa_call and gqa_call_alloc. */
  gqa_status (*call)(const gqa_artifact *self, const DLTensor *const *inputs, size_t num_inputs,
                     DLTensor *const *outputs, size_t num_outputs, void *stream);
  gqa_status (*call_alloc)(const gqa_artifact *self, const DLTensor *const *inputs, size_t num_inputs,
                           DLManagedTensor **outputs, size_t num_outputs, void *stream);

  /* The message of this thread's last call into this library that did not return GQA_OK; "" before the first. */
  const char *(*last_error)(void);

  /* Which version of the code calls in host memory take on this machine, by its target ("cpu:x86-64-v3"); null if there is
     none that runs here, and last_error says what is missing. */
  const char *(*target)(const gqa_artifact *self);

  /* For each input the output that is written over it, or -1, as gqa_donated_output; null: there is none. */
  const int64_t *donated;

  /* As gqa_set_parallel, for this library; since version 2. */
  void (*set_parallel)(gqa_parallel parallel);
};

typedef const gqa_artifact *(*gqa_artifact_getter)(void);

#ifdef __cplusplus
}
#endif

#endif /* GQA_ARTIFACT_H */
