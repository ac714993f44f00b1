// Memory: allocation, copies, fills, attributes of pointers. Work on streams is done at once, in the order of
// calls.
#include "Driver.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace gqa::emulator;

namespace {

Driver &driver() { return Driver::get(); }

/// Copies in any direction; which side is on the device is seen from the addresses, as with unified
/// addressing. What was never written on the device stays marked as such in a copy.
CUresult copy(uint64_t to, uint64_t from, size_t bytes, bool toDevice, bool fromDevice) {
  DeviceMemory &memory = *driver().memory;
  if (!bytes)
    return CUDA_SUCCESS;
  if (!to || !from)
    return CUDA_ERROR_INVALID_VALUE;
  if ((toDevice && !driver().isDevice(to, bytes)) || (fromDevice && !driver().isDevice(from, bytes)))
    return CUDA_ERROR_INVALID_VALUE;
  auto *target = toDevice ? memory.host(to) : reinterpret_cast<std::byte *>(to);
  auto *source = fromDevice ? memory.host(from) : reinterpret_cast<std::byte *>(from);
  std::memmove(target, source, bytes);
  if (toDevice && fromDevice)
    std::memmove(memory.state(to), memory.state(from), bytes);
  else if (toDevice)
    std::memset(memory.state(to), DeviceMemory::kWritten, bytes);
  return CUDA_SUCCESS;
}

template <class T> CUresult fill(CUdeviceptr to, T value, size_t count) {
  DeviceMemory &memory = *driver().memory;
  if (!count)
    return CUDA_SUCCESS;
  if (to % sizeof(T) || count > SIZE_MAX / sizeof(T) || !driver().isDevice(to, count * sizeof(T)))
    return CUDA_ERROR_INVALID_VALUE;
  std::fill_n(reinterpret_cast<T *>(memory.host(to)), count, value);
  std::memset(memory.state(to), DeviceMemory::kWritten, count * sizeof(T));
  return CUDA_SUCCESS;
}

/// `height` rows of `width` bytes, `pitch` bytes apart.
CUresult fillRows(CUdeviceptr to, size_t pitch, unsigned char value, size_t width, size_t height) {
  if (width && height > 1 && pitch < width)
    return CUDA_ERROR_INVALID_VALUE;
  CUresult result = CUDA_SUCCESS;
  for (size_t row = 0; row < height && result == CUDA_SUCCESS; ++row)
    result = fill<uint8_t>(to + row * pitch, value, width);
  return result;
}

/// The allocation on the host that holds the pointer.
bool findHost(uint64_t pointer, uint64_t &begin, size_t &bytes) {
  auto after = driver().hostMemory.upper_bound(pointer);
  if (after == driver().hostMemory.begin())
    return false;
  auto found = std::prev(after);
  begin = found->first;
  bytes = found->second;
  return pointer < begin + bytes;
}

CUresult pointerAttribute(void *data, int attribute, uint64_t pointer) {
  uint64_t begin = 0;
  size_t bytes = 0;
  auto device = driver().memory->find(pointer);
  bool isDevice = device && !device->freed, isHost = !isDevice && findHost(pointer, begin, bytes);
  if (isDevice) {
    begin = device->begin;
    bytes = device->end - device->begin;
  }
  if (!isDevice && !isHost)
    return CUDA_ERROR_INVALID_VALUE;
  auto put = [&](auto value) {
    std::memcpy(data, &value, sizeof value);
    return CUDA_SUCCESS;
  };
  switch (attribute) {
  case CU_POINTER_ATTRIBUTE_CONTEXT:
    return put(&driver().primary);
  case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
    return put(isDevice ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST);
  case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
    return isDevice ? put(pointer) : CUDA_ERROR_INVALID_VALUE;
  case CU_POINTER_ATTRIBUTE_HOST_POINTER:
    return isHost ? put(pointer) : CUDA_ERROR_INVALID_VALUE;
  case CU_POINTER_ATTRIBUTE_BUFFER_ID:
    return put(static_cast<unsigned long long>(begin));
  case CU_POINTER_ATTRIBUTE_IS_MANAGED:
    return put(0u);
  case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
    return put(0);
  case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
    return put(begin);
  case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
    return put(bytes);
  default:
    return CUDA_ERROR_INVALID_VALUE;
  }
}

/// Bytes of an attribute, to clear it with; 0 if it is unknown.
size_t attributeBytes(int attribute) {
  switch (attribute) {
  case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
  case CU_POINTER_ATTRIBUTE_IS_MANAGED:
    return 4;
  case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
    return 4;
  case CU_POINTER_ATTRIBUTE_CONTEXT:
  case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
  case CU_POINTER_ATTRIBUTE_HOST_POINTER:
  case CU_POINTER_ATTRIBUTE_BUFFER_ID:
  case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
  case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
    return 8;
  default:
    return 0;
  }
}

/// Queues `body`, which owns what it needs.
template <class F> CUresult onStream(const char *name, Operation::Kind kind, CUstream stream, F body) {
  return driver().call(name, Needs::Context, [&] { return driver().queue(stream, {kind, body}); });
}

} // namespace

