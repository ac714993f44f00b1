// A driver without a device, for tests of the runtime: it keeps books as NVIDIA's does (contexts, modules,
// memory, errors that end a context), knows two kernels by name, and fails where a test asks for it.
//
// With GQA_FAKE_OLD it lacks what drivers before CUDA 11.2 lack, with GQA_FAKE_INCOMPLETE a function that all
// have. Environment: FAKE_CUDA_DEVICES (1), FAKE_CUDA_CHIP (80), FAKE_CUDA_POOLS (1),
// FAKE_CUDA_FAIL=symbol:code.
#include "FakeBooks.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace gqa::rt::cuda;
using namespace gqa::test::fake;

namespace {

CUctx_st contexts[8];
std::map<CUmodule, std::map<std::string, CUfunc_st>> functions;

template <typename T> T parameter(void **parameters, int index) {
  T value;
  std::memcpy(&value, parameters[index], sizeof value);
  return value;
}

/// scale(to, from, factor, n), of f32.
CUresult runScale(CUdeviceptr to, CUdeviceptr from, float factor, int count) {
  if (!inBlock(to, size_t(count) * 4) || !inBlock(from, size_t(count) * 4))
    return CUDA_ERROR_ILLEGAL_ADDRESS;
  for (int i = 0; i < count; ++i)
    reinterpret_cast<float *>(uintptr_t(to))[i] =
        factor * reinterpret_cast<const float *>(uintptr_t(from))[i];
  return CUDA_SUCCESS;
}

/// Parameters are copied. Errors of kernels show in later calls.
CUresult launch(CUfunction function, unsigned sharedBytes, CUstream stream, void **parameters) {
  if (!isStream(stream) || int(sharedBytes) > function->sharedBytes)
    return invalidValue;
  auto end = [](CUresult result) {
    if (result != CUDA_SUCCESS)
      sticky = result;
  };
  if (function->name == "fault")
    return queue(stream, [=] { end(CUDA_ERROR_ILLEGAL_INSTRUCTION); });
  if (function->name != "scale")
    return queue(stream, [] {});
  auto to = parameter<CUdeviceptr>(parameters, 0), from = parameter<CUdeviceptr>(parameters, 1);
  auto factor = parameter<float>(parameters, 2);
  auto count = parameter<int>(parameters, 3);
  return queue(stream, [=] { end(runScale(to, from, factor, count)); });
}

CUresult copy(void *to, const void *from, size_t bytes, CUdeviceptr device, CUstream stream) {
  if (!isStream(stream) || !inBlock(device, bytes))
    return invalidValue;
  return queue(stream, [=] { std::memcpy(to, from, bytes); });
}

/// PTX begins with its version, after comments; anything else is no image.
CUresult loadModule(CUmodule *module, const char *text, unsigned count, CUjit_option *options,
                    void **values) {
  auto buffer = [&](CUjit_option wanted) -> char * {
    for (unsigned i = 0; i < count; ++i)
      if (options[i] == wanted)
        return static_cast<char *>(values[i]);
    return nullptr;
  };
  if (std::strncmp(text, ".version", 8) != 0)
    return invalidImage;
  if (std::strstr(text, "nonsense")) {
    if (char *log = buffer(CU_JIT_ERROR_LOG_BUFFER))
      std::strcpy(
          log,
          "ptxas application ptx input, line 3; fatal   : Parsing error near 'nonsense': syntax error\n");
    return code(218);
  }
  *module = make<CUmod_st>();
  (*module)->text = text;
  return CUDA_SUCCESS;
}

} // namespace

DRIVER cuInit(unsigned) {
  ENTER(cuInit, false);
  if (setting("FAKE_CUDA_DEVICES", 1) == 0)
    return CUDA_ERROR_NO_DEVICE;
  initialized = true;
  return CUDA_SUCCESS;
}

DRIVER cuDriverGetVersion(int *version) {
  ENTER(cuDriverGetVersion, false);
  return *version = 12080, CUDA_SUCCESS;
}

DRIVER cuGetErrorName(CUresult error, const char **text) {
  static const std::map<int, const char *> names = {
      {1, "CUDA_ERROR_INVALID_VALUE"},        {2, "CUDA_ERROR_OUT_OF_MEMORY"},
      {100, "CUDA_ERROR_NO_DEVICE"},          {218, "CUDA_ERROR_INVALID_PTX"},
      {500, "CUDA_ERROR_NOT_FOUND"},          {700, "CUDA_ERROR_ILLEGAL_ADDRESS"},
      {715, "CUDA_ERROR_ILLEGAL_INSTRUCTION"}};
  auto known = names.find(error);
  *text = known == names.end() ? nullptr : known->second;
  return *text ? CUDA_SUCCESS : invalidValue;
}

