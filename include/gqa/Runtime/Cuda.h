/* The runtime's CUDA half: kernels that compiled code carries, run through NVIDIA's driver. The driver is
   loaded when it is first needed, so that one binary works with and without a GPU. Plain C, no LLVM, no CUDA
   headers.

   There are two sides. A *host* (the JIT, a tool, a test) makes a call with gqa_rt_cuda_call and says on
   which device and stream, and which of its memory is on that device. *Compiled code* inside that call maps
   its buffers, allocates scratch memory and launches kernels; it names neither device nor stream.

   Errors. Functions for hosts return 0, or 1 and gqa_rt_last_error() says why. Functions for compiled code
   end the running call with a message, like gqa_rt_fail. A message names the driver's function, its error and
   what to do. After an error that destroys the context (a kernel read outside of its memory, say) every later
   use of that device fails with that first reason. A child of a process that has used CUDA cannot use it.

   Threads. Everything may be called from any thread at any time; a call belongs to the thread that makes it,
   and tasks of gqa_rt_parallel_for must not call the functions for compiled code. The thread's current
   context is the same after each function as before. Contexts are primary ones, those that torch and the CUDA
   runtime use.

   Environment:
   GQA_CUDA_DRIVER     the driver to load; by default libcuda.so.1
   GQA_CUBLASLT        the cuBLASLt to load; by default one that the process has loaded, else libcublasLt.so.13, .12 or .11,
                       the latest that the driver can serve
   GQA_CUDA_FORCE_PTX  1: modules are loaded from their PTX, cubins are left alone */
#ifndef GQA_RUNTIME_CUDA_H
#define GQA_RUNTIME_CUDA_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Kernels in compiled code ---- */

enum { GQA_RT_CUDA_PTX = 0, GQA_RT_CUDA_CUBIN = 1 };

/* Kernels for one kind of chip. PTX for `sm_80` runs on that chip and on every later one, a cubin on chips of
   the same generation from that one on (8.0, 8.6, 8.9), and anything for `sm_90a` on exactly that chip. */
typedef struct gqa_rt_cuda_image {
  const char *chip; /* "sm_80" */
  const void *data; /* PTX: its text, with a zero byte at the end, which size does not count */
  int64_t size;     /* bytes */
  int64_t format;   /* GQA_RT_CUDA_PTX or GQA_RT_CUDA_CUBIN */
} gqa_rt_cuda_image;

/* A static variable of compiled code, visible under the name `gqa_cuda_module`: whoever frees the code
   unloads it first. All images hold the same kernels. The first launch on a device loads the image of the
   latest chip that runs there, a cubin before PTX, which the driver then compiles. Of a cubin that the driver
   refuses, because it is newer than the driver, say, a line on stderr tells, and the PTX is loaded. */
typedef struct gqa_rt_cuda_module {
  const gqa_rt_cuda_image *images;
  int64_t num_images;
  void *state; /* null at first; the runtime's */
} gqa_rt_cuda_module;

/* The image that the device has loaded; null before the first launch there. */
const gqa_rt_cuda_image *gqa_rt_cuda_loaded(const gqa_rt_cuda_module *module, int64_t device);

/* Unloads the module from all devices, before its memory goes away; its state is null afterwards, and may
   have been before. No call may be launching its kernels. Waits for all that the device has been asked to do; what is on
   it stays while a stream is captured in which a call was, and goes when a capture ends or the next module does. */
void gqa_rt_cuda_unload(gqa_rt_cuda_module *module);

/* ---- For compiled code, in a gqa_rt_cuda_call ---- */

enum {
  /* In an image for one chip alone (sm_90a) the kernel begins with griddepcontrol.wait, so that it may start
     before the one in front of it in the stream has ended (programmatic dependent launch). Without effect in
     other images. */
  GQA_RT_CUDA_DEPENDENT = 1
};

