// What compiled code does in a call: mapped buffers, scratch memory, launches. The functions of the interface
// have no objects to destroy, because a failure leaves them by a jump.
#include "Call.h"
#include "Module.h"

#include "../LastError.h"
#include "../Trace.h"
#include "gqa/Runtime/Runtime.h"

#include <cstring>

namespace gqa::rt::cuda {
namespace {

thread_local Call *running = nullptr;

} // namespace

/// Writes a few words of the host to the device as constants of the graph that is being captured.
Error Call::record(CUdeviceptr to, const void *data, int64_t bytes) {
  std::vector<unsigned> words(size_t(bytes + 3) / 4);
  std::memcpy(words.data(), data, size_t(bytes));
  Error error;
  for (size_t i = 0, end = 0; error.empty() && i < words.size(); i = end) {
    for (end = i; end < words.size() && words[end] == words[i];)
      ++end;
    error = GQA_CUDA_CHECK(device, cuMemsetD32Async, memsetD32Async(to + 4 * i, words[i], end - i, stream()));
  }
  return error;
}

Error Call::map(void *data, int64_t bytes, int64_t access, void *&mapped) {
  if (bytes <= 0 || isOnDevice(data)) {
    mapped = bytes <= 0 ? nullptr : data;
    return "";
  }
  if (capturing && ((access & GQA_RT_CUDA_WRITE) || bytes > GQA_RT_CUDA_RECORDED_BYTES))
    return "while its stream is captured into a CUDA graph a call can copy nothing from or to the host: " +
           std::to_string(bytes) + " bytes there are " + (access & GQA_RT_CUDA_WRITE ? "written" : "read") +
           " by kernels; expected all such arguments and results on the device";
  Error error = allocate((bytes + 3) / 4 * 4, mapped);
  if (error.empty() && (access & GQA_RT_CUDA_READ))
    error = capturing ? record(address(mapped), data, bytes)
                      : GQA_CUDA_CHECK(device, cuMemcpyHtoDAsync,
                                       memcpyHtoDAsync(address(mapped), data, size_t(bytes), stream()));
  if (error.empty())
    mappings.push_back({data, address(mapped), bytes, access});
  return error;
}

Error Call::unmap() {
  Error error;
  bool copied = false;
  for (const Mapping &mapping : mappings)
    if (error.empty() && (mapping.access & GQA_RT_CUDA_WRITE)) {
      error = GQA_CUDA_CHECK(device, cuMemcpyDtoHAsync,
                             memcpyDtoHAsync(mapping.host, mapping.device, size_t(mapping.bytes), stream()));
      copied = true;
    }
  if (error.empty() && copied)
    error = GQA_CUDA_CHECK(device, cuStreamSynchronize, streamSynchronize(stream()));
  for (const Mapping &mapping : mappings)
    if (error.empty())
      error = release(pointer(mapping.device));
  mappings.clear();
  return error;
}

Error Call::allocate(int64_t bytes, void *&memory) {
  if (capturing && !device.hasPools())
    return "while its stream is captured into a CUDA graph a call can allocate in the order of the stream "
           "alone, which this driver or device cannot do";
  CUdeviceptr allocated = 0;
  Error error = device.allocate(stream(), bytes, allocated);
  if (!error.empty())
    return error;
  memory = pointer(allocated);
  scratch.push_back({memory, bytes});
  return "";
}

Error Call::release(void *memory) {
  auto place = std::find_if(scratch.begin(), scratch.end(),
                            [&](const gqa_rt_cuda_span &span) { return span.data == memory; });
  if (place == scratch.end())
    return memory ? "compiled code frees device memory that its call has not allocated" : "";
  scratch.erase(place);
  return device.release(stream(), address(memory));
}

Error Call::constant(gqa_rt_cuda_module &module, const void *data, int64_t bytes, void *&memory) {
  Error error = getConstant(module, device, data, bytes, memory);
  if (error.empty())
    spans.push_back({memory, bytes}); // for attentions, whose operands are mapped
  return error;
}

Error Call::workspace(int64_t bytes, void *&memory) {
  Error error;
  if (bytes > sharedBytes) {
    if (shared)
      error = release(shared);
    shared = nullptr;
    sharedBytes = 0;
    if (error.empty())
      error = allocate(bytes, shared);
    sharedBytes = error.empty() ? bytes : 0;
  }
  memory = shared;
  return error;
}

Error Call::result(int64_t index, int64_t bytes, void *&memory) {
  if (!site.results && capturing)
    return "result " + std::to_string(index) + " of " + std::to_string(bytes) +
           " bytes needs memory of the caller while the stream is captured into a CUDA graph, which writes "
           "it at each launch";
  if (!site.results) {
    Error error = allocate(bytes, memory);
    if (!error.empty())
      return error;
    scratch.pop_back();
    results.push_back(memory);
    spans.push_back({memory, bytes});
    return "";
  }
  if (index < 0 || index >= site.num_results || site.results[index].bytes != bytes)
    return "result " + std::to_string(index) + " needs " + std::to_string(bytes) + " bytes, but " +
           (index < 0 || index >= site.num_results ? std::string("none")
                                                   : std::to_string(site.results[index].bytes)) +
           " are there for it";
  memory = const_cast<void *>(site.results[index].data);
  return "";
}

Error Call::mapTensor(CUtensorMapDataType type, void *data, const uint64_t (&sizes)[4],
                      const uint64_t (&strides)[3], const unsigned (&box)[4], const void *&map) {
  const Driver &driver = Driver::get();
  if (!driver.tensorMapEncodeTiled)
    return "the driver is too old for kernels that use tensor maps: it has no cuTensorMapEncodeTiled";
  const unsigned steps[] = {1, 1, 1, 1};
  constexpr unsigned lineColumns = 64; // of two bytes
  bool whole = box[0] == lineColumns;
  CUtensorMap &made = maps.emplace_back();
  map = &made;
  return GQA_CUDA_CHECK(device, cuTensorMapEncodeTiled,
                        tensorMapEncodeTiled(&made, type, 4, data, sizes, strides, box, steps,
                                             /*interleave=*/0,
                                             whole ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_64B,
                                             CU_TENSOR_MAP_L2_PROMOTION_L2_128B,
                                             /*outside=*/0));
}

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

} // namespace

