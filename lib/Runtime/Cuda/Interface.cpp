// The functions that compiled code calls, and the one that enters it. None has objects to destroy, because a
// failure leaves them by a jump: each asks a function with objects, which has ended when the jump happens.
#include "Call.h"
#include "Module.h"

#include "../LastError.h"
#include "../Trace.h"
#include "gqa/Runtime/Runtime.h"

namespace gqa::rt::cuda {

static thread_local Call *running = nullptr;

Call *current() {
  if (!running)
    report("compiled code that uses CUDA was entered without gqa_rt_cuda_call");
  return running;
}

} // namespace gqa::rt::cuda

using namespace gqa::rt;
using namespace gqa::rt::cuda;

namespace {

/// Empty, or the limit of the device that a launch is beyond.
Error checkLimits(const Device &device, const char *kernel, const int64_t (&grid)[3], int64_t cluster,
                  int64_t threads, int64_t shared) {
  constexpr int64_t most[3] = {INT32_MAX, 65535, 65535}, mostThreads = 1024, mostBlocks = 8;
  auto number = [](int64_t value) { return std::to_string(value); };
  std::string subject = std::string("kernel '") + kernel + "' ";
  for (int i = 0; i < 3; ++i)
    if (grid[i] < 0 || grid[i] > most[i])
      return subject + "needs " + number(grid[i]) + " blocks along " + "xyz"[i] + ", and CUDA allows " +
             number(most[i]);
  if (cluster < 1 || cluster > mostBlocks || grid[0] % cluster != 0)
    return subject + "needs clusters of " + number(cluster) + " of its " + number(grid[0]) +
           " blocks, and CUDA allows a divisor up to " + number(mostBlocks);
  if (threads < 1 || threads > mostThreads)
    return subject + "needs " + number(threads) + " threads a block, and CUDA allows " + number(mostThreads);
  int64_t room = device.fact(GQA_RT_CUDA_SHARED_PER_BLOCK);
  if (shared < 0 || shared > room)
    return subject + "needs " + number(shared) + " bytes of shared memory a block, and CUDA device " +
           number(device.index()) + " (" + device.name() + ") has " + number(room);
  return "";
}

bool launch(gqa_rt_cuda_module *module, const char *kernel, const int64_t (&grid)[3], int64_t cluster,
            int64_t threads, int64_t sharedBytes, int64_t flags, void **parameters) {
  Span span(kernel);
  Call *call = current();
  if (!call)
    return false;
  Error error = checkLimits(call->device, kernel, grid, cluster, threads, sharedBytes);
  if (!error.empty() || grid[0] == 0 || grid[1] == 0 || grid[2] == 0)
    return !report(error);
  CUlaunchConfig config{};
  config.gridX = unsigned(grid[0]);
  config.gridY = unsigned(grid[1]);
  config.gridZ = unsigned(grid[2]);
  config.blockX = unsigned(threads);
  config.blockY = config.blockZ = 1;
  config.sharedBytes = unsigned(sharedBytes);
  return !report(call->launch(*module, kernel, config, cluster, flags, parameters));
}

bool map(void *data, int64_t bytes, int64_t access, void *&mapped) {
  Call *call = current();
  return call && !report(call->map(data, bytes, access, mapped));
}

bool unmap() {
  Call *call = current();
  return call && !report(call->unmap());
}

bool allocate(int64_t bytes, void *&memory) {
  Call *call = current();
  if (call && bytes == 0) // of parts, say, where there are none: a graph would have a node for it
    return true;
  return call && !report(call->allocate(bytes, memory));
}

bool release(void *memory) {
  Call *call = current();
  return call && !report(call->release(memory));
}

bool constant(gqa_rt_cuda_module *module, const void *data, int64_t bytes, void *&memory) {
  Call *call = current();
  return call && !report(call->constant(*module, data, bytes, memory));
}

bool result(int64_t index, int64_t bytes, void *&memory) {
  Call *call = current();
  return call && !report(call->result(index, bytes, memory));
}

bool mapTensor(int64_t element, const void *data, const uint64_t (&sizes)[4], const uint64_t (&strides)[3],
               const unsigned (&box)[4], const void *&map) {
  auto type =
      element == GQA_RT_CUDA_BF16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
  Call *call = current();
  return call && !report(call->mapTensor(type, const_cast<void *>(data), sizes, strides, box, map));
}

bool fact(int64_t which, int64_t &value) {
  Call *call = current();
  if (!call || which < 0 || which >= GQA_RT_CUDA_NUM_FACTS)
    return call && !report("there is no fact " + std::to_string(which) + " about a CUDA device");
  value = call->device.fact(which);
  return true;
}

bool clusters(int64_t tasks, int64_t resident, int64_t &count) {
  Call *call = current();
  return call && !report(call->device.countClusters(tasks, resident, count));
}

} // namespace

