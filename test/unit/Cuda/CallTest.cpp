// Calls of compiled code: buffers of the host and of the device, launches, failures, threads.
#include "Support.h"

#include <atomic>
#include <thread>

using namespace gqa::test;

namespace {

const std::vector<float> numbers(size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = float(i);
  return values;
}

TEST(CudaCall, DoesEverything) {
  EXPECT_EQ(exercise(), "");
  if (auto *live = control<int()>("fake_live")) {
    EXPECT_EQ(live(), 1); // the pool
    EXPECT_EQ(control<int()>("fake_contexts")(), 0);
  }
}

TEST(CudaCall, EmptyBuffers) {
  Module module;
  EXPECT_EQ((Scale{&module.module, nullptr, nullptr, 2, 0}.call(defaultSite())), 0);
}

/// Memory on device 0 that holds `values`.
struct OnDevice {
  explicit OnDevice(const std::vector<float> &values)
      : bytes(int64_t(4 * values.size())), memory(gqa_rt_cuda_reserve(0, nullptr, bytes)) {
    EXPECT_EQ(gqa_rt_cuda_copy_in(0, nullptr, memory, values.data(), bytes), 0);
  }
  ~OnDevice() { gqa_rt_cuda_release(0, nullptr, memory); }
  std::vector<float> values() const {
    std::vector<float> result(size_t(bytes / 4));
    EXPECT_EQ(gqa_rt_cuda_copy_out(0, nullptr, result.data(), memory, bytes), 0);
    return result;
  }
  gqa_rt_cuda_span span() const { return {memory, bytes}; }
  int64_t bytes;
  void *memory;
};

TEST(CudaCall, ArgumentsOnTheDeviceAreNotCopied) {
  Module module;
  OnDevice from(numbers(300)), to(std::vector<float>(300));
  gqa_rt_cuda_span spans[] = {from.span(), to.span()};
  gqa_rt_cuda_site site = defaultSite();
  site.spans = spans;
  site.num_spans = 2;
  auto *calls = control<int(const char *)>("fake_calls");
  int before =
      calls ? calls("cuMemcpyHtoDAsync") + calls("cuMemcpyDtoHAsync") + calls("cuStreamSynchronize") : 0;
  // Views into a span are on the device as well.
  ASSERT_EQ((Scale{&module.module, static_cast<float *>(to.memory) + 100,
                   static_cast<float *>(from.memory) + 100, 2, 200}
                 .call(site)),
            0)
      << gqa_rt_last_error();
  if (calls)
    EXPECT_EQ(calls("cuMemcpyHtoDAsync") + calls("cuMemcpyDtoHAsync") + calls("cuStreamSynchronize"), before);
  std::vector<float> expected(300);
  for (int i = 100; i < 300; ++i)
    expected[size_t(i)] = 2 * float(i);
  EXPECT_EQ(to.values(), expected);
}

/// A function with one result of 40 bytes: scale of an argument.
struct WithResult {
  Module module;
  std::vector<float> from = numbers(10);
  void *made = nullptr;

