// Nothing is left behind: by what malloc has handed out, and by the memory that the process occupies.
#include "gqa/gqa.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <malloc.h>
#include <unistd.h>
#include <vector>

namespace {

int64_t allocatedBytes() {
  struct mallinfo2 info = mallinfo2(); // of all arenas
  return int64_t(info.uordblks + info.hblkhd);
}

int64_t residentBytes() {
  long size = 0, resident = 0;
  std::FILE *file = std::fopen("/proc/self/statm", "r");
  EXPECT_EQ(std::fscanf(file, "%ld %ld", &size, &resident), 2);
  std::fclose(file);
  return int64_t(resident) * sysconf(_SC_PAGESIZE);
}

gqa_function *compile(int64_t dim) {
  gqa_attention attention{};
  attention.struct_size = sizeof(attention);
  attention.dtype = {kDLFloat, 32, 1};
  attention.batch = attention.queries = attention.keys = -1;
  attention.q_heads = 4;
  attention.kv_heads = 2;
  attention.dim = attention.value_dim = dim;
  attention.lse = 1;
  gqa_function *function = nullptr;
  EXPECT_EQ(gqa_compile_attention(&attention, nullptr, &function), GQA_OK) << gqa_last_error();
  return function;
}

/// Calls with memory for the results, calls that allocate them, and calls that fail.
void callThrice(gqa_function *function, int64_t dim, int64_t keys) {
  int64_t ofQ[] = {1, 4, 3, dim}, ofKV[] = {1, 2, keys, dim}, ofLse[] = {1, 4, 3};
  std::vector<float> q(size_t(12 * dim), 0.5f), kv(size_t(2 * keys * dim), 0.25f), o(q.size()), lse(12);
  auto tensor = [](std::vector<float> &values, int32_t rank, int64_t *sizes) {
    DLTensor made{};
    made.data = values.data();
    made.device = {kDLCPU, 0};
    made.ndim = rank;
    made.dtype = {kDLFloat, 32, 1};
    made.shape = sizes;
    return made;
  };
  DLTensor tensors[] = {tensor(q, 4, ofQ), tensor(kv, 4, ofKV), tensor(o, 4, ofQ), tensor(lse, 3, ofLse)};
  const DLTensor *inputs[] = {&tensors[0], &tensors[1], &tensors[1]};
  const DLTensor *wrong[] = {&tensors[0], &tensors[1], &tensors[0]}; // found when it runs: v has other heads
  DLTensor *outputs[] = {&tensors[2], &tensors[3]};
  ASSERT_EQ(gqa_call(function, inputs, 3, outputs, 2, nullptr), GQA_OK) << gqa_last_error();
  DLManagedTensor *made[2];
  ASSERT_EQ(gqa_call_alloc(function, inputs, 3, made, 2, nullptr), GQA_OK) << gqa_last_error();
  for (DLManagedTensor *tensor : made)
    tensor->deleter(tensor);
  ASSERT_NE(gqa_call(function, wrong, 3, outputs, 2, nullptr), GQA_OK);
}

/// What is handed out, and what is occupied, after `work` beyond what was before it, in the round where that
/// is least: a thread that a busy machine starts late makes what it needs once, and a leak is in every round.
struct Growth {
  int64_t allocated = std::numeric_limits<int64_t>::max(), resident = allocated;
};
template <typename Work> Growth leastGrowth(int rounds, Work work) {
  Growth least;
  for (int round = 0; round < rounds; ++round) {
    int64_t allocated = allocatedBytes(), resident = residentBytes();
    work();
    least.allocated = std::min(least.allocated, allocatedBytes() - allocated);
    least.resident = std::min(least.resident, residentBytes() - resident);
  }
  return least;
}

TEST(Leaks, TenThousandCalls) {
  gqa_function *function = compile(16);
  auto call = [&](int times) {
    for (int i = 0; i < times; ++i)
      callThrice(function, 16, 1 + i % 40);
  };
  call(100);
  Growth growth = leastGrowth(2, [&] { call(5000); });
  EXPECT_LE(growth.allocated, 0);
  EXPECT_LE(growth.resident, 128 << 10);
  gqa_release(function);
}

// LLVM keeps what it interns for the life of the process; that must not grow with every function.
TEST(Leaks, Compilations) {
  auto compileAndRelease = [](int64_t dim) {
    gqa_function *function = compile(dim);
    callThrice(function, dim, 5);
    gqa_release(function);
  };
  for (int i = 0; i < 3; ++i)
    compileAndRelease(8);
  constexpr int count = 2;
  Growth growth = leastGrowth(3, [&] {
    for (int i = 0; i < count; ++i)
      compileAndRelease(8 + i);
  });
  EXPECT_LE(growth.allocated / count, 1024) << "bytes for each compilation";
}

} // namespace
