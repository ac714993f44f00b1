// The parallel loop: every task once, nested loops too.
#include "gqa/Runtime/Runtime.h"

#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
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

std::atomic<int> lentCalls;

/// Threads of the program: two more for each loop.
void lend(void (*run)(void *), void *data, unsigned, unsigned flags) {
  EXPECT_EQ(flags, 0u);
  ++lentCalls;
  std::thread second(run, data), third(run, data);
  run(data);
  second.join();
  third.join();
}

struct LentThreads : testing::Test {
  void SetUp() override {
    if (gqa_rt_num_threads() == 1)
      GTEST_SKIP() << "one thread runs every loop itself";
    lentCalls = 0;
    gqa_rt_set_parallel(lend);
  }
  void TearDown() override { gqa_rt_set_parallel(nullptr); }
};

TEST_F(LentThreads, RunEveryTaskOnce) {
  std::vector<std::atomic<int>> counts(1000);
  gqa_rt_parallel_for(1000, INT64_MAX, count, counts.data());
  for (auto &value : counts)
    EXPECT_EQ(value, 1);
  EXPECT_EQ(lentCalls, 1);
}

TEST_F(LentThreads, Nest) {
  std::vector<std::atomic<int>> counts(200);
  gqa_rt_parallel_for(20, INT64_MAX, nest, counts.data());
  for (auto &value : counts)
    EXPECT_EQ(value, 1);
  EXPECT_EQ(lentCalls, 21);
}

/// The first task of each of two threads, which wait there for each other.
struct FirstTasks {
  std::atomic<int> begun{0};
  int64_t numbers[2] = {};

  static void run(int64_t i, void *context) {
    auto *first = static_cast<FirstTasks *>(context);
    int thread = first->begun++;
    if (thread > 1)
      return;
    first->numbers[thread] = i;
    while (first->begun < 2)
      std::this_thread::yield();
  }
};

TEST_F(LentThreads, HaveTasksOfTheirOwn) {
  gqa_rt_set_parallel([](void (*run)(void *), void *data, unsigned, unsigned) {
    std::thread second(run, data);
    run(data);
    second.join();
  });
  FirstTasks first;
  int64_t each = 100, n = each * gqa_rt_num_threads();
  gqa_rt_parallel_for(n, INT64_MAX, FirstTasks::run, &first);
  EXPECT_EQ(std::min(first.numbers[0], first.numbers[1]), 0);
  EXPECT_EQ(std::max(first.numbers[0], first.numbers[1]), each);
  EXPECT_EQ(first.begun, n);
}

TEST_F(LentThreads, AreGivenBack) {
  gqa_rt_set_parallel(nullptr);
  std::vector<std::atomic<int>> counts(1000);
  gqa_rt_parallel_for(1000, INT64_MAX, count, counts.data());
  EXPECT_EQ(lentCalls, 0);
}

TEST_F(LentThreads, FailInTheCaller) {
  auto call = [](void **) {
    gqa_rt_parallel_for(100, INT64_MAX, [](int64_t i, void *) { gqa_rt_fail("task fails", 10); }, nullptr);
  };
  EXPECT_EQ(gqa_rt_call(call, nullptr), 1);
  EXPECT_STREQ(gqa_rt_last_error(), "task fails");
}

TEST_F(LentThreads, AreNotUsedAfterAFork) {
  pid_t child = fork();
  if (!child) {
    std::vector<std::atomic<int>> counts(1000);
    gqa_rt_parallel_for(1000, INT64_MAX, count, counts.data());
    _exit(lentCalls ? 1 : counts[999] == 1 ? 0 : 2);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Threads, NumberIsPositive) { EXPECT_GE(gqa_rt_num_threads(), 1); }

} // namespace
