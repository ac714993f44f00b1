// A device is described when it is first named, and gets its context when something is first done on it.
#include "Device.h"

#include <memory>
#include <utility>
#include <vector>

namespace gqa::rt::cuda {
namespace {

/// After these the driver refuses everything in the context.
bool endsContext(CUresult result) {
  switch (result) {
  case CUDA_ERROR_ECC_UNCORRECTABLE:
  case CUDA_ERROR_NVLINK_UNCORRECTABLE:
  case CUDA_ERROR_ILLEGAL_ADDRESS:
  case CUDA_ERROR_LAUNCH_TIMEOUT:
  case CUDA_ERROR_CONTEXT_IS_DESTROYED:
  case CUDA_ERROR_ASSERT:
  case CUDA_ERROR_HARDWARE_STACK_ERROR:
  case CUDA_ERROR_ILLEGAL_INSTRUCTION:
  case CUDA_ERROR_MISALIGNED_ADDRESS:
  case CUDA_ERROR_INVALID_ADDRESS_SPACE:
  case CUDA_ERROR_INVALID_PC:
  case CUDA_ERROR_LAUNCH_FAILED:
    return true;
  default:
    return false;
  }
}

/// The pool keeps at most so much freed memory for the next call.
constexpr uint64_t kKeptBytes = uint64_t(512) << 20;

constexpr std::pair<int, CUdevice_attribute> kAttributes[] = {
    {GQA_RT_CUDA_PROCESSORS, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT},
    {GQA_RT_CUDA_SHARED_PER_BLOCK, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN},
    {GQA_RT_CUDA_SHARED_PER_PROCESSOR, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR},
    {GQA_RT_CUDA_L2_BYTES, CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE},
    {GQA_RT_CUDA_THREADS_PER_PROCESSOR, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR},
    {GQA_RT_CUDA_REGISTERS_PER_PROCESSOR, CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR},
};

} // namespace

Device *Device::get(int64_t index, Error &error) {
  if (const char *reason = unusable()) {
    error = reason;
    return nullptr;
  }
  int64_t count = Driver::get().numDevices;
  if (index < 0 || index >= count) {
    error = "there is no CUDA device " + std::to_string(index) + "; expected " +
            (count == 1 ? "0, the only one" : "0 to " + std::to_string(count - 1));
    return nullptr;
  }
  // Never destroyed: other threads may still use them at exit.
  static std::mutex &mutex = *new std::mutex;
  static auto &devices = *new std::vector<std::unique_ptr<Device>>(static_cast<size_t>(count));
  std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<Device> &slot = devices[size_t(index)];
  if (!slot) {
    auto device = std::make_unique<Device>();
    error = device->describe(int(index));
    if (!error.empty())
      return nullptr; // the next use tries again
    slot = std::move(device);
  }
  return slot.get();
}

Error Device::describe(int ordinal) {
  number = ordinal;
  Error error = GQA_CUDA_CHECK(*this, cuDeviceGet, deviceGet(&handle, ordinal));
  char text[256] = "";
  if (error.empty())
    error = GQA_CUDA_CHECK(*this, cuDeviceGetName, deviceGetName(text, sizeof text, handle));
  title = text;
  auto attribute = [&](CUdevice_attribute which) {
    int value = 0;
    if (error.empty())
      error = GQA_CUDA_CHECK(*this, cuDeviceGetAttribute, deviceGetAttribute(&value, which, handle));
    return int64_t(value);
  };
  for (auto [which, source] : kAttributes)
    facts[size_t(which)] = attribute(source);
  facts[GQA_RT_CUDA_CHIP] = 10 * attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) +
                            attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  pools = Driver::get().hasPools() && attribute(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED);
  size_t bytes = 0;
  if (error.empty())
    error = GQA_CUDA_CHECK(*this, cuDeviceTotalMem, deviceTotalMem(&bytes, handle));
  facts[GQA_RT_CUDA_MEMORY_BYTES] = int64_t(bytes);
  return error;
}

Error Device::check(const char *function, CUresult result) {
  if (result == CUDA_SUCCESS)
    return "";
  std::string text = Driver::get().describe(function, result);
  if (endsContext(result)) {
    std::lock_guard<std::mutex> lock(losing);
    if (lost.empty())
      lost = text;
  }
  return prefix() + text;
}

Error Device::open() {
  {
    std::lock_guard<std::mutex> lock(losing);
    if (!lost.empty())
      return prefix() + "lost to this process since an earlier error (" + lost + "); restart the process";
  }
  std::lock_guard<std::mutex> lock(opening);
  if (context)
    return "";
  return GQA_CUDA_CHECK(*this, cuDevicePrimaryCtxRetain, devicePrimaryCtxRetain(&context, handle));
}

//===--------------------------------------------------------------------===//
// Memory
//===--------------------------------------------------------------------===//

