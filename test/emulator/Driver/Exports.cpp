// cuGetProcAddress: names without their version suffix find the newest version that is here.
#include "Driver.h"

#include <cstring>

using namespace gqa::emulator;

#define EMULATOR_FUNCTIONS(X)                                                                                \
  X(cuInit)                                                                                                  \
  X(cuDriverGetVersion)                                                                                      \
  X(cuDeviceGetCount)                                                                                        \
  X(cuDeviceGet) X(cuDeviceGetName) X(cuDeviceGetUuid_v2) X(cuDeviceGetAttribute) X(cuDeviceTotalMem_v2)     \
      X(cuDevicePrimaryCtxRetain) X(cuDevicePrimaryCtxRelease_v2) X(cuDevicePrimaryCtxGetState) X(           \
          cuCtxGetCurrent) X(cuCtxSetCurrent) X(cuCtxPushCurrent_v2) X(cuCtxPopCurrent_v2) X(cuCtxGetDevice) \
          X(cuCtxSynchronize) X(cuModuleLoadData) X(cuModuleLoadDataEx) X(cuModuleUnload)                    \
              X(cuModuleGetFunction) X(cuModuleGetGlobal_v2) X(cuFuncSetAttribute) X(cuFuncGetAttribute)     \
                  X(cuOccupancyMaxActiveBlocksPerMultiprocessor) X(cuLaunchKernel) X(cuLaunchKernelEx)       \
                      X(cuMemAlloc_v2) X(cuMemFree_v2) X(cuMemAllocAsync) X(cuMemFreeAsync)                  \
                          X(cuMemAllocHost_v2) X(cuMemFreeHost) X(cuMemGetInfo_v2) X(cuMemcpyHtoD_v2)        \
                              X(cuMemcpyDtoH_v2) X(cuMemcpyDtoD_v2) X(cuMemcpyAsync) X(cuMemcpyHtoDAsync_v2) \
                                  X(cuMemcpyDtoHAsync_v2) X(cuMemcpyDtoDAsync_v2) X(cuMemsetD8_v2)           \
                                      X(cuMemsetD8Async) X(cuMemsetD32Async) X(cuStreamCreate)               \
                                          X(cuStreamCreateWithPriority) X(cuStreamDestroy_v2)                \
                                              X(cuStreamSynchronize) X(cuStreamQuery) X(cuStreamWaitEvent)   \
                                                  X(cuEventCreate) X(cuEventDestroy_v2) X(cuEventRecord)     \
                                                      X(cuEventSynchronize) X(cuEventQuery)                  \
                                                          X(cuEventElapsedTime) X(cuPointerGetAttribute)     \
                                                              X(cuPointerGetAttributes) X(cuGetErrorName)    \
                                                                  X(cuGetErrorString)                        \
                                                                      X(cuTensorMapEncodeTiled)

extern "C" {
#define EMULATOR_DECLARE(name) void name();
EMULATOR_FUNCTIONS(EMULATOR_DECLARE)
}

namespace {
struct Entry {
  const char *name;
  void *function;
};
#define EMULATOR_ENTRY(name) {#name, reinterpret_cast<void *>(&name)},
const Entry kEntries[] = {EMULATOR_FUNCTIONS(EMULATOR_ENTRY)};

/// Whether an exported name is `symbol`, with or without a suffix such as _v2.
bool isVersionOf(const char *name, const char *symbol) {
  size_t length = std::strlen(symbol);
  return std::strncmp(name, symbol, length) == 0 &&
         (name[length] == 0 || std::strncmp(name + length, "_v", 2) == 0);
}
} // namespace

EMULATOR_API CUresult cuGetProcAddress_v2(const char *symbol, void **function, int, uint64_t, int *status) {
  return Driver::get().call("cuGetProcAddress_v2", Needs::Nothing, [&] {
    enum { kFound = 0, kNotFound = 1 };
    if (!symbol || !function)
      return CUDA_ERROR_INVALID_VALUE;
    *function = nullptr;
    for (const Entry &entry : kEntries)
      if (isVersionOf(entry.name, symbol))
        *function = entry.function;
    if (isVersionOf("cuGetProcAddress_v2", symbol))
      *function = reinterpret_cast<void *>(&cuGetProcAddress_v2);
    if (status)
      *status = *function ? kFound : kNotFound;
    return *function ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
  });
}
