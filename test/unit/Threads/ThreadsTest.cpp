// Eight threads that compile and run the same and different kernels at once, through the C API. `ninja
// check-threads` builds and runs it with ThreadSanitizer; suppressions.txt says what is not ours.
#include "gqa/gqa.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kThreads = 8;
constexpr int64_t kBatch = 2, kKeys = 300;

struct Shape {
  int64_t heads, kvHeads, dim, queries;
};

/// A call of one attention with inputs of a pattern, large enough for the pool of threads.
class Case {
public:
  explicit Case(Shape shape) : shape(shape) {
    fill(q, shape.heads * shape.queries, 0.013f);
    fill(k, shape.kvHeads * kKeys, 0.007f);
    fill(v, shape.kvHeads * kKeys, 0.011f);
  }

  gqa_function *compile() const {
    gqa_attention attention{};
    attention.struct_size = sizeof(attention);
    attention.dtype = {kDLFloat, 32, 1};
    attention.batch = attention.keys = -1;
    attention.queries = shape.queries;
    attention.q_heads = shape.heads;
    attention.kv_heads = shape.kvHeads;
    attention.dim = attention.value_dim = shape.dim;
    gqa_function *function = nullptr;
    EXPECT_EQ(gqa_compile_attention(&attention, nullptr, &function), GQA_OK) << gqa_last_error();
    return function;
  }

  std::vector<float> run(gqa_function *function, bool allocates) const {
    int64_t ofQ[] = {kBatch, shape.heads, shape.queries, shape.dim};
    int64_t ofKV[] = {kBatch, shape.kvHeads, kKeys, shape.dim};
    std::vector<float> output(q.size());
    DLTensor tensors[] = {tensor(q, ofQ), tensor(k, ofKV), tensor(v, ofKV), tensor(output, ofQ)};
    const DLTensor *inputs[] = {&tensors[0], &tensors[1], &tensors[2]};
    if (!allocates) {
      DLTensor *outputs[] = {&tensors[3]};
      EXPECT_EQ(gqa_call(function, inputs, 3, outputs, 1, nullptr), GQA_OK) << gqa_last_error();
      return output;
    }
    DLManagedTensor *made = nullptr;
    EXPECT_EQ(gqa_call_alloc(function, inputs, 3, &made, 1, nullptr), GQA_OK) << gqa_last_error();
    auto *values = static_cast<const float *>(made->dl_tensor.data);
    output.assign(values, values + output.size());
    made->deleter(made);
    return output;
  }

private:
  void fill(std::vector<float> &values, int64_t rows, float step) const {
    values.resize(size_t(kBatch * rows * shape.dim));
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = std::sin(step * float(i));
  }
  static DLTensor tensor(const std::vector<float> &values, int64_t *sizes) {
    DLTensor made{};
    made.data = const_cast<float *>(values.data());
    made.device = {kDLCPU, 0};
    made.ndim = 4;
    made.dtype = {kDLFloat, 32, 1};
    made.shape = sizes;
    return made;
  }

  Shape shape;
  std::vector<float> q, k, v;
};

constexpr Shape kShapes[] = {{6, 2, 32, 1}, {6, 3, 16, 40}, {4, 1, 64, 17}, {8, 8, 24, 3}};

void onEveryThread(void (*body)(int)) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back(body, i);
  for (std::thread &thread : threads)
    thread.join();
}

TEST(Threads, CompileAndRunTheirOwn) {
  onEveryThread([](int i) {
    Case mine(kShapes[i % 4]);
    std::vector<float> first;
    for (int round = 0; round < 3; ++round) {
      gqa_function *function = mine.compile();
      for (int call = 0; call < 10; ++call) {
        std::vector<float> found = mine.run(function, call % 2);
        if (first.empty())
          first = found;
        EXPECT_EQ(found, first) << "thread " << i;
      }
      gqa_release(function);
    }
  });
}

TEST(Threads, RunTheSame) {
  static const Case shared(kShapes[1]);
  static gqa_function *function = shared.compile();
  static const std::vector<float> expected = shared.run(function, false);
  onEveryThread([](int i) {
    for (int call = 0; call < 50; ++call)
      EXPECT_EQ(shared.run(function, call % 2), expected) << "thread " << i;
  });
  gqa_release(function);
}

// Messages belong to a thread, remarks to a compilation, the log to the process.
TEST(Threads, FailAndTell) {
  static std::atomic<int> lines;
  gqa_set_log([](gqa_log_level, const char *, void *) { ++lines; }, nullptr);
  onEveryThread([](int i) {
    for (int round = 0; round < 5; ++round) {
      std::string text = "thread" + std::to_string(i);
      gqa_function *function = nullptr;
      EXPECT_EQ(gqa_compile(text.c_str(), 0, nullptr, &function), GQA_COMPILE_ERROR);
      EXPECT_NE(std::string(gqa_last_error()).find(text), std::string::npos) << gqa_last_error();
      gqa_set_log([](gqa_log_level, const char *, void *) { ++lines; }, nullptr);
    }
  });
  gqa_set_log(nullptr, nullptr);
  EXPECT_EQ(lines, kThreads * 5);
}

} // namespace