/// A pool of our own: how much the default one keeps is the application's business.
Error Device::createPool() {
  std::lock_guard<std::mutex> lock(opening);
  if (poolReady)
    return "";
  CUmemPoolProps properties;
  properties.location.id = number;
  Relaxed relaxed(*this);
  Error error = relaxed.error;
  if (error.empty() && !pool)
    error = GQA_CUDA_CHECK(*this, cuMemPoolCreate, memPoolCreate(&pool, &properties));
  uint64_t kept = kKeptBytes;
  if (error.empty())
    error = GQA_CUDA_CHECK(*this, cuMemPoolSetAttribute,
                           memPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &kept));
  poolReady = error.empty();
  return error;
}

Error Device::allocate(CUstream stream, int64_t bytes, CUdeviceptr &memory) {
  size_t size = bytes > 0 ? size_t(bytes) : 1; // the driver refuses 0
  Error error = pools ? createPool() : "";
  if (!error.empty())
    return error;
  error = pools ? GQA_CUDA_CHECK(*this, cuMemAllocFromPoolAsync,
                                 memAllocFromPoolAsync(&memory, size, pool, stream))
                : GQA_CUDA_CHECK(*this, cuMemAlloc, memAlloc(&memory, size));
  return error.empty() ? error : error + ", asked for " + std::to_string(bytes) + " bytes";
}

Error Device::release(CUstream stream, CUdeviceptr memory) {
  if (pools)
    return GQA_CUDA_CHECK(*this, cuMemFreeAsync, memFreeAsync(memory, stream));
  Error waited = GQA_CUDA_CHECK(*this, cuStreamSynchronize, streamSynchronize(stream));
  Error freed = GQA_CUDA_CHECK(*this, cuMemFree, memFree(memory));
  return waited.empty() ? freed : waited;
}

Error Device::upload(const void *data, int64_t bytes, CUdeviceptr &copy) {
  Relaxed relaxed(*this);
  Error error = relaxed.error;
  CUstream stream = nullptr;
  if (error.empty())
    error = GQA_CUDA_CHECK(*this, cuStreamCreate, streamCreate(&stream, CU_STREAM_NON_BLOCKING));
  if (!error.empty())
    return error;
  error = allocate(stream, bytes, copy);
  if (error.empty()) {
    if (bytes > 0)
      error = GQA_CUDA_CHECK(*this, cuMemcpyHtoDAsync, memcpyHtoDAsync(copy, data, size_t(bytes), stream));
    if (error.empty())
      error = GQA_CUDA_CHECK(*this, cuStreamSynchronize, streamSynchronize(stream));
    if (!error.empty())
      (void)release(stream, copy);
  }
  Error ended = GQA_CUDA_CHECK(*this, cuStreamDestroy, streamDestroy(stream));
  return error.empty() ? ended : error;
}

//===--------------------------------------------------------------------===//
// Captures
//===--------------------------------------------------------------------===//

Relaxed::Relaxed(Device &device) {
  if (auto *exchange = Driver::get().threadExchangeStreamCaptureMode)
    error = device.check("cuThreadExchangeStreamCaptureMode", exchange(&mode));
}

Relaxed::~Relaxed() {
  auto *exchange = Driver::get().threadExchangeStreamCaptureMode;
  if (exchange && error.empty())
    exchange(&mode);
}

Error Device::isCapturing(CUstream stream, bool &capturing) {
  capturing = false;
  if (!Driver::get().hasGraphs())
    return "";
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  Error error = GQA_CUDA_CHECK(*this, cuStreamIsCapturing, streamIsCapturing(stream, &status));
  if (error.empty() && status == CU_STREAM_CAPTURE_STATUS_INVALIDATED)
    error = prefix() + "the stream is being captured into a CUDA graph, and an earlier error has spoilt the "
                       "capture; end it first";
  capturing = status == CU_STREAM_CAPTURE_STATUS_ACTIVE;
  if (capturing) {
    std::lock_guard<std::mutex> lock(recording);
    captured.insert(stream);
  }
  return error;
}

void Device::beginRecording(CUstream stream) {
  std::lock_guard<std::mutex> lock(recording);
  recordings[stream].clear();
  captured.insert(stream);
}

void Device::spoilRecording(CUstream stream, const Error &error) {
  std::lock_guard<std::mutex> lock(recording);
  auto found = recordings.find(stream);
  if (found != recordings.end() && found->second.empty())
    found->second = error;
}

Error Device::endRecording(CUstream stream) {
  std::lock_guard<std::mutex> lock(recording);
  auto found = recordings.find(stream);
  Error error = found == recordings.end() ? "" : found->second;
  recordings.erase(stream);
  return error;
}

//===--------------------------------------------------------------------===//
// Scope
//===--------------------------------------------------------------------===//

Scope::Scope(int64_t index) : device(Device::get(index, error)) {
  if (!device)
    return;
  error = device->open();
  if (error.empty())
    error = GQA_CUDA_CHECK(*device, cuCtxPushCurrent, ctxPushCurrent(device->context));
  pushed = error.empty();
}

Scope::~Scope() {
  CUcontext popped;
  if (pushed)
    Driver::get().ctxPopCurrent(&popped);
}

} // namespace gqa::rt::cuda