DRIVER cuGetErrorString(CUresult error, const char **text) {
  static const std::map<int, const char *> texts = {{2, "out of memory"},
                                                    {100, "no CUDA-capable device is detected"},
                                                    {218, "a PTX JIT compilation failed"},
                                                    {500, "named symbol not found"},
                                                    {700, "an illegal memory access was encountered"},
                                                    {715, "an illegal instruction was encountered"}};
  auto known = texts.find(error);
  *text = known == texts.end() ? nullptr : known->second;
  return *text ? CUDA_SUCCESS : invalidValue;
}

DRIVER cuDeviceGetCount(int *count) {
  ENTER(cuDeviceGetCount, false);
  return *count = setting("FAKE_CUDA_DEVICES", 1), CUDA_SUCCESS;
}

DRIVER cuDeviceGet(CUdevice *device, int ordinal) {
  ENTER(cuDeviceGet, false);
  return *device = ordinal, CUDA_SUCCESS;
}

DRIVER cuDeviceGetName(char *name, int length, CUdevice) {
  ENTER(cuDeviceGetName, false);
  std::strncpy(name, "Fake GPU", size_t(length));
  return CUDA_SUCCESS;
}

DRIVER cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice) {
  ENTER(cuDeviceGetAttribute, false);
  int chip = setting("FAKE_CUDA_CHIP", 80);
  const std::map<int, int> values = {
      {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 108},
      {CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 40 << 20},
      {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, 2048},
      {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, chip / 10},
      {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, chip % 10},
      {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 164 << 10},
      {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR, 65536},
      {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 163 << 10},
      {CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, setting("FAKE_CUDA_POOLS", 1)}};
  auto known = values.find(attribute);
  if (known == values.end())
    return invalidValue;
  return *value = known->second, CUDA_SUCCESS;
}

DRIVER cuDeviceTotalMem_v2(size_t *bytes, CUdevice) {
  ENTER(cuDeviceTotalMem, false);
  return *bytes = size_t(80) << 30, CUDA_SUCCESS;
}

DRIVER cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
  ENTER(cuDevicePrimaryCtxRetain, false);
  return *context = &contexts[device], CUDA_SUCCESS;
}

DRIVER cuCtxPushCurrent_v2(CUcontext context) {
  ENTER(cuCtxPushCurrent, false);
  return current.push_back(context), CUDA_SUCCESS;
}

DRIVER cuCtxPopCurrent_v2(CUcontext *context) {
  ENTER(cuCtxPopCurrent, false);
  if (current.empty())
    return invalidContext;
  *context = current.back();
  current.pop_back();
  return CUDA_SUCCESS;
}

DRIVER cuCtxSynchronize(void) {
  ENTER(cuCtxSynchronize, true);
  return mayWaitForAll();
}

DRIVER cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned count, CUjit_option *options,
                          void **values) {
  ENTER(cuModuleLoadDataEx, true);
  MAY_WAIT();
  return loadModule(module, static_cast<const char *>(image), count, options, values);
}

DRIVER cuModuleUnload(CUmodule module) {
  ENTER(cuModuleUnload, true);
  MAY_WAIT();
  functions.erase(module);
  return destroy(module);
}

DRIVER cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
  ENTER(cuModuleGetFunction, true);
  if (!handles.count(module))
    return invalidHandle;
  if (module->text.find(std::string(".entry ") + name + "(") == std::string::npos)
    return notFound;
  CUfunc_st &found = functions[module][name];
  found.name = name;
  return *function = &found, CUDA_SUCCESS;
}

DRIVER cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute, int value) {
  ENTER(cuFuncSetAttribute, true);
  if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || value > 163 << 10)
    return invalidValue;
  return function->sharedBytes = value, CUDA_SUCCESS;
}

DRIVER cuLaunchKernel(CUfunction function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                      unsigned shared, CUstream stream, void **parameters, void **) {
  ENTER(cuLaunchKernel, true);
  return launch(function, shared, stream, parameters);
}

DRIVER cuStreamCreate(CUstream *stream, unsigned) {
  ENTER(cuStreamCreate, true);
  return *stream = make<CUstream_st>(), CUDA_SUCCESS;
}

DRIVER cuStreamDestroy_v2(CUstream stream) {
  ENTER(cuStreamDestroy, true);
  if (recordings.count(stream))
    giveUp(recordings[stream]);
  recordings.erase(stream);
  return destroy(stream);
}

DRIVER cuStreamSynchronize(CUstream stream) {
  ENTER(cuStreamSynchronize, true);
  if (recordings.count(stream))
    return recordings[stream].spoilt = true, captureUnsupported;
  return isStream(stream) ? CUDA_SUCCESS : invalidHandle;
}

