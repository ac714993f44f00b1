// CUDA graphs: what is recorded, that it is done anew at each launch, and what a captured call must not do.
#include "Runtime/Cuda/Device.h"
#include "Support.h"

#include <memory>

using namespace gqa::test;

namespace {

struct Stream {
  void *const handle = gqa_rt_cuda_stream_create(0);
  ~Stream() { gqa_rt_cuda_stream_destroy(0, handle); }
  operator void *() const { return handle; }
};

struct Memory {
  explicit Memory(int64_t bytes) : data(gqa_rt_cuda_reserve(0, nullptr, bytes)) {}
  ~Memory() { gqa_rt_cuda_release(0, nullptr, data); }
  float *floats() const { return static_cast<float *>(data); }
  void *const data;
};

constexpr int64_t kBytes = 12 * Step::kSize * Step::kSize;

class CudaGraph : public testing::Test {
protected:
  /// The site of the stream that is captured.
  gqa_rt_cuda_site site() const {
    gqa_rt_cuda_site site = defaultSite();
    site.stream = stream;
    return site;
  }

  /// z after a launch with an x full of `value`.
  std::vector<float> launch(void *graph, float value) {
    std::vector<float> z;
    EXPECT_FALSE(step.setX(stream, value) || gqa_rt_cuda_graph_launch(0, graph, stream) ||
                 step.getZ(stream, z))
        << gqa_rt_last_error();
    return z;
  }

  void *capture() {
    EXPECT_EQ(gqa_rt_cuda_graph_begin(0, stream), 0) << gqa_rt_last_error();
    EXPECT_EQ(gqa_rt_cuda_is_capturing(0, stream), 1);
    EXPECT_EQ(step.call(site()), 0) << gqa_rt_last_error();
    void *graph = gqa_rt_cuda_graph_end(0, stream);
    EXPECT_TRUE(graph) << gqa_rt_last_error();
    EXPECT_EQ(gqa_rt_cuda_is_capturing(0, stream), 0);
    return graph;
  }

  /// What a call says while its stream is captured; afterwards the stream works as before.
  std::string refused(void (*entry)(void **), void *argument, gqa_rt_cuda_site where) {
    EXPECT_EQ(gqa_rt_cuda_graph_begin(0, stream), 0) << gqa_rt_last_error();
    where.stream = stream;
    void *arguments[] = {argument};
    std::string error = gqa_rt_cuda_call(&where, entry, arguments) ? gqa_rt_last_error() : "";
    EXPECT_EQ(gqa_rt_cuda_graph_end(0, stream), nullptr);
    EXPECT_EQ(gqa_rt_last_error(), "no CUDA graph was made, as a call in it failed: " + error);
    void *graph = capture();
    EXPECT_EQ(launch(graph, 1), Step::want(1, step.factor));
    gqa_rt_cuda_graph_destroy(0, graph);
    return error;
  }

