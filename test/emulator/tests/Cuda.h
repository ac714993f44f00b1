// The driver library as a program would use it: through its C interface, with settings from the environment.
#pragma once
#include "Driver/Cuda.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

extern "C" {
CUresult cuInit(unsigned);
CUresult cuDriverGetVersion(int *);
CUresult cuDeviceGetCount(int *);
CUresult cuDeviceGet(CUdevice *, int);
CUresult cuDeviceGetName(char *, int, CUdevice);
CUresult cuDeviceGetUuid_v2(CUuuid *, CUdevice);
CUresult cuDeviceGetAttribute(int *, int, CUdevice);
CUresult cuDeviceTotalMem_v2(size_t *, CUdevice);
CUresult cuDevicePrimaryCtxRetain(CUcontext *, CUdevice);
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice);
CUresult cuDevicePrimaryCtxGetState(CUdevice, unsigned *, int *);
CUresult cuCtxGetCurrent(CUcontext *);
CUresult cuCtxSetCurrent(CUcontext);
CUresult cuCtxPushCurrent_v2(CUcontext);
CUresult cuCtxPopCurrent_v2(CUcontext *);
CUresult cuCtxSynchronize();
CUresult cuModuleLoadData(CUmodule *, const void *);
CUresult cuModuleLoadDataEx(CUmodule *, const void *, unsigned, int *, void **);
CUresult cuModuleUnload(CUmodule);
CUresult cuModuleGetFunction(CUfunction *, CUmodule, const char *);
CUresult cuModuleGetGlobal_v2(CUdeviceptr *, size_t *, CUmodule, const char *);
CUresult cuFuncSetAttribute(CUfunction, int, int);
CUresult cuFuncGetAttribute(int *, int, CUfunction);
CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *, CUfunction, int, size_t);
CUresult cuOccupancyMaxActiveClusters(int *, CUfunction, const CUlaunchConfig *);
CUresult cuLaunchKernel(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                        CUstream, void **, void **);
CUresult cuLaunchKernelEx(const CUlaunchConfig *, CUfunction, void **, void **);
CUresult cuMemAlloc_v2(CUdeviceptr *, size_t);
CUresult cuMemFree_v2(CUdeviceptr);
CUresult cuMemAllocAsync(CUdeviceptr *, size_t, CUstream);
CUresult cuMemFreeAsync(CUdeviceptr, CUstream);
CUresult cuMemPoolCreate(CUmemoryPool *, const CUmemPoolProps *);
CUresult cuMemPoolDestroy(CUmemoryPool);
CUresult cuMemPoolSetAttribute(CUmemoryPool, int, void *);
CUresult cuMemPoolGetAttribute(CUmemoryPool, int, void *);
CUresult cuMemAllocFromPoolAsync(CUdeviceptr *, size_t, CUmemoryPool, CUstream);
CUresult cuMemAllocHost_v2(void **, size_t);
CUresult cuMemFreeHost(void *);
CUresult cuMemGetInfo_v2(size_t *, size_t *);
CUresult cuMemcpyHtoD_v2(CUdeviceptr, const void *, size_t);
CUresult cuMemcpyDtoH_v2(void *, CUdeviceptr, size_t);
CUresult cuMemcpyDtoD_v2(CUdeviceptr, CUdeviceptr, size_t);
CUresult cuMemcpyAsync(CUdeviceptr, CUdeviceptr, size_t, CUstream);
CUresult cuMemsetD8_v2(CUdeviceptr, unsigned char, size_t);
CUresult cuMemsetD8Async(CUdeviceptr, unsigned char, size_t, CUstream);
CUresult cuMemsetD32Async(CUdeviceptr, unsigned, size_t, CUstream);
CUresult cuStreamCreate(CUstream *, unsigned);
CUresult cuStreamDestroy_v2(CUstream);
CUresult cuStreamSynchronize(CUstream);
CUresult cuStreamQuery(CUstream);
CUresult cuStreamWaitEvent(CUstream, CUevent, unsigned);
CUresult cuEventCreate(CUevent *, unsigned);
CUresult cuEventDestroy_v2(CUevent);
CUresult cuEventRecord(CUevent, CUstream);
CUresult cuEventSynchronize(CUevent);
CUresult cuEventElapsedTime(float *, CUevent, CUevent);
CUresult cuPointerGetAttribute(void *, int, CUdeviceptr);
CUresult cuPointerGetAttributes(unsigned, int *, void **, CUdeviceptr);
CUresult cuGetErrorName(CUresult, const char **);
CUresult cuGetErrorString(CUresult, const char **);
CUresult cuGetProcAddress_v2(const char *, void **, int, uint64_t, int *);
CUresult cuTensorMapEncodeTiled(CUtensorMap *, int, unsigned, void *, const uint64_t *, const uint64_t *,
                                const uint32_t *, const uint32_t *, int, int, int, int);
}