DRIVER cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
  ENTER(cuStreamWaitEvent, true);
  return isStream(stream) && handles.count(event) ? CUDA_SUCCESS : invalidHandle;
}

DRIVER cuEventCreate(CUevent *event, unsigned) {
  ENTER(cuEventCreate, true);
  return *event = make<CUevent_st>(), CUDA_SUCCESS;
}

DRIVER cuEventDestroy_v2(CUevent event) {
  ENTER(cuEventDestroy, true);
  return destroy(event);
}

DRIVER cuEventRecord(CUevent event, CUstream stream) {
  ENTER(cuEventRecord, true);
  return isStream(stream) && handles.count(event) ? CUDA_SUCCESS : invalidHandle;
}

DRIVER cuEventSynchronize(CUevent event) {
  ENTER(cuEventSynchronize, true);
  return handles.count(event) ? CUDA_SUCCESS : invalidHandle;
}

DRIVER cuEventElapsedTime(float *milliseconds, CUevent, CUevent) {
  ENTER(cuEventElapsedTime, true);
  return *milliseconds = 0.25f, CUDA_SUCCESS;
}

DRIVER cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
  ENTER(cuMemAlloc, true);
  MAY_WAIT();
  return allocate(address, bytes);
}

DRIVER cuMemFree_v2(CUdeviceptr address) {
  ENTER(cuMemFree, true);
  MAY_WAIT();
  return release(address);
}

DRIVER cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
  ENTER(cuMemcpyHtoDAsync, true);
  return copy(reinterpret_cast<void *>(uintptr_t(to)), from, bytes, to, stream);
}

#ifndef GQA_FAKE_INCOMPLETE
DRIVER cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
  ENTER(cuMemcpyDtoHAsync, true);
  return copy(to, reinterpret_cast<const void *>(uintptr_t(from)), bytes, from, stream);
}
#endif

DRIVER cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  ENTER(cuMemcpyDtoDAsync, true);
  if (!inBlock(from, bytes))
    return invalidValue;
  return copy(reinterpret_cast<void *>(uintptr_t(to)), reinterpret_cast<const void *>(uintptr_t(from)), bytes,
              to, stream);
}

DRIVER cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream) {
  ENTER(cuMemsetD32Async, true);
  if (!isStream(stream) || to % 4 || !inBlock(to, count * 4))
    return invalidValue;
  return queue(stream, [=] { std::fill_n(reinterpret_cast<unsigned *>(uintptr_t(to)), count, value); });
}

DRIVER cuMemsetD2D8Async(CUdeviceptr to, size_t pitch, unsigned char value, size_t width, size_t height,
                         CUstream stream) {
  ENTER(cuMemsetD2D8Async, true);
  if (!isStream(stream) || (height > 1 && pitch < width) || !inBlock(to, pitch * (height - 1) + width))
    return invalidValue;
  return queue(stream, [=] {
    for (size_t row = 0; row < height; ++row)
      std::memset(reinterpret_cast<char *>(uintptr_t(to)) + row * pitch, value, width);
  });
}

#ifndef GQA_FAKE_OLD
DRIVER cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function, void **parameters, void **) {
  ENTER(cuLaunchKernelEx, true);
  return launch(function, config->sharedBytes, config->stream, parameters);
}

/// Of 108 multiprocessors in one group.
DRIVER cuOccupancyMaxActiveClusters(int *clusters, CUfunction function, const CUlaunchConfig *config) {
  ENTER(cuOccupancyMaxActiveClusters, true);
  if (int(config->sharedBytes) > function->sharedBytes || config->numAttributes != 1)
    return invalidValue;
  unsigned blocks = (164u << 10) / (config->sharedBytes + 1024);
  return *clusters = int(108 * blocks / config->attributes[0].value.clusterDim.x), CUDA_SUCCESS;
}

DRIVER cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *) {
  ENTER(cuMemPoolCreate, true);
  MAY_WAIT();
  return *pool = make<CUmemPoolHandle_st>(), CUDA_SUCCESS;
}

DRIVER cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute, void *) {
  ENTER(cuMemPoolSetAttribute, true);
  return handles.count(pool) ? CUDA_SUCCESS : invalidHandle;
}

DRIVER cuMemAllocFromPoolAsync(CUdeviceptr *address, size_t bytes, CUmemoryPool pool, CUstream stream) {
  ENTER(cuMemAllocFromPoolAsync, true);
  return handles.count(pool) && isStream(stream) ? allocate(address, bytes, stream) : invalidHandle;
}

DRIVER cuMemFreeAsync(CUdeviceptr address, CUstream stream) {
  ENTER(cuMemFreeAsync, true);
  return isStream(stream) ? release(address, stream) : invalidHandle;
}
#endif