  Module module;
  Stream stream;
  Memory memory{kBytes};
  Step step{&module.module, memory.floats(), 2};
};

TEST_F(CudaGraph, DoesAtEachLaunchWhatWasCaptured) {
  ASSERT_EQ(step.setX(stream, 5), 0);
  void *graph =
      capture(); // with the first launch of the module, and perhaps the first product of the process
  EXPECT_EQ(launch(graph, 1), Step::want(1, 2));
  EXPECT_EQ(launch(graph, 3), Step::want(3, 2));
  Stream other;
  std::vector<float> z;
  EXPECT_EQ(step.setX(other, 4) || gqa_rt_cuda_graph_launch(0, graph, other) || step.getZ(other, z), 0);
  EXPECT_EQ(z, Step::want(4, 2));
  EXPECT_EQ(gqa_rt_cuda_graph_destroy(0, graph), 0) << gqa_rt_last_error();
}

TEST_F(CudaGraph, DoesNothingUntilItIsLaunched) {
  std::vector<float> before(64, 7), after;
  ASSERT_EQ(gqa_rt_cuda_copy_in(0, stream, memory.floats() + 128, before.data(), 256), 0);
  ASSERT_EQ(step.setX(stream, 1), 0);
  void *graph = capture();
  ASSERT_EQ(step.getZ(stream, after), 0);
  EXPECT_EQ(after, before);
  gqa_rt_cuda_graph_destroy(0, graph);
}

TEST_F(CudaGraph, IsChanged) {
  void *graph = capture();
  for (float factor : {3.f, 4.f}) {
    step.factor = factor;
    ASSERT_EQ(gqa_rt_cuda_graph_begin(0, stream) || step.call(site()), 0) << gqa_rt_last_error();
    ASSERT_EQ(gqa_rt_cuda_graph_update(0, stream, &graph), 0) << gqa_rt_last_error();
    EXPECT_EQ(launch(graph, 2), Step::want(2, factor));
  }
  gqa_rt_cuda_graph_destroy(0, graph);
}

TEST_F(CudaGraph, StaysWhatItIsIfTheChangeFails) {
  void *graph = capture(), *before = graph;
  Scale scale{&module.module, nullptr, nullptr, 2, -1};
  std::vector<float> host(100);
  scale.to = host.data();
  scale.from = host.data();
  scale.count = 100;
  ASSERT_EQ(gqa_rt_cuda_graph_begin(0, stream), 0);
  EXPECT_EQ(scale.call(site()), 1);
  EXPECT_EQ(gqa_rt_cuda_graph_update(0, stream, &graph), 1);
  EXPECT_EQ(graph, before);
  EXPECT_EQ(launch(graph, 2), Step::want(2, 2));
  gqa_rt_cuda_graph_destroy(0, graph);
}

/// What a call says of its scratch memory: addresses of pieces that it has at a time, or one behind the other.
struct Pieces {
  std::vector<int64_t> bytes;
  bool together;
  std::vector<uintptr_t> found;

  static void enter(void **arguments) {
    auto &self = *static_cast<Pieces *>(arguments[0]);
    std::vector<void *> taken;
    for (int64_t size : self.bytes) {
      taken.push_back(gqa_rt_cuda_alloc(size));
      self.found.push_back(reinterpret_cast<uintptr_t>(taken.back()));
      if (!self.together)
        gqa_rt_cuda_free(taken.back());
    }
    for (void *memory : taken)
      if (self.together)
        gqa_rt_cuda_free(memory);
  }

  int call(const gqa_rt_cuda_site &site) {
    void *arguments[] = {this};
    return gqa_rt_cuda_call(&site, enter, arguments);
  }
};

// Each allocation would be a node between two kernels.
TEST_F(CudaGraph, HasOneAllocationForSmallScratch) {
  NEEDS_FAKE_DRIVER();
  Pieces pieces{{100, 1000, 256, 1 << 20, 1}, /*together=*/true, {}}, again{{512, 512, 4096}, false, {}};
  ASSERT_EQ(gqa_rt_cuda_graph_begin(0, stream), 0);
  int before = control<int(const char *)>("fake_calls")("cuMemAllocFromPoolAsync");
  EXPECT_EQ(pieces.call(site()), 0) << gqa_rt_last_error();
  EXPECT_EQ(control<int(const char *)>("fake_calls")("cuMemAllocFromPoolAsync"), before + 1);
  EXPECT_EQ(again.call(site()), 0) << gqa_rt_last_error();
  Pieces large{{(1 << 20) + 1, (1 << 20) + 1}, true, {}};
  EXPECT_EQ(large.call(site()), 0) << gqa_rt_last_error();
  EXPECT_EQ(control<int(const char *)>("fake_calls")("cuMemAllocFromPoolAsync"), before + 4);
  void *graph = gqa_rt_cuda_graph_end(0, stream);
  ASSERT_NE(graph, nullptr) << gqa_rt_last_error();
  gqa_rt_cuda_graph_destroy(0, graph);
  for (size_t i = 0; i < pieces.found.size(); ++i) {
    EXPECT_EQ(pieces.found[i] % 256, 0u);
    if (i)
      EXPECT_GE(pieces.found[i], pieces.found[i - 1] + uintptr_t(pieces.bytes[i - 1]));
  }
  EXPECT_EQ(again.found[1], again.found[0]); // what has been given back is taken again
  EXPECT_EQ(again.found[2], again.found[0]);
}

/// A sum of numbers of the host, few enough to be recorded with the graph.
struct FewNumbers {
  Step step;
  const float *numbers;
  int count;

