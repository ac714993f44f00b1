// The parallel loop: every task once, nested loops too.
#include "gqa/Runtime/Runtime.h"

#include <atomic>
#include <gtest/gtest.h>
#include <vector>

namespace {

void count(int64_t i, void *context) { ++static_cast<std::atomic<int> *>(context)[i]; }

void nest(int64_t i, void *context) {
  gqa_rt_parallel_for(10, INT64_MAX, count, static_cast<std::atomic<int> *>(context) + 10 * i);
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

TEST(Threads, NumberIsPositive) { EXPECT_GE(gqa_rt_num_threads(), 1); }

} // namespace
