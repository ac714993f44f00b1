/* Compiling and calling attention from C, and from everything that calls C. Needs neither LLVM nor MLIR, neither to
   build against nor in the types: one shared library, libgqa, whose other symbols are hidden.

     gqa_function *function;
     if (gqa_compile(text, 0, NULL, &function) != GQA_OK)
       return puts(gqa_last_error());
     gqa_call(function, inputs, 3, outputs, 1, NULL);
     gqa_release(function);

   Threads: every function may be called from any thread at any time; one gqa_function may be called by several threads at
   once, and must not be released while it is. Calls share one pool of threads (GQA_NUM_THREADS says how many), unless the
   program lends its own (gqa_set_parallel).

   Disk: compiled code is kept in $XDG_CACHE_HOME/gqa or ~/.cache/gqa (GQA_CACHE_DIR), at most 512 MiB of it (GQA_CACHE_SIZE), and
   found there by the next process; GQA_CACHE=off does without.

   Stability: what is declared here stays, with its meaning, for all versions with the same GQA_API_VERSION. Structures grow
   at their end: set struct_size to sizeof the one that you compile against. */
#ifndef GQA_GQA_H
#define GQA_GQA_H

#include <dlpack/dlpack.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GQA_API_VERSION 1
#define GQA_API __attribute__((visibility("default")))

typedef enum {
  GQA_OK = 0,
  GQA_INVALID_ARGUMENT = 1, /* a null pointer, a number out of range, a tensor that does not fit the signature */
  GQA_COMPILE_ERROR = 2,    /* the module is not valid, or not supported; the target is not known, or not there */
  GQA_RUN_ERROR = 3         /* the call failed: an assertion of the module, a lack of memory, a failure of the GPU */
} gqa_status;

/* GQA_API_VERSION of the library. */
GQA_API int gqa_api_version(void);

/* The message of this thread's last call that did not return GQA_OK; "" before the first. Its first line is the whole
   message; lines with places in the module may follow. Valid until this thread's next failure. */
GQA_API const char *gqa_last_error(void);

/* ---- What the compiler has to say ---- */

typedef enum {
  GQA_REMARK_DONE = 0,   /* a pass has changed something: attention was recognised, heads are shared */
  GQA_REMARK_LEFT = 1,   /* a pass has left something as it is; the text says why */
  GQA_REMARK_NOTE = 2,   /* about the code that was made */
  GQA_REMARK_WARNING = 3
} gqa_remark_kind;

typedef struct {
  size_t struct_size; /* of the library's structure */
  gqa_remark_kind kind;
  const char *pass;  /* "raise", "share-kv", ...; "" for notes and warnings */
  const char *name;  /* what kind of remark of that pass, such as "NotShared"; "" for notes and warnings */
  const char *text;  /* one line */
  const char *place; /* FILE:LINE:COLUMN, or "" */
} gqa_remark;        /* pointers are valid during the callback */

/* Called while a function is compiled, on the thread that compiles. */
typedef void (*gqa_remark_callback)(const gqa_remark *remark, void *context);

typedef enum { GQA_LOG_ERROR = 1, GQA_LOG_WARNING = 2, GQA_LOG_INFO = 3 } gqa_log_level;

/* A line about what the library does: what was compiled and how long it took, remarks, why compiling failed. Called on the
   thread that it is about, from several at once where they compile. */
typedef void (*gqa_log_callback)(gqa_log_level level, const char *line, void *context);

/* From now on lines of the log go to `callback`; NULL, as at first: nowhere. One for the whole process. The callback that is
   replaced may still be running on another thread. Callbacks may call this library; C++ exceptions must not leave them. */
GQA_API void gqa_set_log(gqa_log_callback callback, void *context);

/* ---- Threads ---- */

/* Threads that a program lends: calls run(data) on the calling thread and, at the same time, on others, `threads` in all, or as
   many as it thinks right where that is 0; returns when each of these calls has. Fewer calls are right as well, down to a single
   one. `flags` is 0. GOMP_parallel is such a function, which the OpenMP of GCC and that of LLVM have. */
typedef void (*gqa_parallel)(void (*run)(void *data), void *data, unsigned threads, unsigned flags);

/* From now on work is done in threads of `parallel`, which may be called from several threads at once; NULL, as at first: in a
   pool of the library's own. In a program that computes on several threads itself the two pools take the processors from each
   other; lend it its own. For the whole process; a child made by fork starts with NULL. */
GQA_API void gqa_set_parallel(gqa_parallel parallel);

/* ---- Compiling ---- */

typedef struct gqa_function gqa_function; /* a compiled function */

typedef struct {
  size_t struct_size;
  const char *target;   /* "cpu", "cpu:ARCH", "cuda", "cuda:sm_NN"; NULL is "cpu" */
  const char *function; /* NULL: `main`, else the only public function */
  const char *filename; /* what messages call the text; NULL is "<module>" */
  int keep_graph;       /* not 0: the graph is lowered as it is; attention is neither recognised nor shared nor fused */
  const char *report;   /* a file for the JSON of what was recognised, or NULL */
  gqa_remark_callback on_remark; /* is told what is found out, or NULL */
  void *remark_context;          /* what it is given */
} gqa_compile_options;

/* Compiles the text of an MLIR module. `length` 0: the text ends with a zero. `options` may be NULL. On success *function
   belongs to the caller, who gives it to gqa_release. */