  static void enter(void **arguments) {
    auto &self = *static_cast<WithResult *>(arguments[0]);
    self.made = gqa_rt_cuda_result(0, 40);
    Scale scale{&self.module.module, static_cast<float *>(self.made), self.from.data(), 5, 10};
    void *inner[] = {&scale};
    Scale::enter(inner);
    gqa_rt_keep(self.made);
  }
  static void enterOnDevice(void **arguments) {
    auto &self = *static_cast<WithResult *>(arguments[0]);
    self.made = gqa_rt_cuda_result(0, 40);
    Scale scale{&self.module.module, static_cast<float *>(self.made), self.from.data(), 5, 10};
    void *inner[] = {&scale};
    Scale::enter(inner);
  }
  static std::vector<float> expected() {
    std::vector<float> values = numbers(10);
    for (float &value : values)
      value *= 5;
    return values;
  }
  int call(const gqa_rt_cuda_site &site) {
    void *arguments[] = {this};
    return gqa_rt_cuda_call(&site, site.results_on_device ? enterOnDevice : enter, arguments);
  }
};

TEST(CudaCall, ResultsOfTheHost) {
  WithResult function;
  ASSERT_EQ(function.call(defaultSite()), 0) << gqa_rt_last_error();
  auto *values = static_cast<float *>(function.made);
  EXPECT_EQ(std::vector<float>(values, values + 10), WithResult::expected());
  gqa_rt_free(function.made);
}

TEST(CudaCall, ResultsThatTheCallAllocates) {
  WithResult function;
  gqa_rt_cuda_site site = defaultSite();
  site.results_on_device = 1;
  ASSERT_EQ(function.call(site), 0) << gqa_rt_last_error();
  std::vector<float> values(10);
  EXPECT_EQ(gqa_rt_cuda_copy_out(0, nullptr, values.data(), function.made, 40), 0);
  EXPECT_EQ(values, WithResult::expected());
  EXPECT_EQ(gqa_rt_cuda_release(0, nullptr, function.made), 0);
}

TEST(CudaCall, ResultsThatTheCallerHasRoomFor) {
  WithResult function;
  OnDevice room(std::vector<float>(10)), little(std::vector<float>(9));
  gqa_rt_cuda_span span = room.span(), littleSpan = little.span();
  gqa_rt_cuda_site site = defaultSite();
  site.results_on_device = 1;
  site.results = &span;
  site.num_results = 1;
  ASSERT_EQ(function.call(site), 0) << gqa_rt_last_error();
  EXPECT_EQ(function.made, room.memory);
  EXPECT_EQ(room.values(), WithResult::expected());
  site.results = &littleSpan;
  EXPECT_EQ(function.call(site), 1);
  EXPECT_STREQ(gqa_rt_last_error(), "result 0 needs 40 bytes, but 36 are there for it");
}

/// Launches `kernel` as it is told to; what is wrong with that ends the call.
struct Launch {
  gqa_rt_cuda_module *module;
  const char *kernel;
  int64_t grid[3], threads, shared, cluster = 1;

