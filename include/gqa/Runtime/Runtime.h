/* The runtime that compiled code calls: threads, memory, copies, errors, matrix products. Plain C; it knows
   neither LLVM nor MLIR, so that it can be linked into an artifact or handed to the JIT symbol by symbol.

   Environment:
   GQA_NUM_THREADS  how many threads work on one call; by default one for every processor of this process
   GQA_BLAS         the BLAS library to load; by default libopenblas.so.0
   GQA_ONEDNN       the oneDNN to load for products of bf16; by default libdnnl.so.3 */
#ifndef GQA_RUNTIME_RUNTIME_H
#define GQA_RUNTIME_RUNTIME_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Threads ---- */

/* How many threads share the work of one call: GQA_NUM_THREADS if it is a number from 1 to 1024. */
int64_t gqa_rt_num_threads(void);

/* Multiply-adds that one core does in about the time that it takes to wake another. */
#define GQA_RT_SMALL_WORK 200000

/* Runs task(0) .. task(n - 1) on the threads and returns when all are done. Tasks are independent; which
   thread runs which one must not show in a result. `work` estimates the multiply-adds of all tasks together:
   of less than GQA_RT_SMALL_WORK the caller runs them all. Nested calls are legal. */
void gqa_rt_parallel_for(int64_t n, int64_t work, void (*task)(int64_t i, void *context), void *context);

/* As gqa_parallel in gqa.h. */
typedef void (*gqa_rt_parallel)(void (*run)(void *data), void *data, unsigned threads, unsigned flags);

/* From now on loops run in threads that `parallel` has; null, as at first: in those of the runtime, and so do they in a child
   made by fork. */
void gqa_rt_set_parallel(gqa_rt_parallel parallel);

/* ---- The processor ---- */

/* 1 if this process may use AMX's tile registers, else 0. The first call asks the kernel, which then saves
   them for all threads of the process, those that run already included. */
int gqa_rt_request_amx(void);

/* ---- Calls and errors ---- */

/* Calls entry(arguments). Returns 0, or 1 if compiled code failed: then gqa_rt_last_error() says why, and
   memory that the call had allocated is free again. Calls may nest, and run on any number of threads. */
int gqa_rt_call(void (*entry)(void **arguments), void **arguments);

/* The message of this thread's last failed call, valid until its next one; "" before the first. */
const char *gqa_rt_last_error(void);

/* Ends the current gqa_rt_call with this message; does not return. Compiled code calls it where a cf.assert
   fails. In a task of gqa_rt_parallel_for it ends the task; tasks that have not begun are left out, and the loop ends
   its call with the first such message. */
void gqa_rt_fail(const char *message, int64_t length);

/* ---- Traces ---- */

/* Is told when a span of work begins and ends on a thread: a call, a loop on the threads (a kernel; `count` tasks), a matrix
   product, a launch on a GPU. Spans nest. `begin` returns 0 for one that it does not want the end of. */
typedef struct {
  int (*begin)(const char *name, int64_t count);
  void (*end)(void);
} gqa_rt_tracer;

/* From now on `tracer` is told, which lives on; null, as at first: nobody. */
void gqa_rt_set_tracer(const gqa_rt_tracer *tracer);

/* ---- Memory ---- */

/* At least 64-byte aligned memory, never null: the call fails when there is none. Blocks that a call
   allocated and has neither freed nor kept are freed at its end. Freed blocks are remembered by the thread
   for its next allocations. */
void *gqa_rt_alloc(int64_t bytes);
void *gqa_rt_aligned_alloc(int64_t alignment, int64_t bytes);

/* Frees a block of gqa_rt_alloc, from any thread if it was kept; null is legal. */
void gqa_rt_free(void *block);

/* Takes a block out of the running call's care: results outlive their call. */
void gqa_rt_keep(void *block);

/* Copies elements of `element_bytes` from one buffer to another that does not overlap it, on all threads if
   there are many. `shape` holds `rank` sizes, then as many strides of the target, then of the source, in
   elements. */
void gqa_rt_copy(int64_t rank, int64_t element_bytes, const int64_t *shape, void *target, const void *source);

/* ---- Matrix products ---- */

enum { GQA_RT_F32 = 0, GQA_RT_F64 = 1, GQA_RT_F16 = 2, GQA_RT_BF16 = 3 };
enum { GQA_RT_TRANSPOSE_A = 1, GQA_RT_TRANSPOSE_B = 2, GQA_RT_ACCUMULATE = 4 };
/* The element types of the three operands, as part of the flags. */
#define GQA_RT_TYPES(a, b, c) ((a) << 4 | (b) << 6 | (c) << 8)

/* C[i] (+)= A[i] B[i] for i < batch, with op(A) m x k, op(B) k x n and C m x n, row-major. `_row` is the
   distance from one row to the next and `_batch` from one matrix to the next, in elements. Products of f16
   and bf16 are accumulated in f32 and rounded once; f64 goes with f64 only. The work is cut by shape, never
   by the number of threads. oneDNN multiplies bf16 where it is there and has instructions of the processor's
   for it; else such operands are widened for the BLAS. */
void gqa_rt_matmul(int32_t flags, int64_t batch, int64_t m, int64_t n, int64_t k, const void *a,
                   int64_t a_row, int64_t a_batch, const void *b, int64_t b_row, int64_t b_batch, void *c,
                   int64_t c_row, int64_t c_batch);

/* Null if the BLAS that gqa_rt_matmul needs is loaded, else what is wrong. The first call of either loads it.
 */
const char *gqa_rt_blas_error(void);

/* Null if oneDNN is loaded, else what is wrong. */
const char *gqa_rt_onednn_error(void);

#ifdef __cplusplus
}
#endif

#endif /* GQA_RUNTIME_RUNTIME_H */
