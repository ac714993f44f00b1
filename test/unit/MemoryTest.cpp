// Blocks: aligned, reused, freed at the end of their call unless they are kept.
#include "gqa/Runtime/Runtime.h"

#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <malloc.h>
#include <thread>

namespace {

TEST(Memory, IsAlignedAndWritable) {
  for (int64_t bytes : {0, 1, 63, 64, 4097, 1 << 20}) {
    void *block = gqa_rt_alloc(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % 64, 0u);
    std::memset(block, 1, size_t(bytes));
    gqa_rt_free(block);
  }
  void *wide = gqa_rt_aligned_alloc(4096, 100);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(wide) % 4096, 0u);
  gqa_rt_free(wide);
  gqa_rt_free(nullptr);
}

TEST(Memory, LargeBlocksAreReused) {
  void *first = gqa_rt_alloc(1 << 20);
  gqa_rt_free(first);
  void *smaller = gqa_rt_alloc((1 << 20) - 4096);
  EXPECT_EQ(smaller, first);
  void *other = gqa_rt_alloc(1 << 20);
  EXPECT_NE(other, smaller);
  gqa_rt_free(smaller);
  gqa_rt_free(other);
}

void leak(void **arguments) {
  arguments[0] = gqa_rt_alloc(3 << 20);
  arguments[1] = gqa_rt_alloc(5 << 20);
  gqa_rt_keep(arguments[1]);
}

TEST(Memory, CallsFreeWhatTheyDoNotKeep) {
  void *arguments[2];
  ASSERT_EQ(gqa_rt_call(leak, arguments), 0);
  void *again = gqa_rt_alloc(3 << 20), *five = gqa_rt_alloc(5 << 20);
  EXPECT_EQ(again, arguments[0]) << "the block is free again";
  EXPECT_NE(five, arguments[1]) << "the kept block is not";
  std::memset(arguments[1], 1, 5 << 20);
  gqa_rt_free(again);
  gqa_rt_free(five);
  std::thread([&] { gqa_rt_free(arguments[1]); }).join(); // from any thread
}

/// Frees its blocks when the thread ends, as a tensor does that a thread keeps.
struct Keeper {
  void *blocks[4] = {};
  ~Keeper() {
    for (void *block : blocks)
      gqa_rt_free(block);
  }
};

/// What malloc has given away.
size_t bytesInUse() {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

TEST(Memory, BlocksOutliveWhatTheThreadRemembers) {
  constexpr int64_t bytes = 4 << 20;
  auto body = [] {
    static thread_local Keeper keeper; // the first that is made is the last that goes
    keeper.blocks[0] = nullptr;
    gqa_rt_free(gqa_rt_alloc(bytes));
    for (void *&block : keeper.blocks)
      block = gqa_rt_alloc(bytes);
  };
  std::thread(body).join();
  size_t before = bytesInUse();
  for (int i = 0; i < 4; ++i)
    std::thread(body).join();
  EXPECT_LT(bytesInUse(), before + bytes);
}

void tooMuch(void **) { gqa_rt_alloc(INT64_MAX); }
void negative(void **) { gqa_rt_alloc(-1); }

TEST(Memory, TooMuchFailsTheCall) {
  for (auto entry : {tooMuch, negative}) {
    EXPECT_EQ(gqa_rt_call(entry, nullptr), 1);
    EXPECT_STREQ(gqa_rt_last_error(), "out of memory");
  }
}

} // namespace