  static void enter(void **arguments) {
    auto &self = *static_cast<const Launch *>(arguments[0]);
    gqa_rt_cuda_launch(self.module, self.kernel, self.grid[0], self.grid[1], self.grid[2], self.cluster,
                       self.threads, self.shared, 0, nullptr);
  }
  std::string call() const {
    void *arguments[] = {const_cast<Launch *>(this)};
    gqa_rt_cuda_site site = defaultSite();
    return gqa_rt_cuda_call(&site, enter, arguments) ? gqa_rt_last_error() : "";
  }
};

TEST(CudaCall, LimitsOfALaunch) {
  Module module;
  auto *m = &module.module;
  EXPECT_EQ((Launch{m, "scale", {6, 1, 1}, 128, 0, 4}.call()),
            "kernel 'scale' needs clusters of 4 of its 6 blocks, and CUDA allows a divisor up to 8");
  EXPECT_EQ((Launch{m, "scale", {18, 1, 1}, 128, 0, 9}.call()),
            "kernel 'scale' needs clusters of 9 of its 18 blocks, and CUDA allows a divisor up to 8");
  EXPECT_EQ((Launch{m, "fault", {0, 1, 1}, 32, 0}.call()), ""); // nothing runs
  EXPECT_EQ((Launch{m, "scale", {1, 65536, 1}, 32, 0}.call()),
            "kernel 'scale' needs 65536 blocks along y, and CUDA allows 65535");
  EXPECT_EQ((Launch{m, "scale", {-1, 1, 1}, 32, 0}.call()),
            "kernel 'scale' needs -1 blocks along x, and CUDA allows 2147483647");
  EXPECT_EQ((Launch{m, "scale", {1, 1, 1}, 2048, 0}.call()),
            "kernel 'scale' needs 2048 threads a block, and CUDA allows 1024");
  std::string shared = Launch{m, "scale", {1, 1, 1}, 32, 1 << 20}.call();
  EXPECT_EQ(shared.find("kernel 'scale' needs 1048576 bytes of shared memory a block, and CUDA device 0 ("),
            0u)
      << shared;
}

TEST(CudaCall, KernelThatIsNotThere) {
  NEEDS_FAKE_DRIVER();
  Module module;
  EXPECT_EQ(
      (Launch{&module.module, "missing", {1, 1, 1}, 32, 0}.call()),
      "CUDA device 0: cuModuleGetFunction: named symbol not found (CUDA_ERROR_NOT_FOUND), asked for kernel "
      "'missing'");
}

TEST(CudaCall, OutsideOfACall) {
  auto alone = [](void **) { gqa_rt_cuda_alloc(16); };
  EXPECT_EQ(gqa_rt_call(alone, nullptr), 1);
  EXPECT_STREQ(gqa_rt_last_error(), "compiled code that uses CUDA was entered without gqa_rt_cuda_call");
}

/// Maps, allocates, makes a result, and fails.
void failHalfWay(void **) {
  static float host[16];
  gqa_rt_cuda_map(host, 64, GQA_RT_CUDA_READ | GQA_RT_CUDA_WRITE);
  gqa_rt_cuda_alloc(1 << 20);
  gqa_rt_cuda_result(0, 64);
  gqa_rt_fail("half way", 8);
}

TEST(CudaCall, FailedCallsLeaveNothing) {
  NEEDS_FAKE_DRIVER();
  int before = control<int()>("fake_live")();
  gqa_rt_cuda_site site = defaultSite();
  site.results_on_device = 1;
  EXPECT_EQ(gqa_rt_cuda_call(&site, failHalfWay, nullptr), 1);
  EXPECT_STREQ(gqa_rt_last_error(), "half way");
  EXPECT_EQ(control<int()>("fake_live")(), before);
  EXPECT_EQ(control<int()>("fake_contexts")(), 0);
}

TEST(CudaCall, NoMemoryForNothing) {
  NEEDS_FAKE_DRIVER();
  int before = control<int(const char *)>("fake_calls")("cuMemAllocFromPoolAsync");
  void *memory = &before;
  void *arguments[] = {&memory};
  auto enter = [](void **arguments) {
    auto *memory = static_cast<void **>(arguments[0]);
    *memory = gqa_rt_cuda_alloc(0);
    gqa_rt_cuda_free(*memory);
  };
  gqa_rt_cuda_site site = defaultSite();
  EXPECT_EQ(gqa_rt_cuda_call(&site, enter, arguments), 0);
  EXPECT_EQ(memory, nullptr);
  EXPECT_EQ(control<int(const char *)>("fake_calls")("cuMemAllocFromPoolAsync"), before);
}

TEST(CudaCall, MemoryThatTheDeviceHasNot) {
  auto greedy = [](void **) { gqa_rt_cuda_alloc(int64_t(1) << 45); };
  gqa_rt_cuda_site site = defaultSite();
  EXPECT_EQ(gqa_rt_cuda_call(&site, greedy, nullptr), 1);
  std::string error = gqa_rt_last_error();
  EXPECT_NE(error.find("CUDA_ERROR_OUT_OF_MEMORY), asked for 35184372088832 bytes"), std::string::npos)
      << error;
  EXPECT_EQ(exercise(), "");
}

TEST(CudaCall, ThreadsTogether) {
  Module module; // loaded by whoever comes first
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int number = 0; number < 8; ++number)
    threads.emplace_back([&, number] {
      void *stream = gqa_rt_cuda_stream_create(0);
      gqa_rt_cuda_site site = defaultSite();
      site.stream = stream;
      std::vector<float> from = numbers(500), to(500), expected(500);
      for (int i = 0; i < 500; ++i)
        expected[size_t(i)] = float(number + 1) * float(i);
      int right = 0;
      for (int round = 0; round < 20; ++round) {
        to.assign(500, -1);
        Scale scale{&module.module, to.data(), from.data(), float(number + 1), 500};
        right += scale.call(site) == 0 && to == expected;
      }
      good += right;
      gqa_rt_cuda_stream_destroy(0, stream);
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(good, 160);
}

} // namespace
