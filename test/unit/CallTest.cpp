// Failing calls return, with their message, on their own thread, and nest.
#include "gqa/Runtime/Runtime.h"

#include <atomic>
#include <cstring>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace {

void fail(const char *message) { gqa_rt_fail(message, int64_t(std::strlen(message))); }

void failing(void **arguments) {
  gqa_rt_alloc(1 << 20);
  fail(static_cast<const char *>(arguments[0]));
}

void nesting(void **arguments) {
  void *inner[] = {const_cast<char *>("inner")};
  *static_cast<int *>(arguments[0]) = gqa_rt_call(failing, inner);
  fail("outer");
}

TEST(Call, ReportsItsMessage) {
  void *arguments[] = {const_cast<char *>("index 7 is outside")};
  EXPECT_EQ(gqa_rt_call(failing, arguments), 1);
  EXPECT_STREQ(gqa_rt_last_error(), "index 7 is outside");
}

TEST(Call, Nests) {
  int inner = 0;
  void *arguments[] = {&inner};
  EXPECT_EQ(gqa_rt_call(nesting, arguments), 1);
  EXPECT_EQ(inner, 1);
  EXPECT_STREQ(gqa_rt_last_error(), "outer");
}

TEST(Call, KeepsThreadsApart) {
  std::vector<std::thread> threads;
  std::vector<std::string> messages(8);
  for (size_t i = 0; i < messages.size(); ++i)
    threads.emplace_back([&, i] {
      std::string text = "thread " + std::to_string(i);
      void *arguments[] = {text.data()};
      for (int round = 0; round < 1000; ++round)
        gqa_rt_call(failing, arguments);
      messages[i] = gqa_rt_last_error();
    });
  for (std::thread &thread : threads)
    thread.join();
  for (size_t i = 0; i < messages.size(); ++i)
    EXPECT_EQ(messages[i], "thread " + std::to_string(i));
}

/// Of 100 tasks two have no memory to be had, and one is itself a loop.
void allocating(int64_t i, void *context) {
  gqa_rt_alloc(1 << 20);
  if (i == 50)
    gqa_rt_parallel_for(10, INT64_MAX, [](int64_t, void *) {}, nullptr);
  if (i == 7 || i == 93)
    gqa_rt_alloc(INT64_MAX);
  ++*static_cast<std::atomic<int> *>(context);
}

void looping(void **arguments) {
  gqa_rt_parallel_for(100, int64_t(reinterpret_cast<intptr_t>(arguments[1])), allocating, arguments[0]);
  fail("went on");
}

void nestedLoop(void **arguments) {
  gqa_rt_parallel_for(
      3, INT64_MAX, [](int64_t, void *context) { looping(static_cast<void **>(context)); }, arguments);
  fail("went on");
}

TEST(Call, EndsWhereATaskFails) {
  for (intptr_t work : {intptr_t(1), INTPTR_MAX}) // on this thread, and on all
    for (auto *entry : {looping, nestedLoop}) {
      std::atomic<int> done{0};
      void *arguments[] = {&done, reinterpret_cast<void *>(work)};
      EXPECT_EQ(gqa_rt_call(entry, arguments), 1);
      EXPECT_STREQ(gqa_rt_last_error(), "out of memory");
      EXPECT_LT(done, 300 - 2);
    }
  void *arguments[] = {const_cast<char *>("and then")};
  EXPECT_EQ(gqa_rt_call(failing, arguments), 1);
  EXPECT_STREQ(gqa_rt_last_error(), "and then");
}

TEST(CallDeathTest, WithoutACallThereIsNobodyToTell) { EXPECT_DEATH(fail("alone"), "gqa: alone"); }

} // namespace