  static void enter(void **arguments) {
    auto &self = *static_cast<const FewNumbers *>(arguments[0]);
    void *from = gqa_rt_cuda_map(const_cast<float *>(self.numbers), 4 * self.count, GQA_RT_CUDA_READ);
    float one = 1;
    void *parameters[] = {const_cast<float **>(&self.step.memory), &from, &one,
                          const_cast<int *>(&self.count)};
    gqa_rt_cuda_launch(self.step.module, "scale", 1, 1, 1, /*cluster=*/1, 128, 0, 0, parameters);
    gqa_rt_cuda_unmap();
  }
};

TEST_F(CudaGraph, RecordsFewNumbersOfTheHost) {
  std::vector<float> numbers{1, 2, 2, 2, 5, 0, 0}, found(7);
  FewNumbers few{step, numbers.data(), 7};
  void *arguments[] = {&few};
  gqa_rt_cuda_site where = site();
  ASSERT_EQ(gqa_rt_cuda_graph_begin(0, stream) || gqa_rt_cuda_call(&where, FewNumbers::enter, arguments), 0)
      << gqa_rt_last_error();
  void *graph = gqa_rt_cuda_graph_end(0, stream);
  ASSERT_TRUE(graph) << gqa_rt_last_error();
  numbers.assign(7, -1); // which is not seen
  ASSERT_EQ(gqa_rt_cuda_graph_launch(0, graph, stream) ||
                gqa_rt_cuda_copy_out(0, stream, found.data(), memory.data, 28),
            0)
      << gqa_rt_last_error();
  EXPECT_EQ(found, (std::vector<float>{1, 2, 2, 2, 5, 0, 0}));
  gqa_rt_cuda_graph_destroy(0, graph);
}

TEST_F(CudaGraph, RefusesMemoryOfTheHost) {
  std::vector<float> host(65);
  FewNumbers many{step, host.data(), 65};
  EXPECT_EQ(refused(FewNumbers::enter, &many, site()),
            "while its stream is captured into a CUDA graph a call can copy nothing from or to the host: 260 "
            "bytes there are "
            "read by kernels; expected all such arguments and results on the device");
  auto write = [](void **arguments) { gqa_rt_cuda_map(arguments[0], 4, GQA_RT_CUDA_WRITE); };
  EXPECT_NE(refused(write, host.data(), site()).find("4 bytes there are written by kernels"),
            std::string::npos);
}

TEST_F(CudaGraph, RefusesResultsWithoutMemory) {
  gqa_rt_cuda_site where = site();
  where.results_on_device = 1;
  auto entry = [](void **) { gqa_rt_cuda_result(0, 40); };
  EXPECT_EQ(refused(entry, nullptr, where), "result 0 of 40 bytes needs memory of the caller while the "
                                            "stream is captured into a CUDA graph, which writes it "
                                            "at each launch");
}

TEST_F(CudaGraph, RefusesTheDefaultStream) {
  EXPECT_EQ(gqa_rt_cuda_graph_begin(0, nullptr), 1);
  EXPECT_EQ(std::string(gqa_rt_last_error())
                .find("the default stream cannot be captured into a CUDA graph; expected "),
            0u);
}

TEST_F(CudaGraph, OutlivesAnUnloadWhileItIsCaptured) {
  auto other = std::make_unique<Module>();
  Step first{&other->module, memory.floats(), 3};
  ASSERT_EQ(step.setX(stream, 1), 0);
  ASSERT_EQ(first.call(site()) || gqa_rt_cuda_synchronize(0, stream), 0) << gqa_rt_last_error();
  ASSERT_EQ(gqa_rt_cuda_graph_begin(0, stream) || step.call(site()), 0) << gqa_rt_last_error();
  other.reset(); // would wait for the device, and spoil the capture
  void *graph = gqa_rt_cuda_graph_end(0, stream);
  ASSERT_TRUE(graph) << gqa_rt_last_error();
  EXPECT_EQ(launch(graph, 2), Step::want(2, 2));
  gqa_rt_cuda_graph_destroy(0, graph);
}

// Of a stream that somebody else captures, as torch does.
TEST_F(CudaGraph, OutlivesAnUnloadWhileAnotherCaptures) {
  using namespace gqa::rt::cuda;
  const Driver &driver = Driver::get();
  auto *order = static_cast<CUstream>(stream.handle);
  Scope scope(0); // its context
  auto other = std::make_unique<Module>();
  Step first{&other->module, memory.floats(), 3};
  ASSERT_EQ(step.setX(stream, 1), 0);
  ASSERT_EQ(first.call(site()), 0) << gqa_rt_last_error();
  ASSERT_EQ(driver.streamBeginCapture(order, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), CUDA_SUCCESS);
  ASSERT_EQ(step.call(site()), 0) << gqa_rt_last_error();
  other.reset();
  CUgraph graph = nullptr;
  EXPECT_EQ(driver.streamEndCapture(order, &graph), CUDA_SUCCESS);
  EXPECT_EQ(driver.graphDestroy(graph), CUDA_SUCCESS);
}

TEST_F(CudaGraph, RefusesToGiveBackWhatItMayRead) {
  void *copy = gqa_rt_cuda_upload(0, "weights", 8);
  ASSERT_EQ(gqa_rt_cuda_graph_begin(0, stream) || step.call(site()), 0) << gqa_rt_last_error();
  EXPECT_EQ(gqa_rt_cuda_discard(0, copy), 1);
  EXPECT_EQ(std::string(gqa_rt_last_error()).find("memory cannot be given back while a stream is captured"),
            0u);
  void *graph = gqa_rt_cuda_graph_end(0, stream);
  EXPECT_TRUE(graph) << gqa_rt_last_error();
  EXPECT_EQ(gqa_rt_cuda_discard(0, copy), 0) << gqa_rt_last_error();
  gqa_rt_cuda_graph_destroy(0, graph);
}

TEST_F(CudaGraph, SaysThatACaptureIsSpoilt) {
  NEEDS_FAKE_DRIVER();
  ASSERT_EQ(gqa_rt_cuda_graph_begin(0, stream), 0);
  control<void(void *)>("fake_spoil")(stream.handle);
  EXPECT_EQ(step.call(site()), 1);
  EXPECT_EQ(std::string(gqa_rt_last_error())
                .find("CUDA device 0: the stream is being captured into a CUDA graph, and an earlier error "
                      "has spoilt"),
            0u);
  EXPECT_EQ(gqa_rt_cuda_is_capturing(0, stream), -1);
  EXPECT_EQ(gqa_rt_cuda_graph_end(0, stream), nullptr);
  void *graph = capture();
  EXPECT_EQ(launch(graph, 1), Step::want(1, 2));
  gqa_rt_cuda_graph_destroy(0, graph);
}

TEST(CudaGraphs, NeedADriverThatHasThem) {
  NEEDS_FAKE_DRIVER();
  IN_CHILD(GQA_FAKE_DRIVER_OLD, {
    EXPECT_EQ(gqa_rt_cuda_graph_begin(0, nullptr), 1);
    EXPECT_STREQ(gqa_rt_last_error(),
                 "CUDA graphs need a driver for CUDA 11.4 or later; this one, for 12.8, lacks the function "
                 "cuStreamBeginCapture_v2");
  });
}

} // namespace