namespace gqa::emulator::test {

#define EXPECT_CUDA(call) EXPECT_EQ(call, CUDA_SUCCESS)
#define ASSERT_CUDA(call) ASSERT_EQ(call, CUDA_SUCCESS)

inline std::string readFile(const std::string &path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A fresh context with the given settings; released at the end of the test.
class CudaTest : public testing::Test {
protected:
  void start(const std::string &settings = "threads=1") {
    setenv("GQA_EMULATOR", settings.c_str(), 1);
    ASSERT_CUDA(cuInit(0));
    ASSERT_CUDA(cuDevicePrimaryCtxRetain(&context, 0));
    ASSERT_CUDA(cuCtxSetCurrent(context));
  }
  void TearDown() override {
    if (context) {
      cuCtxSetCurrent(nullptr);
      cuDevicePrimaryCtxRelease_v2(0);
    }
    unsetenv("GQA_EMULATOR");
  }

  CUfunction function(const std::string &ptx, const char *name) {
    CUmodule module = nullptr;
    CUfunction f = nullptr;
    EXPECT_CUDA(cuModuleLoadData(&module, ptx.c_str()));
    EXPECT_CUDA(cuModuleGetFunction(&f, module, name));
    return f;
  }
  template <class T> CUdeviceptr upload(const std::vector<T> &values) {
    CUdeviceptr p = 0;
    EXPECT_CUDA(cuMemAlloc_v2(&p, values.size() * sizeof(T)));
    EXPECT_CUDA(cuMemcpyHtoD_v2(p, values.data(), values.size() * sizeof(T)));
    return p;
  }
  template <class T> std::vector<T> download(CUdeviceptr p, size_t count) {
    std::vector<T> values(count);
    EXPECT_CUDA(cuMemcpyDtoH_v2(values.data(), p, count * sizeof(T)));
    return values;
  }
  /// Launches with parameters of any type and waits.
  template <class... Ts>
  CUresult launch(CUfunction f, unsigned gx, unsigned gy, unsigned threads, unsigned shared, Ts... params) {
    void *pointers[] = {&params..., nullptr};
    CUresult launched = cuLaunchKernel(f, gx, gy, 1, threads, 1, 1, shared, nullptr, pointers, nullptr);
    return launched == CUDA_SUCCESS ? cuCtxSynchronize() : launched;
  }

  CUcontext context = nullptr;
};

/// On a device of sm_90 under each policy of completion. These tests also run on hardware, where the policies
/// are all the same: with the folder of NVIDIA's libcuda.so.1 in LD_LIBRARY_PATH.
class HopperTest : public CudaTest, public testing::WithParamInterface<const char *> {
protected:
  void SetUp() override { start(std::string("sm=90,threads=1,completion=") + GetParam()); }
};
inline std::string completionName(const testing::TestParamInfo<const char *> &info) {
  return std::string(info.param).substr(0, std::string(info.param).find(':'));
}
#define EMULATOR_EVERY_COMPLETION(Suite)                                                                     \
  INSTANTIATE_TEST_SUITE_P(Policies, Suite, testing::Values("eager", "late", "random:5"), completionName)

} // namespace gqa::emulator::test