EMULATOR_API CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t bytes) {
  return driver().call("cuMemAlloc_v2", Needs::NoCapture, [&] { return driver().allocate(pointer, bytes); });
}
EMULATOR_API CUresult cuMemFree_v2(CUdeviceptr pointer) {
  return driver().call("cuMemFree_v2", Needs::NoCapture, [&] { return driver().release(pointer); });
}

EMULATOR_API CUresult cuMemAllocHost_v2(void **pointer, size_t bytes) {
  return driver().call("cuMemAllocHost_v2", Needs::NoCapture, [&] {
    if (!pointer || !bytes)
      return CUDA_ERROR_INVALID_VALUE;
    *pointer = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    if (!*pointer)
      return CUDA_ERROR_OUT_OF_MEMORY;
    driver().hostMemory[reinterpret_cast<uint64_t>(*pointer)] = bytes;
    return CUDA_SUCCESS;
  });
}
EMULATOR_API CUresult cuMemFreeHost(void *pointer) {
  return driver().call("cuMemFreeHost", Needs::NoCapture, [&] {
    if (!driver().hostMemory.erase(reinterpret_cast<uint64_t>(pointer)))
      return CUDA_ERROR_INVALID_VALUE;
    std::free(pointer);
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuMemGetInfo_v2(size_t *freeBytes, size_t *totalBytes) {
  return driver().call("cuMemGetInfo_v2", Needs::Context, [&] {
    if (!freeBytes || !totalBytes)
      return CUDA_ERROR_INVALID_VALUE;
    *totalBytes = driver().memory->capacity();
    *freeBytes = *totalBytes - driver().memory->used();
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes) {
  return driver().call("cuMemcpyHtoD_v2", Needs::NoCapture,
                       [&] { return copy(to, reinterpret_cast<uint64_t>(from), bytes, true, false); });
}
EMULATOR_API CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes) {
  return driver().call("cuMemcpyDtoH_v2", Needs::NoCapture,
                       [&] { return copy(reinterpret_cast<uint64_t>(to), from, bytes, false, true); });
}
EMULATOR_API CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  return driver().call("cuMemcpyDtoD_v2", Needs::NoCapture,
                       [&] { return copy(to, from, bytes, true, true); });
}
EMULATOR_API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
  return onStream("cuMemcpyHtoDAsync_v2", Operation::Copy, stream,
                  [=] { return copy(to, reinterpret_cast<uint64_t>(from), bytes, true, false); });
}
EMULATOR_API CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return onStream("cuMemcpyDtoHAsync_v2", Operation::Copy, stream,
                  [=] { return copy(reinterpret_cast<uint64_t>(to), from, bytes, false, true); });
}
EMULATOR_API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return onStream("cuMemcpyDtoDAsync_v2", Operation::Copy, stream,
                  [=] { return copy(to, from, bytes, true, true); });
}
EMULATOR_API CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return onStream("cuMemcpyAsync", Operation::Copy, stream, [=] {
    const DeviceMemory &memory = *driver().memory;
    return copy(to, from, bytes, memory.inArena(to), memory.inArena(from));
  });
}

EMULATOR_API CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count) {
  return driver().call("cuMemsetD8_v2", Needs::NoCapture, [&] { return fill<uint8_t>(to, value, count); });
}
EMULATOR_API CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
  return onStream("cuMemsetD8Async", Operation::Fill, stream,
                  [=] { return fill<uint8_t>(to, value, count); });
}
EMULATOR_API CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream) {
  return onStream("cuMemsetD32Async", Operation::Fill, stream,
                  [=] { return fill<uint32_t>(to, value, count); });
}
EMULATOR_API CUresult cuMemsetD2D8Async(CUdeviceptr to, size_t pitch, unsigned char value, size_t width,
                                        size_t height, CUstream stream) {
  return onStream("cuMemsetD2D8Async", Operation::Fill, stream,
                  [=] { return fillRows(to, pitch, value, width, height); });
}

EMULATOR_API CUresult cuPointerGetAttribute(void *data, int attribute, CUdeviceptr pointer) {
  return driver().call("cuPointerGetAttribute", Needs::Context, [&] {
    return data ? pointerAttribute(data, attribute, pointer) : CUDA_ERROR_INVALID_VALUE;
  });
}

/// Unlike its sister it accepts any pointer, and clears what it cannot answer.
EMULATOR_API CUresult cuPointerGetAttributes(unsigned count, int *attributes, void **data,
                                             CUdeviceptr pointer) {
  return driver().call("cuPointerGetAttributes", Needs::Context, [&] {
    if (!count || !attributes || !data)
      return CUDA_ERROR_INVALID_VALUE;
    for (unsigned n = 0; n < count; ++n) {
      size_t bytes = attributeBytes(attributes[n]);
      if (!data[n] || !bytes)
        return CUDA_ERROR_INVALID_VALUE;
      if (pointerAttribute(data[n], attributes[n], pointer) != CUDA_SUCCESS) {
        std::memset(data[n], 0, bytes);
        if (attributes[n] == CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL)
          *static_cast<int *>(data[n]) = -2; // "unknown"
      }
    }
    return CUDA_SUCCESS;
  });
}
