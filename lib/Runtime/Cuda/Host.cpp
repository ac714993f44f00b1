// What a host does itself: facts, memory, streams, events.
#include "Device.h"

#include "../LastError.h"

using namespace gqa::rt;
using namespace gqa::rt::cuda;

namespace {

CUdeviceptr address(const void *memory) { return reinterpret_cast<uintptr_t>(memory); }
CUstream stream(void *handle) { return static_cast<CUstream>(handle); }
CUevent event(void *handle) { return static_cast<CUevent>(handle); }

/// body(device) with the device's context current: 0, or 1 and the last error is set.
template <typename Body> int with(int64_t index, Body &&body) {
  Scope scope(index);
  return report(scope.error.empty() ? body(*scope.device) : scope.error);
}

} // namespace

int gqa_rt_cuda_device_facts(int64_t index, int64_t facts[GQA_RT_CUDA_NUM_FACTS]) {
  Error error;
  Device *device = Device::get(index, error);
  for (int64_t i = 0; device && i < GQA_RT_CUDA_NUM_FACTS; ++i)
    facts[i] = device->fact(i);
  return report(error);
}

const char *gqa_rt_cuda_device_name(int64_t index) {
  Error error;
  Device *device = Device::get(index, error);
  report(error);
  return device ? device->name().c_str() : nullptr;
}

void *gqa_rt_cuda_reserve(int64_t index, void *order, int64_t bytes) {
  CUdeviceptr memory = 0;
  with(index, [&](Device &device) { return device.allocate(stream(order), bytes, memory); });
  return reinterpret_cast<void *>(uintptr_t(memory));
}

int gqa_rt_cuda_release(int64_t index, void *order, void *memory) {
  return memory ? with(index, [&](Device &device) { return device.release(stream(order), address(memory)); })
                : 0;
}

void *gqa_rt_cuda_upload(int64_t index, const void *from, int64_t bytes) {
  CUdeviceptr copy = 0;
  int failed = with(index, [&](Device &device) { return device.upload(from, bytes, copy); });
  return failed ? nullptr : reinterpret_cast<void *>(uintptr_t(copy));
}

int gqa_rt_cuda_discard(int64_t index, void *memory) {
  if (!memory)
    return 0;
  return with(index, [&](Device &device) -> Error {
    bool capturing = false;
    Error error = device.isAnyCapturing(capturing);
    if (error.empty() && capturing)
      error =
          "memory cannot be given back while a stream is captured into a CUDA graph, as that waits for the "
          "device; expected the capture to end first";
    if (error.empty())
      error = device.waitForAll();
    if (!error.empty())
      return error;
    Relaxed relaxed(device); // another device's stream may be captured
    return relaxed.error.empty() ? device.release(nullptr, address(memory)) : relaxed.error;
  });
}

int gqa_rt_cuda_copy_in(int64_t index, void *order, void *to, const void *from, int64_t bytes) {
  return with(index, [&](Device &device) {
    return bytes > 0 ? GQA_CUDA_CHECK(device, cuMemcpyHtoDAsync,
                                      memcpyHtoDAsync(address(to), from, size_t(bytes), stream(order)))
                     : Error();
  });
}

int gqa_rt_cuda_copy_out(int64_t index, void *order, void *to, const void *from, int64_t bytes) {
  return with(index, [&](Device &device) {
    return bytes > 0 ? GQA_CUDA_CHECK(device, cuMemcpyDtoHAsync,
                                      memcpyDtoHAsync(to, address(from), size_t(bytes), stream(order)))
                     : Error();
  });
}

int gqa_rt_cuda_copy(int64_t index, void *order, void *to, const void *from, int64_t bytes) {
  return with(index, [&](Device &device) {
    return bytes > 0
               ? GQA_CUDA_CHECK(device, cuMemcpyDtoDAsync,
                                memcpyDtoDAsync(address(to), address(from), size_t(bytes), stream(order)))
               : Error();
  });
}

int gqa_rt_cuda_synchronize(int64_t index, void *order) {
  return with(index, [&](Device &device) {
    return GQA_CUDA_CHECK(device, cuStreamSynchronize, streamSynchronize(stream(order)));
  });
}

void *gqa_rt_cuda_stream_create(int64_t index) {
  CUstream created = nullptr;
  with(index, [&](Device &device) {
    return GQA_CUDA_CHECK(device, cuStreamCreate, streamCreate(&created, CU_STREAM_NON_BLOCKING));
  });
  return created;
}

int gqa_rt_cuda_stream_destroy(int64_t index, void *order) {
  return with(index, [&](Device &device) {
    return GQA_CUDA_CHECK(device, cuStreamDestroy, streamDestroy(stream(order)));
  });
}

void *gqa_rt_cuda_event_create(int64_t index) {
  CUevent created = nullptr;
  with(index,
       [&](Device &device) { return GQA_CUDA_CHECK(device, cuEventCreate, eventCreate(&created, 0)); });
  return created;
}

int gqa_rt_cuda_event_record(int64_t index, void *handle, void *order) {
  return with(index, [&](Device &device) {
    return GQA_CUDA_CHECK(device, cuEventRecord, eventRecord(event(handle), stream(order)));
  });
}

int gqa_rt_cuda_event_wait(int64_t index, void *order, void *handle) {
  return with(index, [&](Device &device) {
    return GQA_CUDA_CHECK(device, cuStreamWaitEvent, streamWaitEvent(stream(order), event(handle), 0));
  });
}

double gqa_rt_cuda_event_elapsed(int64_t index, void *begin, void *end) {
  float milliseconds = -1;
  int failed = with(index, [&](Device &device) {
    Error error = GQA_CUDA_CHECK(device, cuEventSynchronize, eventSynchronize(event(end)));
    return error.empty() ? GQA_CUDA_CHECK(device, cuEventElapsedTime,
                                          eventElapsedTime(&milliseconds, event(begin), event(end)))
                         : error;
  });
  return failed ? -1 : double(milliseconds);
}

int gqa_rt_cuda_event_destroy(int64_t index, void *handle) {
  return with(index, [&](Device &device) {
    return GQA_CUDA_CHECK(device, cuEventDestroy, eventDestroy(event(handle)));
  });
}