GQA_API gqa_status gqa_compile(const char *text, size_t length, const gqa_compile_options *options,
                               gqa_function **function);

/* The same for a file. Parameters that the module keeps in a .safetensors file are arguments like the others. */
GQA_API gqa_status gqa_compile_file(const char *path, const gqa_compile_options *options, gqa_function **function);

/* Frees a function; NULL is legal. Results of its calls live on. */
GQA_API void gqa_release(gqa_function *function);

/* ---- One attention ---- */

/* softmax attention, of which query head h reads key/value head h / (q_heads / kv_heads). Sizes that are -1 are any size.
   The compiled function takes q (batch x q_heads x queries x dim), k (batch x kv_heads x keys x dim), v (batch x kv_heads x
   keys x value_dim), then those of the further operands that are asked for, in the order of the fields; it returns the
   output (batch x q_heads x queries x value_dim) and, on demand, lse (batch x q_heads x queries; f32, f64 for f64). All dense and
   row-major. */
typedef struct {
  size_t struct_size;
  DLDataType dtype; /* of q, k, v and the output: float 16, 32 or 64, or bfloat 16 */
  int64_t batch, q_heads, kv_heads, queries, keys, dim, value_dim;
  int causal;           /* not 0: key j is seen by query i if j <= i + offset */
  int has_window;       /* not 0: keys window_left before and window_right behind a query's place are seen, -1 is all */
  int64_t window_left, window_right;
  double scale;         /* of q k^T; 0: 1 / sqrt(dim) */
  double softcap;       /* 0: none; scores become softcap * tanh(scores / softcap) */
  int mask;             /* operand: a bool for each score, batch x q_heads x queries x keys, true keeps */
  int bias;             /* operand: a number of dtype added to each score, of the same shape */
  int kv_len;           /* operand: int64 per batch, how many keys are in use */
  int offset;           /* operand: int64 per batch, where the first query stands; needed for causal and window unless 0 */
  int sinks;            /* operand: a logit of dtype per query head */
  int lse;              /* result */
} gqa_attention;

/* `options` as for gqa_compile; its function and keep_graph do not matter. */
GQA_API gqa_status gqa_compile_attention(const gqa_attention *attention, const gqa_compile_options *options,
                                         gqa_function **function);

/* ---- Libraries on disk ---- */

/* Compiles what gqa_compile, gqa_compile_file and gqa_compile_attention do, and writes it to the file `library`, whole or not
   at all: a shared library that programs call without this one, LLVM or a compiler, as gqa/artifact.h says. The target may be
   a list for several kinds of machines, "cpu:x86-64-v2,cpu:x86-64-v4,cuda:sm_80,sm_90", which need not be this one.
   GQA_COMPILE_ERROR also where the file cannot be written. */
GQA_API gqa_status gqa_write_library(const char *text, size_t length, const gqa_compile_options *options,
                                     const char *library);
GQA_API gqa_status gqa_write_library_of_file(const char *path, const gqa_compile_options *options, const char *library);
GQA_API gqa_status gqa_write_library_of_attention(const gqa_attention *attention, const gqa_compile_options *options,
                                                  const char *library);

/* ---- What a function takes and returns ---- */

typedef struct {
  DLDataType dtype;
  int32_t ndim;
  const int64_t *shape;  /* -1 where any size will do */
  const char *parameter; /* the name of the parameter that this input is, or "" */
} gqa_tensor_type;       /* pointers are valid as long as the function */

GQA_API const char *gqa_name(const gqa_function *function);
GQA_API size_t gqa_num_inputs(const gqa_function *function);
GQA_API size_t gqa_num_outputs(const gqa_function *function);
GQA_API gqa_status gqa_input_type(const gqa_function *function, size_t index, gqa_tensor_type *type);
GQA_API gqa_status gqa_output_type(const gqa_function *function, size_t index, gqa_tensor_type *type);

/* The output that is written over input `index`, or -1: the module's argument has `gqa.donated_to`, as a KV cache has that a
   decode step writes to. */
GQA_API int64_t gqa_donated_output(const gqa_function *function, size_t index);

/* ---- Calling ---- */

/* Calls with memory for the results. Tensors are dense, row-major, and aligned for their element type; strides may be NULL.
   They are in host memory. A function for CUDA takes those of them that only kernels read or write on a GPU as well, all on
   the same one; kernels are then queued in `stream` (a CUstream of its primary context, NULL is the default one), and the
   call does not wait for results that are on the GPU. `stream` is ignored otherwise. An output that is written over an input has to
   be that input's memory, which nothing else of the call is in; a call that fails may have written to it. Other outputs share no
   memory with inputs on a GPU. */
GQA_API gqa_status gqa_call(gqa_function *function, const DLTensor *const *inputs, size_t num_inputs,
                            DLTensor *const *outputs, size_t num_outputs, void *stream);

/* The same with results that the function allocates: on success outputs[0 .. num_outputs) each belong to the caller, who
   ends their life with their deleter. One that is written over an input is a view of it and lives no longer. */
GQA_API gqa_status gqa_call_alloc(gqa_function *function, const DLTensor *const *inputs, size_t num_inputs,
                                  DLManagedTensor **outputs, size_t num_outputs, void *stream);

#ifdef __cplusplus
}
#endif

#endif /* GQA_GQA_H */
