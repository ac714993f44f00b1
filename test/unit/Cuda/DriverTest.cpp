// Loading the driver: what is wrong is said in one line.
#include "Support.h"

#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

using namespace gqa::test;

namespace {

TEST(CudaDriver, IsMissing) {
  IN_CHILD("/nowhere/libcuda.so.1", {
    EXPECT_STREQ(
        gqa_rt_cuda_error(),
        "CUDA needs NVIDIA's driver, and /nowhere/libcuda.so.1 cannot be loaded (/nowhere/libcuda.so.1: "
        "cannot open shared object file: No such file or directory)");
    EXPECT_EQ(gqa_rt_cuda_num_devices(), 0);
    EXPECT_EQ(gqa_rt_cuda_driver_version(), 0);
    EXPECT_EQ(gqa_rt_cuda_device_name(0), nullptr);
    EXPECT_EQ(exercise(), gqa_rt_cuda_error());
    EXPECT_EQ(gqa_rt_cuda_reserve(0, nullptr, 16), nullptr);
    EXPECT_STREQ(gqa_rt_last_error(), gqa_rt_cuda_error());
  });
}

TEST(CudaDriver, IsNotALibrary) {
  std::string path = testing::TempDir() + "gqa-not-a-library.so";
  std::ofstream(path) << "a text of some length, so that its header is complete, and more than that\n";
  IN_CHILD(path.c_str(), EXPECT_PRED2(
                             [](const std::string &text, const char *part) {
                               return text.find(part) != std::string::npos &&
                                      text.find('\n') == std::string::npos;
                             },
                             gqa_rt_cuda_error(), "cannot be loaded"));
  std::remove(path.c_str());
}

TEST(CudaDriver, LacksAFunction) {
  IN_CHILD(GQA_FAKE_DRIVER_INCOMPLETE,
           EXPECT_STREQ(gqa_rt_cuda_error(), "CUDA needs NVIDIA's driver, and " GQA_FAKE_DRIVER_INCOMPLETE
                                             " lacks the function cuMemcpyDtoHAsync_v2"));
}

TEST(CudaDriver, HasNoDevice) {
  IN_CHILD(GQA_FAKE_DRIVER, {
    setenv("FAKE_CUDA_DEVICES", "0", 1);
    EXPECT_STREQ(
        gqa_rt_cuda_error(),
        "CUDA cannot be used: cuInit: no CUDA-capable device is detected (CUDA_ERROR_NO_DEVICE); is there "
        "an NVIDIA GPU, and does CUDA_VISIBLE_DEVICES show it?");
  });
}

TEST(CudaDriver, ErrorWithoutAText) {
  IN_CHILD(GQA_FAKE_DRIVER, {
    setenv("FAKE_CUDA_FAIL", "cuInit:4242", 1);
    EXPECT_STREQ(gqa_rt_cuda_error(), "CUDA cannot be used: cuInit: error 4242");
  });
}

TEST(CudaDriver, OlderThanPoolsAndLaunchAttributes) {
  IN_CHILD(GQA_FAKE_DRIVER_OLD, EXPECT_EQ(exercise(), ""); EXPECT_EQ(control<int()>("fake_live")(), 0));
}

TEST(CudaDriver, OlderThanClusters) {
  IN_CHILD(GQA_FAKE_DRIVER_OLD, {
    Module module;
    void *arguments[] = {&module.module};
    gqa_rt_cuda_site site = defaultSite();
    auto enter = [](void **arguments) {
      auto *module = static_cast<gqa_rt_cuda_module *>(arguments[0]);
      gqa_rt_cuda_launch(module, "scale", 2, 1, 1, /*cluster=*/2, 32, 0, 0, nullptr);
    };
    EXPECT_EQ(gqa_rt_cuda_call(&site, enter, arguments), 1);
    EXPECT_STREQ(gqa_rt_last_error(),
                 "the driver is too old for clusters: it has no cuLaunchKernelEx, launching kernel 'scale'");
  });
}

/// In a call: how many clusters of so many blocks.
int64_t clusters(int64_t tasks, int64_t resident) {
  int64_t numbers[] = {tasks, resident, -1};
  void *arguments[] = {numbers};
  gqa_rt_cuda_site site = defaultSite();
  auto enter = [](void **arguments) {
    auto *numbers = static_cast<int64_t *>(arguments[0]);
    numbers[2] = gqa_rt_cuda_clusters(numbers[0], numbers[1]);
  };
  return gqa_rt_cuda_call(&site, enter, arguments) ? -1 : numbers[2];
}

TEST(CudaDriver, ClustersAreAskedForOnce) {
  IN_CHILD(GQA_FAKE_DRIVER, {
    setenv("FAKE_CUDA_CHIP", "90", 1);
    EXPECT_EQ(clusters(8, 1), 13);
    EXPECT_EQ(clusters(8, 1), 13);
    EXPECT_EQ(clusters(8, 2), 27);
    EXPECT_EQ(clusters(5, 2), 43);
    EXPECT_EQ(control<int(const char *)>("fake_calls")("cuOccupancyMaxActiveClusters"), 3);
    EXPECT_EQ(control<int(const char *)>("fake_calls")("cuModuleLoadDataEx"), 1);
    EXPECT_EQ(clusters(9, 1), 0);
    EXPECT_EQ(clusters(0, 1), 0);
  });
}

TEST(CudaDriver, ChipsWithoutClusters) {
  IN_CHILD(GQA_FAKE_DRIVER, EXPECT_EQ(clusters(2, 1), 0));
  IN_CHILD(GQA_FAKE_DRIVER_OLD, {
    setenv("FAKE_CUDA_CHIP", "90", 1);
    EXPECT_EQ(clusters(2, 1), 0);
  });
}

TEST(CudaDriver, ClustersTooLargeForAPartOfAChip) {
  IN_CHILD(GQA_FAKE_DRIVER, {
    setenv("FAKE_CUDA_CHIP", "90", 1);
    setenv("FAKE_CUDA_FAIL", "cuOccupancyMaxActiveClusters:912", 1);
    EXPECT_EQ(clusters(8, 1), 0);
  });
  IN_CHILD(GQA_FAKE_DRIVER, {
    setenv("FAKE_CUDA_CHIP", "90", 1);
    setenv("FAKE_CUDA_FAIL", "cuOccupancyMaxActiveClusters:1", 1);
    EXPECT_EQ(clusters(8, 1), -1);
    EXPECT_STREQ(gqa_rt_last_error(),
                 "CUDA device 0: cuOccupancyMaxActiveClusters: error 1 (CUDA_ERROR_INVALID_VALUE)");
  });
}

TEST(CudaDriver, ClustersWithoutTheDriversCompiler) {
  IN_CHILD(GQA_FAKE_DRIVER, {
    setenv("FAKE_CUDA_CHIP", "90", 1);
    setenv("FAKE_CUDA_FAIL", "cuModuleLoadDataEx:221", 1);
    testing::internal::CaptureStderr();
    EXPECT_EQ(clusters(8, 1), 0);
    EXPECT_NE(testing::internal::GetCapturedStderr().find("merged by a kernel, not in clusters"),
              std::string::npos);
    EXPECT_EQ(clusters(8, 1), 0);
  });
}

TEST(CudaDriver, DeviceWithoutPools) {
  IN_CHILD(GQA_FAKE_DRIVER, {
    setenv("FAKE_CUDA_POOLS", "0", 1);
    EXPECT_EQ(exercise(), "");
    EXPECT_EQ(control<int(const char *)>("fake_calls")("cuMemAllocFromPoolAsync"), 0);
    EXPECT_EQ(control<int()>("fake_live")(), 0);
  });
}

/// Runs `body` in a forked child; true if it yields true there.
template <typename Body> bool forked(Body &&body) {
  pid_t child = fork();
  if (child == 0)
    _exit(body() ? 0 : 1);
  int status = 1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(CudaDriver, ChildOfAProcessThatUsedIt) {
  IN_CHILD(GQA_FAKE_DRIVER, {
    EXPECT_EQ(exercise(), "");
    void *memory = gqa_rt_cuda_reserve(0, nullptr, 16);
    EXPECT_TRUE(forked([&] {
      std::string expected = "this process is a child of one that has used CUDA, and cannot use it";
      auto refused = [&](std::string text) { return text.substr(0, expected.size()) == expected; };
      return refused(gqa_rt_cuda_error()) && refused(exercise()) && gqa_rt_cuda_num_devices() == 0 &&
             gqa_rt_cuda_release(0, nullptr, memory) == 1 && refused(gqa_rt_last_error());
    }));
    EXPECT_EQ(exercise(), ""); // the parent is as before
  });
}

TEST(CudaDriver, ChildOfAProcessThatDidNot) {
  IN_CHILD(GQA_FAKE_DRIVER, EXPECT_TRUE(forked([] { return exercise().empty(); }));
           EXPECT_EQ(exercise(), ""));
}

TEST(CudaDriver, ChildOfAProcessThatOnlyLookedForIt) {
  IN_CHILD("/nowhere/libcuda.so.1", {
    gqa_rt_cuda_error();
    EXPECT_TRUE(forked(
        [] { return std::string(gqa_rt_cuda_error()).find("cannot be loaded") != std::string::npos; }));
  });
}

TEST(CudaDevice, Facts) {
  NEEDS_FAKE_DRIVER();
  int64_t facts[GQA_RT_CUDA_NUM_FACTS];
  ASSERT_EQ(gqa_rt_cuda_device_facts(0, facts), 0);
  EXPECT_EQ(facts[GQA_RT_CUDA_CHIP], 80);
  EXPECT_EQ(facts[GQA_RT_CUDA_PROCESSORS], 108);
  EXPECT_EQ(facts[GQA_RT_CUDA_SHARED_PER_BLOCK], 163 << 10);
  EXPECT_EQ(facts[GQA_RT_CUDA_SHARED_PER_PROCESSOR], 164 << 10);
  EXPECT_EQ(facts[GQA_RT_CUDA_L2_BYTES], 40 << 20);
  EXPECT_EQ(facts[GQA_RT_CUDA_MEMORY_BYTES], int64_t(80) << 30);
  EXPECT_EQ(facts[GQA_RT_CUDA_THREADS_PER_PROCESSOR], 2048);
  EXPECT_EQ(facts[GQA_RT_CUDA_REGISTERS_PER_PROCESSOR], 65536);
  EXPECT_STREQ(gqa_rt_cuda_device_name(0), "Fake GPU");
  EXPECT_EQ(gqa_rt_cuda_driver_version(), 12080);
}

TEST(CudaDevice, OutOfRange) {
  int64_t facts[GQA_RT_CUDA_NUM_FACTS], count = gqa_rt_cuda_num_devices();
  for (int64_t device : {int64_t(-1), count}) {
    EXPECT_EQ(gqa_rt_cuda_device_facts(device, facts), 1);
    EXPECT_EQ(std::string(gqa_rt_last_error()).find("there is no CUDA device " + std::to_string(device)), 0u);
  }
}

TEST(CudaDevice, UploadsAreGivenBackWhenAllIsDone) {
  NEEDS_FAKE_DRIVER();
  IN_CHILD(GQA_FAKE_DRIVER, {
    void *copy = gqa_rt_cuda_upload(0, "weights", 8);
    ASSERT_NE(copy, nullptr) << gqa_rt_last_error();
    EXPECT_EQ(control<int(const char *)>("fake_calls")("cuCtxSynchronize"), 0);
    EXPECT_EQ(gqa_rt_cuda_discard(0, copy), 0) << gqa_rt_last_error();
    EXPECT_EQ(control<int(const char *)>("fake_calls")("cuCtxSynchronize"), 1);
    int live = control<int()>("fake_live")();
    copy = gqa_rt_cuda_upload(0, "weights", 8);
    control<void(const char *, int, int)>("fake_fail")("cuCtxSynchronize", 0, 900);
    EXPECT_EQ(gqa_rt_cuda_discard(0, copy), 1);
    EXPECT_EQ(control<int()>("fake_live")(), live + 1) << "what may still be read stays";
    EXPECT_EQ(gqa_rt_cuda_discard(0, copy), 0) << gqa_rt_last_error();
    EXPECT_EQ(control<int()>("fake_live")(), live);
    EXPECT_EQ(gqa_rt_cuda_discard(0, nullptr), 0);
  });
}

} // namespace
