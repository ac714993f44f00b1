// The driver interface: handles and arguments are checked, errors are those that CUDA documents, faults stay.
#include "Cuda.h"

#include <cstring>
#include <dlfcn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace gqa::emulator::test {
namespace {

constexpr const char *kModule = R"(.version 8.0
.target sm_80
.address_size 64
.global .align 4 .u32 counter = 7;
.visible .entry store(.param .u64 p, .param .u32 v) .maxntid 64, 1, 1 {
  .shared .align 4 .b8 s[256];
  .reg .b64 %p; .reg .b32 %v, %i;
  ld.param.u64 %p, [p]; ld.param.u32 %v, [v]; mov.u32 %i, %tid.x;
  mad.wide.u32 %p, %i, 4, %p; add.u32 %v, %v, %i; st.global.u32 [%p], %v; ret;
}
)";

class DriverTest : public CudaTest {
protected:
  CUmodule load(const char *text = kModule) {
    CUmodule module = nullptr;
    EXPECT_CUDA(cuModuleLoadData(&module, text));
    return module;
  }
};

TEST_F(DriverTest, DeviceProperties) {
  start("sm=86,device=Test Card,processors=10,memory=2G");
  int count = 0, value = 0;
  CUdevice device = -1;
  char name[16];
  size_t bytes = 0;
  EXPECT_CUDA(cuDeviceGetCount(&count));
  EXPECT_EQ(count, 1);
  EXPECT_CUDA(cuDeviceGet(&device, 0));
  EXPECT_EQ(cuDeviceGet(&device, 1), CUDA_ERROR_INVALID_DEVICE);
  EXPECT_CUDA(cuDeviceGetName(name, sizeof name, 0));
  EXPECT_STREQ(name, "Test Card");
  EXPECT_EQ(cuDeviceGetName(name, 0, 0), CUDA_ERROR_INVALID_VALUE);
  for (auto [attribute, want] : {std::pair{75, 8}, {76, 6}, {16, 10}, {97, 99 * 1024}, {10, 32}}) {
    EXPECT_CUDA(cuDeviceGetAttribute(&value, attribute, 0));
    EXPECT_EQ(value, want) << attribute;
  }
  EXPECT_EQ(cuDeviceGetAttribute(&value, 100000, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_CUDA(cuDeviceTotalMem_v2(&bytes, 0));
  EXPECT_EQ(bytes, size_t(2) << 30);
}

TEST_F(DriverTest, ContextsAreRetainedAndReleased) {
  start();
  unsigned flags = 0;
  int active = 0;
  CUcontext other = nullptr, popped = nullptr;
  EXPECT_CUDA(cuDevicePrimaryCtxGetState(0, &flags, &active));
  EXPECT_EQ(active, 1);
  EXPECT_CUDA(cuDevicePrimaryCtxRetain(&other, 0));
  EXPECT_EQ(other, context);
  EXPECT_CUDA(cuDevicePrimaryCtxRelease_v2(0));
  EXPECT_CUDA(cuCtxPushCurrent_v2(context));
  EXPECT_CUDA(cuCtxPopCurrent_v2(&popped));
  EXPECT_EQ(popped, context);
  EXPECT_EQ(cuCtxSetCurrent(reinterpret_cast<CUcontext>(8)), CUDA_ERROR_INVALID_CONTEXT);
  std::thread([] {
    CUcontext mine = reinterpret_cast<CUcontext>(8);
    EXPECT_CUDA(cuCtxGetCurrent(&mine));
    EXPECT_EQ(mine, nullptr) << "each thread has its own current context";
    CUdeviceptr p;
    EXPECT_EQ(cuMemAlloc_v2(&p, 4), CUDA_ERROR_INVALID_CONTEXT);
  }).join();
}

TEST_F(DriverTest, ModulesAndFunctions) {
  start();
  CUmodule module = load();
  CUfunction f = nullptr;
  CUdeviceptr global = 0;
  size_t bytes = 0;
  int value = 0;
  EXPECT_CUDA(cuModuleGetFunction(&f, module, "store"));
  EXPECT_EQ(cuModuleGetFunction(&f, module, "load"), CUDA_ERROR_NOT_FOUND);
  EXPECT_EQ(cuModuleGetFunction(&f, reinterpret_cast<CUmodule>(8), "store"), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_CUDA(cuModuleGetGlobal_v2(&global, &bytes, module, "counter"));
  EXPECT_EQ(bytes, 4u);
  EXPECT_EQ(download<unsigned>(global, 1)[0], 7u);
  EXPECT_CUDA(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, f));
  EXPECT_EQ(value, 64);
  EXPECT_CUDA(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, f));
  EXPECT_EQ(value, 256);
  EXPECT_EQ(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 1 << 20),
            CUDA_ERROR_INVALID_VALUE);
  EXPECT_CUDA(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 64 << 10));
  EXPECT_CUDA(cuOccupancyMaxActiveBlocksPerMultiprocessor(&value, f, 64, 64 << 10));
  EXPECT_EQ(value, 2) << "two times 65.25 KB in 164 KB";
  EXPECT_CUDA(cuModuleUnload(module));
  EXPECT_EQ(cuModuleUnload(module), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuFuncGetAttribute(&value, 0, f), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(DriverTest, ModulesAreReplaced) {
  std::string path = testing::TempDir() + "emulator-replacement.ptx", text = kModule;
  std::ofstream(path) << text.replace(text.find("add.u32"), 7, "sub.u32");
  start("ptx=" + path);
  CUdeviceptr p = upload(std::vector<uint32_t>(64));
  EXPECT_CUDA(launch(function(kModule, "store"), 1, 1, 64, 0, p, 100u));
  EXPECT_EQ(download<uint32_t>(p, 64)[63], 37u);
  std::string other = kModule; // whose kernel the file lacks
  other.replace(other.find("store"), 5, "other");
  EXPECT_CUDA(launch(function(other.c_str(), "other"), 1, 1, 64, 0, p, 100u));
  EXPECT_EQ(download<uint32_t>(p, 64)[63], 163u);
  std::remove(path.c_str());
  CUmodule module = nullptr;
  testing::internal::CaptureStderr();
  EXPECT_EQ(cuModuleLoadData(&module, kModule), CUDA_ERROR_INVALID_PTX);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("ptx=" + path + " has no text"), std::string::npos);
}

