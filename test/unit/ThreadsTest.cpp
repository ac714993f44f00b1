// The parallel loop: every task once, nested loops too, denormals flushed inside and only inside.
#include "gqa/Runtime/Runtime.h"

#include <atomic>
#include <gtest/gtest.h>
#include <vector>

namespace {

void count(int64_t i, void *context) { ++static_cast<std::atomic<int> *>(context)[i]; }

void nest(int64_t i, void *context) {
  gqa_rt_parallel_for(10, INT64_MAX, count, static_cast<std::atomic<int> *>(context) + 10 * i);
}

void halve(int64_t i, void *context) {
  volatile float *values = static_cast<volatile float *>(context);
  values[i] = values[i] * 0.5f;
}

TEST(Threads, EveryTaskOnce) {
  std::vector<std::atomic<int>> counts(1000);
  gqa_rt_parallel_for(1000, INT64_MAX, count, counts.data());
  for (auto &value : counts)
    EXPECT_EQ(value, 1);
  gqa_rt_parallel_for(0, INT64_MAX, count, nullptr);
  gqa_rt_parallel_for(-1, INT64_MAX, count, nullptr);
}

TEST(Threads, Nests) {
  std::vector<std::atomic<int>> counts(200);
  gqa_rt_parallel_for(20, INT64_MAX, nest, counts.data());
  for (auto &value : counts)
    EXPECT_EQ(value, 1);
}

TEST(Threads, FlushesDenormalsInsideOnly) {
  for (int64_t n : {1, 64}) {
    std::vector<float> values(64, 0x1p-126f);
    gqa_rt_parallel_for(n, INT64_MAX, halve, values.data());
    EXPECT_EQ(values[0], 0.0f);
    volatile float outside = 0x1p-126f;
    EXPECT_EQ(outside * 0.5f, 0x1p-127f);
  }
}

TEST(Threads, NumberIsPositive) { EXPECT_GE(gqa_rt_num_threads(), 1); }

} // namespace