void gqa_rt_cuda_launch(gqa_rt_cuda_module *module, const char *kernel, int64_t grid_x, int64_t grid_y,
                        int64_t grid_z, int64_t cluster, int64_t threads, int64_t shared_bytes, int64_t flags,
                        void **parameters) {
  if (!launch(module, kernel, {grid_x, grid_y, grid_z}, cluster, threads, shared_bytes, flags, parameters))
    failWithLastError();
}

void *gqa_rt_cuda_map(void *data, int64_t bytes, int64_t access) {
  void *mapped = nullptr;
  if (!map(data, bytes, access, mapped))
    failWithLastError();
  return mapped;
}

void gqa_rt_cuda_unmap(void) {
  if (!unmap())
    failWithLastError();
}

void *gqa_rt_cuda_alloc(int64_t bytes) {
  void *memory = nullptr;
  if (!allocate(bytes, memory))
    failWithLastError();
  return memory;
}

void gqa_rt_cuda_free(void *memory) {
  if (!release(memory))
    failWithLastError();
}

void *gqa_rt_cuda_constant(gqa_rt_cuda_module *module, const void *data, int64_t bytes) {
  void *memory = nullptr;
  if (bytes > 0 && !constant(module, data, bytes, memory))
    failWithLastError();
  return memory;
}

void *gqa_rt_cuda_result(int64_t index, int64_t bytes) {
  if (!current())
    failWithLastError();
  if (!running->site.results_on_device)
    return gqa_rt_aligned_alloc(64, bytes);
  void *memory = nullptr;
  if (!result(index, bytes, memory))
    failWithLastError();
  return memory;
}

const void *gqa_rt_cuda_map_tensor(const void *data, int64_t element, int64_t batch, int64_t heads,
                                   int64_t rows, int64_t columns, int64_t batch_stride, int64_t head_stride,
                                   int64_t row_stride, int64_t box_heads, int64_t box_rows) {
  auto bytes = [](int64_t elements) { return uint64_t(elements) * 2; };
  const void *map = nullptr;
  if (!mapTensor(element, data, {uint64_t(columns), uint64_t(rows), uint64_t(heads), uint64_t(batch)},
                 {bytes(row_stride), bytes(head_stride), bytes(batch_stride)},
                 {columns % 64 == 0 ? 64u : 32u, unsigned(box_rows), unsigned(box_heads), 1}, map))
    failWithLastError();
  return map;
}

int64_t gqa_rt_cuda_fact(int64_t which) {
  int64_t value = 0;
  if (!fact(which, value))
    failWithLastError();
  return value;
}

int64_t gqa_rt_cuda_clusters(int64_t tasks, int64_t resident) {
  int64_t count = 0;
  if (!clusters(tasks, resident, count))
    failWithLastError();
  return count;
}

void *gqa_rt_cuda_stream(void) {
  if (!current())
    failWithLastError();
  return running->site.stream;
}

//===--------------------------------------------------------------------===//
// For hosts
//===--------------------------------------------------------------------===//

int gqa_rt_cuda_call(const gqa_rt_cuda_site *site, void (*entry)(void **), void **arguments) {
  Scope scope(site->device);
  if (!scope.error.empty())
    return report(scope.error);
  Call call(*site, *scope.device);
  Error error = call.start();
  if (!error.empty())
    return report(error);
  call.outer = running;
  running = &call;
  int failed = gqa_rt_call(entry, arguments);
  running = call.outer;
  call.finish(failed);
  return failed;
}