Error Call::launch(gqa_rt_cuda_module &module, const char *kernel, CUlaunchConfig config, int64_t cluster,
                   int64_t flags, void **parameters) {
  CUfunction function = nullptr;
  Error error = getKernel(module, device, kernel, config.sharedBytes, function);
  if (!error.empty())
    return error;
  config.stream = stream();
  const Driver &driver = Driver::get();
  constexpr int64_t kHopper = 90;
  bool canDepend = !capturing || driver.version >= 12030; // before that graphs have no such edges
  std::vector<CUlaunchAttribute> attributes;
  if ((flags & GQA_RT_CUDA_DEPENDENT) && canDepend && driver.launchKernelEx &&
      device.fact(GQA_RT_CUDA_CHIP) >= kHopper) {
    attributes.push_back({CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION, {}, {}});
    attributes.back().value.programmaticStreamSerializationAllowed = 1;
  }
  if (cluster > 1) {
    attributes.push_back({CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION, {}, {}});
    attributes.back().value.clusterDim = {unsigned(cluster), 1, 1};
  }
  if (!attributes.empty() && !driver.launchKernelEx)
    return std::string("the driver is too old for clusters: it has no cuLaunchKernelEx, launching kernel '") +
           kernel + "'";
  if (!attributes.empty()) {
    config.attributes = attributes.data();
    config.numAttributes = unsigned(attributes.size());
    error = GQA_CUDA_CHECK(device, cuLaunchKernelEx, launchKernelEx(&config, function, parameters, nullptr));
  } else {
    error = GQA_CUDA_CHECK(device, cuLaunchKernel,
                           launchKernel(function, config.gridX, config.gridY, config.gridZ, config.blockX,
                                        config.blockY, config.blockZ, config.sharedBytes, config.stream,
                                        parameters, nullptr));
  }
  return error.empty() ? error : error + ", launching kernel '" + kernel + "'";
}

void Call::finish(bool failed) {
  const Driver &driver = Driver::get();
  if (failed && capturing)
    device.spoilRecording(stream(), lastError());
  else if (failed && (!scratch.empty() || !results.empty()))
    driver.streamSynchronize(stream()); // copies may still read memory that the caller is about to free
  for (const gqa_rt_cuda_span &span : scratch)
    (void)device.release(stream(), address(span.data)); // an error here has been reported, or will be
  for (void *memory : results)
    if (failed)
      (void)device.release(stream(), address(memory));
}

Call *current() {
  if (!running)
    report("compiled code that uses CUDA was entered without gqa_rt_cuda_call");
  return running;
}

} // namespace gqa::rt::cuda

using namespace gqa::rt;
using namespace gqa::rt::cuda;

//===--------------------------------------------------------------------===//
// For compiled code: each asks a function with objects, which has ended when the jump happens
//===--------------------------------------------------------------------===//

namespace {

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