/* Launches `kernel` of the module in the call's stream: a grid of x by y by z blocks of `threads` threads,
   with `shared_bytes` of dynamic shared memory each (more than 48 KiB are asked for as needed). Of `cluster`
   blocks along x, a divisor of `grid_x` from 1 to 8, each finds the others' shared memory (sm_90 and later; 1
   for none).
   `parameters[i]` points to the value of parameter i; values are copied. An empty grid launches nothing. */
void gqa_rt_cuda_launch(gqa_rt_cuda_module *module, const char *kernel, int64_t grid_x, int64_t grid_y,
                        int64_t grid_z, int64_t cluster, int64_t threads, int64_t shared_bytes,
                        int64_t flags, void **parameters);

enum { GQA_RT_CUDA_READ = 1, GQA_RT_CUDA_WRITE = 2 };

/* Where kernels find the `bytes` bytes at `data`: there, if they are on the device, else in memory of the
   device that holds a copy of them. With READ kernels see the bytes of the host; with WRITE what they leave
   there is copied back by gqa_rt_cuda_unmap. Pinned memory of the host that is read must stay as it is until
   the stream has got so far. A span with holes that must survive needs both. Spans that overlap and are
   written must be one. Null if `bytes` is 0. */
void *gqa_rt_cuda_map(void *data, int64_t bytes, int64_t access);

/* Ends all mappings of the call: if there is something to copy back, waits for the stream and copies it.
   Nothing else in a call waits. */
void gqa_rt_cuda_unmap(void);

/* Scratch memory on the device, aligned to 256 bytes, in the order of the call's stream: it may be freed when
   the kernels that use it have been launched. What is not freed is freed at the end of the call, however it
   ends. Null if `bytes` is 0, else never. */
void *gqa_rt_cuda_alloc(int64_t bytes);
void gqa_rt_cuda_free(void *memory);

/* A copy on the device of the `bytes` bytes at `data`, which never change, 256-byte aligned. The first call on a
   device copies them and waits; it lives until the module is unloaded. Null if `bytes` is 0. */
void *gqa_rt_cuda_constant(gqa_rt_cuda_module *module, const void *data, int64_t bytes);

/* The memory of the function's result `index`, dense and row-major: on the device if the call's results are,
   else what gqa_rt_aligned_alloc(64, bytes) gives. For results that the host's processor does not read or
   write. */
void *gqa_rt_cuda_result(int64_t index, int64_t bytes);

enum { GQA_RT_CUDA_F16 = 0, GQA_RT_CUDA_BF16 = 1 };

/* How the copy engine (TMA, sm_90 and later) finds boxes of a tensor on the device, for a kernel's parameter
   of 128 bytes: of batch x heads x rows x columns `element`s, none of them 0, with contiguous columns and the
   other strides in elements, all of them multiples of 16 bytes as the address is. A box has 64 columns, or 32
   where `columns` is no multiple of 64, of so many rows of so many heads, at most 256 of each, and reaches
   shared memory with its rows of 128 or 64 bytes swizzled; what lies outside of the tensor is zero there, and
   is left out where a box is stored. Lives until the end of the call. */
const void *gqa_rt_cuda_map_tensor(const void *data, int64_t element, int64_t batch, int64_t heads,
                                   int64_t rows, int64_t columns, int64_t batch_stride, int64_t head_stride,
                                   int64_t row_stride, int64_t box_heads, int64_t box_rows);

/* gqa_rt_matmul on the device, in the call's stream, by cuBLASLt: the same flags and meaning, with all operands in memory of
   the device. Both operands are of one type, the result is of that type or, of f16 and bf16, f32. Sums are of f32 (f64 of f64):
   f32 is never rounded to TF32. With GQA_RT_ACCUMULATE the library may round a product to the result's type before it adds it
   to what is there. Rows must not overlap; an operand with a batch stride of 0 is one for all. */
void gqa_rt_cuda_matmul(int32_t flags, int64_t batch, int64_t m, int64_t n, int64_t k, const void *a,
                        int64_t a_row, int64_t a_batch, const void *b, int64_t b_row, int64_t b_batch, void *c,
                        int64_t c_row, int64_t c_batch);

