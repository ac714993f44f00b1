// What compiled code does in a call: mapped buffers, scratch memory, launches.
#include "Call.h"
#include "Module.h"

#include "../LastError.h"
#include "gqa/Runtime/Runtime.h"

#include <cstring>

namespace gqa::rt::cuda {

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
  Error error = capturing && bytes <= Scratch::kMostBytes ? parts.take(device, stream(), bytes, allocated)
                                                          : device.allocate(stream(), bytes, allocated);
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
  return parts.giveBack(address(memory)) ? "" : device.release(stream(), address(memory));
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

Error Call::launch(gqa_rt_cuda_module &module, const char *kernel, CUlaunchConfig config, int64_t cluster,
                   int64_t flags, void **parameters) {
  Kernel found;
  Error error = getKernel(module, device, kernel, config.sharedBytes, found);
  if (!error.empty())
    return error;
  config.stream = stream();
  const Driver &driver = Driver::get();
  bool canDepend = !capturing || driver.version >= 12030; // before that graphs have no such edges
  std::vector<CUlaunchAttribute> attributes;
  if ((flags & GQA_RT_CUDA_DEPENDENT) && found.mayWait && canDepend && driver.launchKernelEx) {
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
    error = GQA_CUDA_CHECK(device, cuLaunchKernelEx,
                           launchKernelEx(&config, found.function, parameters, nullptr));
  } else {
    error = GQA_CUDA_CHECK(device, cuLaunchKernel,
                           launchKernel(found.function, config.gridX, config.gridY, config.gridZ,
                                        config.blockX, config.blockY, config.blockZ, config.sharedBytes,
                                        config.stream, parameters, nullptr));
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
    if (!parts.giveBack(address(span.data)))
      (void)device.release(stream(), address(span.data)); // an error here has been reported, or will be
  parts.release(device, stream());
  for (void *memory : results)
    if (failed)
      (void)device.release(stream(), address(memory));
}

} // namespace gqa::rt::cuda