TEST_F(DriverTest, ErrorsInTextGoToTheLog) {
  start("sm=80");
  CUmodule module = nullptr;
  char log[256] = {};
  int options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  auto attempt = [&](const char *text) {
    void *values[] = {log, reinterpret_cast<void *>(sizeof log)};
    testing::internal::CaptureStderr();
    CUresult result = cuModuleLoadDataEx(&module, text, 2, options, values);
    testing::internal::GetCapturedStderr();
    EXPECT_EQ(reinterpret_cast<size_t>(values[1]), std::strlen(log));
    return result;
  };
  EXPECT_EQ(attempt(".version 8.0\n.target sm_80\n.visible .entry k() {\n  nonsense.f32 ;\n}\n"),
            CUDA_ERROR_INVALID_PTX);
  EXPECT_STREQ(log, "ptx input, line 4: unknown instruction 'nonsense' in 'nonsense.f32'");
  std::string large =
      ".version 8.0\n.target sm_80\n.visible .entry k(.param .align 4 .b8 p[4356]) {\n  ret;\n}\n";
  EXPECT_EQ(attempt(large.c_str()), CUDA_ERROR_INVALID_PTX);
  EXPECT_STREQ(log, "ptx input, line 3: kernel 'k' has 4356 bytes of parameters, expected at most 4352 in "
                    "this version of PTX");
  EXPECT_CUDA(attempt(large.replace(9, 3, "8.1").c_str()));
  EXPECT_EQ(attempt(".version 8.0\n.target sm_90a\n"), CUDA_ERROR_INVALID_PTX);
  EXPECT_NE(std::strstr(log, "sm_90a cannot run on this device, which is sm_80"), nullptr) << log;
  EXPECT_EQ(attempt("\177ELF\2\1\1"), CUDA_ERROR_NO_BINARY_FOR_GPU);
  EXPECT_EQ(cuModuleLoadData(&module, nullptr), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(DriverTest, Memory) {
  start("memory=64M");
  CUdeviceptr p = 0, q = 0;
  EXPECT_EQ(cuMemAlloc_v2(&p, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemAlloc_v2(nullptr, 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemAlloc_v2(&p, 65 << 20), CUDA_ERROR_OUT_OF_MEMORY);
  size_t unused = 0, total = 0;
  ASSERT_CUDA(cuMemAlloc_v2(&p, 1000));
  EXPECT_CUDA(cuMemGetInfo_v2(&unused, &total));
  EXPECT_EQ(total - unused, 1000u);
  EXPECT_EQ(p % 256, 0u);
  std::vector<unsigned> numbers{1, 2, 3, 4};
  EXPECT_CUDA(cuMemcpyHtoD_v2(p, numbers.data(), 16));
  EXPECT_EQ(cuMemcpyHtoD_v2(p + 992, numbers.data(), 16), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemcpyDtoH_v2(numbers.data(), 4096, 16), CUDA_ERROR_INVALID_VALUE);
  ASSERT_CUDA(cuMemAllocAsync(&q, 64, nullptr));
  EXPECT_CUDA(cuMemcpyDtoD_v2(q + 16, p, 16));
  EXPECT_EQ(download<unsigned>(q + 16, 4), numbers);
  EXPECT_CUDA(cuMemcpyAsync(reinterpret_cast<CUdeviceptr>(numbers.data()), q + 20, 8, nullptr));
  EXPECT_EQ(numbers[0], 2u);
  EXPECT_CUDA(cuMemsetD32Async(q, 9, 4, nullptr));
  EXPECT_CUDA(cuMemsetD8_v2(q + 8, 1, 4));
  EXPECT_EQ(download<unsigned>(q, 4), (std::vector<unsigned>{9, 9, 0x01010101, 9}));
  EXPECT_EQ(cuMemsetD32Async(q + 2, 9, 4, nullptr), CUDA_ERROR_INVALID_VALUE);
  EXPECT_CUDA(cuMemFreeAsync(q, nullptr));
  EXPECT_CUDA(cuMemFree_v2(p));
  EXPECT_EQ(cuMemFree_v2(p), CUDA_ERROR_INVALID_VALUE) << "a second time";
  EXPECT_EQ(cuMemFree_v2(p + 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_CUDA(cuMemFree_v2(0));
}

TEST_F(DriverTest, Pools) {
  start();
  CUmemPoolProps properties{};
  CUmemoryPool pool = nullptr;
  CUdeviceptr p = 0;
  EXPECT_EQ(cuMemPoolCreate(&pool, &properties), CUDA_ERROR_INVALID_VALUE) << "neither kind nor place";
  properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.locationType = CU_MEM_LOCATION_TYPE_DEVICE;
  ASSERT_CUDA(cuMemPoolCreate(&pool, &properties));
  uint64_t kept = 1 << 20, found = 0;
  EXPECT_CUDA(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &kept));
  EXPECT_CUDA(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &found));
  EXPECT_EQ(found, kept);
  EXPECT_EQ(cuMemPoolSetAttribute(pool, 5, &kept), CUDA_ERROR_INVALID_VALUE)
      << "how much is reserved is not ours to say";
  EXPECT_CUDA(cuMemAllocFromPoolAsync(&p, 64, pool, nullptr));
  EXPECT_EQ(cuMemAllocFromPoolAsync(&p, 64, pool, reinterpret_cast<CUstream>(8)), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_CUDA(cuMemFreeAsync(p, nullptr));
  EXPECT_CUDA(cuMemPoolDestroy(pool));
  EXPECT_EQ(cuMemAllocFromPoolAsync(&p, 64, pool, nullptr), CUDA_ERROR_INVALID_VALUE);
}

/// Host code that follows a device pointer faults, as on a machine with a GPU.
TEST_F(DriverTest, DevicePointersAreNoHostPointers) {
  start();
  CUdeviceptr p = 0;
  ASSERT_CUDA(cuMemAlloc_v2(&p, 64));
  testing::GTEST_FLAG(death_test_style) = "fast";
  EXPECT_DEATH(*reinterpret_cast<volatile int *>(p) = 1, "");
}

TEST_F(DriverTest, AForkedChildCannotUseTheDriver) {
  start();
  pid_t child = fork();
  if (child == 0) {
    int count = 0;
    _exit(cuDeviceGetCount(&count) == CUDA_ERROR_NOT_INITIALIZED && cuInit(0) == CUDA_ERROR_NOT_INITIALIZED
              ? 0
              : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_CUDA(cuCtxSynchronize());
}

TEST_F(DriverTest, PointerAttributes) {
  start();
  CUdeviceptr p = upload(std::vector<int>(10));
  unsigned kind = 0;
  EXPECT_CUDA(cuPointerGetAttribute(&kind, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, p + 4));
  EXPECT_EQ(kind, CU_MEMORYTYPE_DEVICE);
  size_t range = 0;
  EXPECT_CUDA(cuPointerGetAttribute(&range, CU_POINTER_ATTRIBUTE_RANGE_SIZE, p + 4));
  EXPECT_EQ(range, 40u);
  int local = 0;
  EXPECT_EQ(
      cuPointerGetAttribute(&kind, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, reinterpret_cast<CUdeviceptr>(&local)),
      CUDA_ERROR_INVALID_VALUE);
  int attributes[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL};
  int ordinal = 5;
  void *data[] = {&kind, &ordinal};
  EXPECT_CUDA(cuPointerGetAttributes(2, attributes, data, reinterpret_cast<CUdeviceptr>(&local)));
  EXPECT_EQ(kind, 0u);
  EXPECT_EQ(ordinal, -2);
  void *host = nullptr;
  ASSERT_CUDA(cuMemAllocHost_v2(&host, 100));
  EXPECT_CUDA(cuPointerGetAttribute(&kind, CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
                                    reinterpret_cast<CUdeviceptr>(host) + 99));
  EXPECT_EQ(kind, CU_MEMORYTYPE_HOST);
  EXPECT_CUDA(cuMemFreeHost(host));
  EXPECT_EQ(cuMemFreeHost(host), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(DriverTest, LaunchArguments) {
  start();
  CUfunction f = nullptr;
  ASSERT_CUDA(cuModuleGetFunction(&f, load(), "store"));
  CUdeviceptr p = upload(std::vector<unsigned>(64));
  EXPECT_CUDA(launch(f, 1, 1, 64, 0, p, 100u));
  EXPECT_EQ(download<unsigned>(p, 64)[63], 163u);
  EXPECT_EQ(launch(f, 0, 1, 64, 0, p, 1u), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch(f, 1, 1, 2048, 0, p, 1u), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch(f, 1, 1, 96, 0, p, 1u), CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES) << ".maxntid is 64";
  EXPECT_EQ(launch(f, 1, 1, 64, 49153, p, 1u), CUDA_ERROR_INVALID_VALUE)
      << "more shared memory needs cuFuncSetAttribute";
  EXPECT_EQ(cuLaunchKernel(reinterpret_cast<CUfunction>(8), 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr),
            CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, reinterpret_cast<CUstream>(8), nullptr, nullptr),
            CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr), CUDA_ERROR_INVALID_VALUE)
      << "no parameters";
  struct {
    CUdeviceptr p;
    unsigned v;
  } block{p, 5};
  size_t bytes = sizeof block;
  void *extra[] = {reinterpret_cast<void *>(1), &block, reinterpret_cast<void *>(2), &bytes, nullptr};
  EXPECT_CUDA(cuLaunchKernel(f, 1, 1, 1, 2, 1, 1, 0, nullptr, nullptr, extra));
  EXPECT_EQ(download<unsigned>(p, 2)[1], 6u);
  CUlaunchAttribute attribute{CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION, {}, {}};
  CUlaunchConfig config{1, 1, 1, 2, 1, 1, 0, nullptr, &attribute, 1};
  unsigned v = 50;
  void *params[] = {&p, &v};
  EXPECT_CUDA(cuLaunchKernelEx(&config, f, params, nullptr));
  EXPECT_EQ(download<unsigned>(p, 2)[1], 51u);
  attribute.value.value = 1; // and it does not wait for the kernel in front
  testing::internal::CaptureStderr();
  EXPECT_CUDA(cuLaunchKernelEx(&config, f, params, nullptr));
  EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_LAUNCH_FAILED);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("race: kernel store"), std::string::npos);
}

TEST_F(DriverTest, Clusters) {
  const std::string text = R"(.version 8.0
.target sm_90
.address_size 64
.visible .entry rank(.param .u64 p) {
  .reg .b64 %p; .reg .b32 %r, %i;
  ld.param.u64 %p, [p]; mov.u32 %i, %ctaid.x; mov.u32 %r, %cluster_ctarank;
  mad.wide.u32 %p, %i, 4, %p; st.global.u32 [%p], %r; ret;
}
)";
  auto launch = [&](CUfunction f, CUdeviceptr p, unsigned x, unsigned y) {
    void *params[] = {&p};
    CUlaunchAttribute attribute{CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION, {}, {}};
    attribute.value.clusterDim = {x, y, 1};
    CUlaunchConfig config{6, 1, 1, 1, 1, 1, 0, nullptr, &attribute, 1};
    return cuLaunchKernelEx(&config, f, params, nullptr);
  };
  start("sm=90");
  int value = 0;
  EXPECT_CUDA(cuDeviceGetAttribute(&value, /*CLUSTER_LAUNCH=*/120, 0));
  EXPECT_EQ(value, 1);
  CUfunction f = nullptr;
  ASSERT_CUDA(cuModuleGetFunction(&f, load(text.c_str()), "rank"));
  CUdeviceptr p = upload(std::vector<unsigned>(6));
  for (unsigned size : {1, 2, 3, 6}) {
    EXPECT_CUDA(launch(f, p, size, 1));
    std::vector<unsigned> ranks = download<unsigned>(p, 6);
    for (unsigned n = 0; n < 6; ++n)
      EXPECT_EQ(ranks[n], n % size) << n;
  }
  EXPECT_EQ(launch(f, p, 4, 1), CUDA_ERROR_INVALID_CLUSTER_SIZE) << "the grid has no multiple";
  EXPECT_EQ(launch(f, p, 2, 2), CUDA_ERROR_INVALID_CLUSTER_SIZE);
  EXPECT_EQ(launch(f, p, 0, 1), CUDA_ERROR_INVALID_CLUSTER_SIZE);
  EXPECT_EQ(launch(f, p, 12, 1), CUDA_ERROR_INVALID_CLUSTER_SIZE);
}

/// Within groups of 16, 18, 16, 18, 16, 18, 16 and 14 multiprocessors.
TEST_F(DriverTest, ClustersThatFit) {
  start("sm=90,processors=132");
  CUfunction f = function(kModule, "store");
  ASSERT_CUDA(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 120 << 10));
  CUlaunchAttribute attribute{CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION, {}, {}};
  CUlaunchConfig config{8, 1, 1, 64, 1, 1, 120 << 10, nullptr, &attribute, 1};
  int count = 0;
  for (auto [size, wanted] :
       {std::pair{1, 132}, {2, 66}, {3, 42}, {4, 31}, {5, 23}, {6, 19}, {7, 16}, {8, 15}}) {
    attribute.value.clusterDim = {unsigned(size), 1, 1};
    EXPECT_CUDA(cuOccupancyMaxActiveClusters(&count, f, &config));
    EXPECT_EQ(count, wanted) << size;
  }
  config.sharedMemBytes = 100 << 10; // two of a multiprocessor: 32 and 36 and 28 of a group
  EXPECT_CUDA(cuOccupancyMaxActiveClusters(&count, f, &config));
  EXPECT_EQ(count, 4 * 4 + 3 * 4 + 3);
  attribute.value.clusterDim = {9, 1, 1};
  EXPECT_EQ(cuOccupancyMaxActiveClusters(&count, f, &config), CUDA_ERROR_INVALID_CLUSTER_SIZE);
  config.numAttrs = 0;
  EXPECT_EQ(cuOccupancyMaxActiveClusters(&count, f, &config), CUDA_ERROR_INVALID_CLUSTER_SIZE);
  EXPECT_EQ(cuOccupancyMaxActiveClusters(&count, nullptr, &config), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(DriverTest, ClustersNeedTheirChip) {
  start();
  int value = 1;
  EXPECT_CUDA(cuDeviceGetAttribute(&value, /*CLUSTER_LAUNCH=*/120, 0));
  EXPECT_EQ(value, 0);
  CUfunction f = nullptr;
  ASSERT_CUDA(cuModuleGetFunction(&f, load(), "store"));
  CUdeviceptr p = upload(std::vector<unsigned>(8));
  unsigned v = 0;
  void *params[] = {&p, &v};
  CUlaunchAttribute attribute{CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION, {}, {}};
  CUlaunchConfig config{2, 1, 1, 2, 1, 1, 0, nullptr, &attribute, 1};
  attribute.value.clusterDim = {2, 1, 1};
  EXPECT_EQ(cuLaunchKernelEx(&config, f, params, nullptr), CUDA_ERROR_INVALID_CLUSTER_SIZE);
  EXPECT_EQ(cuOccupancyMaxActiveClusters(&value, f, &config), CUDA_ERROR_INVALID_CLUSTER_SIZE);
}

/// As on the machine, the launch succeeds, the next call tells, and nothing works until the context is gone.
TEST_F(DriverTest, FaultsStay) {
  start();
  CUfunction f = nullptr;
  ASSERT_CUDA(cuModuleGetFunction(&f, load(), "store"));
  CUdeviceptr p = upload(std::vector<unsigned>(8));
  unsigned v = 0;
  void *params[] = {&p, &v};
  testing::internal::CaptureStderr();
  EXPECT_CUDA(cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, nullptr, params, nullptr));
  EXPECT_NE(testing::internal::GetCapturedStderr().find("out-of-bounds: kernel store, line "),
            std::string::npos);
  EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(cuMemcpyDtoH_v2(params, p, 8), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(cuMemFree_v2(p), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(cuStreamSynchronize(nullptr), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_CUDA(cuCtxSetCurrent(nullptr));
  EXPECT_CUDA(cuDevicePrimaryCtxRelease_v2(0));
  start();
  EXPECT_CUDA(cuCtxSynchronize());
}

TEST_F(DriverTest, BlockingLaunchesTellAtOnce) {
  start("blocking=on");
  CUfunction f = nullptr;
  ASSERT_CUDA(cuModuleGetFunction(&f, load(), "store"));
  CUdeviceptr p = 64;
  unsigned v = 0;
  void *params[] = {&p, &v};
  testing::internal::CaptureStderr();
  EXPECT_EQ(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, nullptr, params, nullptr), CUDA_ERROR_ILLEGAL_ADDRESS);
  testing::internal::GetCapturedStderr();
}

TEST_F(DriverTest, StreamsAndEvents) {
  start();
  CUstream stream = nullptr;
  CUevent begin = nullptr, end = nullptr;
  float ms = -1;
  ASSERT_CUDA(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  EXPECT_EQ(cuStreamCreate(&stream, 4), CUDA_ERROR_INVALID_VALUE);
  ASSERT_CUDA(cuEventCreate(&begin, 0));
  ASSERT_CUDA(cuEventCreate(&end, 0));
  EXPECT_EQ(cuEventElapsedTime(&ms, begin, end), CUDA_ERROR_INVALID_HANDLE) << "nothing recorded";
  EXPECT_CUDA(cuEventRecord(begin, stream));
  EXPECT_CUDA(cuStreamWaitEvent(nullptr, begin, 0));
  EXPECT_CUDA(cuEventRecord(end, stream));
  EXPECT_CUDA(cuEventSynchronize(end));
  EXPECT_CUDA(cuEventElapsedTime(&ms, begin, end));
  EXPECT_GE(ms, 0);
  EXPECT_CUDA(cuStreamQuery(stream));
  EXPECT_CUDA(cuEventDestroy_v2(end));
  EXPECT_EQ(cuEventRecord(end, stream), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_CUDA(cuStreamDestroy_v2(stream));
  EXPECT_EQ(cuStreamDestroy_v2(stream), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(DriverTest, InjectedFailures) {
  start("fail=cuMemAlloc_v2@2:2,fail=cuStreamCreate@all");
  CUdeviceptr p = 0;
  CUstream stream = nullptr;
  EXPECT_CUDA(cuMemAlloc_v2(&p, 4));
  EXPECT_EQ(cuMemAlloc_v2(&p, 4), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_CUDA(cuMemAlloc_v2(&p, 4));
  EXPECT_EQ(cuStreamCreate(&stream, 0), CUDA_ERROR_UNKNOWN);
  EXPECT_EQ(cuStreamCreate(&stream, 0), CUDA_ERROR_UNKNOWN);
  cuCtxSetCurrent(nullptr);
  cuDevicePrimaryCtxRelease_v2(0);
  context = nullptr;
  setenv("GQA_EMULATOR", "fail=cuInit@1:100", 1);
  EXPECT_EQ(cuInit(0), CUDA_ERROR_NO_DEVICE);
}

TEST_F(DriverTest, SettingsAreChecked) {
  for (const char *bad : {"completion=sometimes", "threads=many", "checks", "fail=cuInit", "sm=70",
                          "memory=0", "ptx=", "colour=red"}) {
    setenv("GQA_EMULATOR", bad, 1);
    testing::internal::CaptureStderr();
    EXPECT_EQ(cuInit(0), CUDA_ERROR_INVALID_VALUE) << bad;
    EXPECT_NE(
        testing::internal::GetCapturedStderr().find(std::string("GQA_EMULATOR: '") + bad + "' is not one of"),
        std::string::npos);
  }
}

TEST_F(DriverTest, ReportsAreJsonLines) {
  std::string path = testing::TempDir() + "emulator-report.json";
  std::remove(path.c_str());
  start("report=" + path);
  CUfunction f = nullptr;
  ASSERT_CUDA(cuModuleGetFunction(&f, load(), "store"));
  EXPECT_CUDA(launch(f, 2, 1, 64, 0, upload(std::vector<unsigned>(64)), 1u));
  testing::internal::CaptureStderr();
  EXPECT_EQ(launch(f, 1, 1, 64, 0, upload(std::vector<unsigned>(1)), 1u), CUDA_ERROR_ILLEGAL_ADDRESS);
  testing::internal::GetCapturedStderr();
  std::string text = readFile(path);
  EXPECT_NE(
      text.find("{\"event\": \"launch\", \"kernel\": \"store\", \"grid\": [2, 1, 1], \"block\": [64, 1, 1]"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("\"global_store_bytes\": 512"), std::string::npos) << text;
  EXPECT_NE(text.find("\"number\": "), std::string::npos) << text;
  EXPECT_NE(
      text.find("{\"event\": \"fault\", \"kind\": \"out-of-bounds\", \"kernel\": \"store\", \"error\": 700"),
      std::string::npos)
      << text;
  std::remove(path.c_str());
}

TEST_F(DriverTest, ErrorNames) {
  const char *text = nullptr;
  EXPECT_CUDA(cuGetErrorName(CUDA_ERROR_ILLEGAL_ADDRESS, &text));
  EXPECT_STREQ(text, "CUDA_ERROR_ILLEGAL_ADDRESS");
  EXPECT_CUDA(cuGetErrorString(CUDA_ERROR_OUT_OF_MEMORY, &text));
  EXPECT_STREQ(text, "out of memory");
  EXPECT_EQ(cuGetErrorName(static_cast<CUresult>(12345), &text), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(text, nullptr);
}

TEST_F(DriverTest, Symbols) {
  void *function = nullptr;
  int status = -1;
  EXPECT_CUDA(cuGetProcAddress_v2("cuMemAlloc", &function, 12000, 0, &status));
  EXPECT_EQ(function, dlsym(RTLD_DEFAULT, "cuMemAlloc_v2"));
  EXPECT_EQ(status, 0);
  EXPECT_EQ(cuGetProcAddress_v2("cuNoSuchThing", &function, 12000, 0, &status), CUDA_ERROR_NOT_FOUND);
  EXPECT_EQ(function, nullptr);
  EXPECT_EQ(dlsym(RTLD_DEFAULT, "_ZN3gqa8emulator6Driver3getEv"), nullptr)
      << "only the interface is exported";
}

TEST_F(DriverTest, WithoutInit) {
  // The process has initialised the driver in other tests; without a context nothing is allowed all the same.
  setenv("GQA_EMULATOR", "", 1);
  ASSERT_CUDA(cuInit(0));
  CUdeviceptr p = 0;
  EXPECT_EQ(cuMemAlloc_v2(&p, 4), CUDA_ERROR_INVALID_CONTEXT);
  EXPECT_EQ(cuDevicePrimaryCtxRelease_v2(0), CUDA_ERROR_INVALID_CONTEXT);
  EXPECT_EQ(cuInit(1), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuTensorMapEncodeTiled(nullptr, 0, 0, nullptr, nullptr, nullptr, nullptr, nullptr, 0, 0, 0, 0),
            CUDA_ERROR_NOT_SUPPORTED);
}

} // namespace
} // namespace gqa::emulator::test