/* Facts about the call's device, for choosing tiles and splits. */
enum {
  GQA_RT_CUDA_CHIP = 0,             /* 80, 86, 89, 90, 100, 120, ... */
  GQA_RT_CUDA_PROCESSORS = 1,       /* streaming multiprocessors */
  GQA_RT_CUDA_SHARED_PER_BLOCK = 2, /* the most that a block can ask for, bytes */
  GQA_RT_CUDA_SHARED_PER_PROCESSOR = 3,
  GQA_RT_CUDA_L2_BYTES = 4,
  GQA_RT_CUDA_MEMORY_BYTES = 5,
  GQA_RT_CUDA_THREADS_PER_PROCESSOR = 6,
  GQA_RT_CUDA_REGISTERS_PER_PROCESSOR = 7,
  GQA_RT_CUDA_NUM_FACTS = 8
};
int64_t gqa_rt_cuda_fact(int64_t fact);

/* How many clusters of `tasks` blocks the call's device runs at a time, where a multiprocessor has room for
   `resident` of the blocks; 0 where there are no such clusters. The driver is asked once for each size. */
int64_t gqa_rt_cuda_clusters(int64_t tasks, int64_t resident);

/* The call's stream, a CUstream. */
void *gqa_rt_cuda_stream(void);

/* ---- For hosts: devices ---- */

/* Null if the driver is loaded and there is a device, else one line that says what is missing. The first call
   loads and initialises the driver. */
const char *gqa_rt_cuda_error(void);

/* Null if the cuBLASLt that gqa_rt_cuda_matmul needs is loaded, else one line that says what is missing and what to do.
   The first call of either loads it. */
const char *gqa_rt_cuda_blas_error(void);

/* 0 if there is no driver. */
int64_t gqa_rt_cuda_num_devices(void);

/* The same facts of any device, without a context. */
int gqa_rt_cuda_device_facts(int64_t device, int64_t facts[GQA_RT_CUDA_NUM_FACTS]);

/* "NVIDIA H200", or null where there is no such device. */
const char *gqa_rt_cuda_device_name(int64_t device);

/* The version of CUDA that the driver supports, 12080 for 12.8; 0 without one. */
int64_t gqa_rt_cuda_driver_version(void);

/* ---- For hosts: calls ---- */

/* Memory that is on the device of a call: arguments. */
typedef struct gqa_rt_cuda_span {
  const void *data;
  int64_t bytes;
} gqa_rt_cuda_span;

/* Where a call runs, and what belongs to it on the device. */
typedef struct gqa_rt_cuda_site {
  int64_t device;
  void *stream;                  /* a CUstream of the device's primary context; null: its default stream */
  const gqa_rt_cuda_span *spans; /* arguments on the device, which gqa_rt_cuda_map yields as they are */
  int64_t num_spans;
  int64_t results_on_device;       /* what gqa_rt_cuda_result yields */
  const gqa_rt_cuda_span *results; /* memory for each result on the device, or null: allocated */
  int64_t num_results;
} gqa_rt_cuda_site;

/* gqa_rt_call for code that uses CUDA. Kernels may still run when it returns; results that the call allocated
   are the caller's, who ends their life with gqa_rt_cuda_release. */
int gqa_rt_cuda_call(const gqa_rt_cuda_site *site, void (*entry)(void **arguments), void **arguments);

/* ---- For hosts: graphs ---- */

/* A CUDA graph does again what was queued in a stream while it was captured, with one launch of the host. Addresses and scalars
   are those of the capture; what is in the memory is that of the launch. In a call whose stream is captured, here or by
   another (torch.cuda.graph), everything that kernels read or write is memory of the caller on the device, results included:
   else the call fails, and says what is elsewhere. Up to GQA_RT_CUDA_RECORDED_BYTES of the host that kernels only read (a
   number for each sequence of a batch, say) are recorded by value. Nothing is done before a launch. Kernels that have not been loaded are
   loaded, scratch memory becomes the graph's, and a module must not be unloaded before the graphs with its kernels. */

enum { GQA_RT_CUDA_RECORDED_BYTES = 256 };

/* From here on what this thread queues in `stream`, which is none of the default ones, is recorded. */
int gqa_rt_cuda_graph_begin(int64_t device, void *stream);

/* Ends it, in the thread that began: a graph that can be launched, or null if a call failed or there is an error. The stream
   can be used again in any case. */
void *gqa_rt_cuda_graph_end(int64_t device, void *stream);

/* Ends it as gqa_rt_cuda_graph_end does, and what was recorded takes the place of what `*graph` does; that is another graph
   afterwards if the driver cannot change the one. `*graph` can be launched, and must be destroyed, in any case. */
int gqa_rt_cuda_graph_update(int64_t device, void *stream, void **graph);

/* Queues the graph's work in any stream of the device. Launches of one graph follow each other. */
int gqa_rt_cuda_graph_launch(int64_t device, void *graph, void *stream);

/* Launches that are under way end undisturbed; null is legal. */
int gqa_rt_cuda_graph_destroy(int64_t device, void *graph);

/* 1 if what is queued in the stream is recorded, 0 if it is done, -1 if there is an error: the capture is spoilt, say. */
int gqa_rt_cuda_is_capturing(int64_t device, void *stream);

/* ---- For hosts: memory, streams, events ---- */

/* Memory on a device, aligned to 256 bytes, in the order of `stream`; null if there is an error. */
void *gqa_rt_cuda_reserve(int64_t device, void *stream, int64_t bytes);

/* Gives memory of gqa_rt_cuda_reserve, or a result, back in the order of `stream`; null is legal. */
int gqa_rt_cuda_release(int64_t device, void *stream, void *memory);

/* Memory with a copy of the `bytes` bytes at `from_host`, which any stream may read when the function returns: a
   model's parameters. Legal while the thread captures a stream, whose graph is not concerned. Null if there is an
   error; given back with gqa_rt_cuda_discard. */
void *gqa_rt_cuda_upload(int64_t device, const void *from_host, int64_t bytes);

/* Waits for all that the device has been asked to do, whatever stream reads the memory, and gives it back; null is legal.
   While a stream is captured in which a call was, and where waiting is an error, that is an error, and the memory stays. */
int gqa_rt_cuda_discard(int64_t device, void *memory);

/* Copies in the order of `stream`. Host memory that is not pinned is read before the function returns, and
   written before it returns. */
int gqa_rt_cuda_copy_in(int64_t device, void *stream, void *to_device, const void *from_host, int64_t bytes);
int gqa_rt_cuda_copy_out(int64_t device, void *stream, void *to_host, const void *from_device, int64_t bytes);
int gqa_rt_cuda_copy(int64_t device, void *stream, void *to, const void *from, int64_t bytes);

/* Waits until everything in the stream is done; reports what went wrong in it. */
int gqa_rt_cuda_synchronize(int64_t device, void *stream);

/* A stream that does not wait for the default stream; null if there is an error. */
void *gqa_rt_cuda_stream_create(int64_t device);
int gqa_rt_cuda_stream_destroy(int64_t device, void *stream);

/* Events measure time and order streams; null if there is an error. */
void *gqa_rt_cuda_event_create(int64_t device);
int gqa_rt_cuda_event_record(int64_t device, void *event, void *stream);
int gqa_rt_cuda_event_wait(int64_t device, void *stream, void *event);
/* Waits for `end`; milliseconds, or a negative number if there is an error. */
double gqa_rt_cuda_event_elapsed(int64_t device, void *begin, void *end);
int gqa_rt_cuda_event_destroy(int64_t device, void *event);

#ifdef __cplusplus
}
#endif

#endif /* GQA_RUNTIME_CUDA_H */
