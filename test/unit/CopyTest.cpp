// Copies with strides against loops, around the sizes where they are cut and where they are streamed.
#include "gqa/Runtime/Runtime.h"

#include <array>
#include <gtest/gtest.h>
#include <vector>

namespace {

using Shape = std::array<int64_t, 3>;

/// Strides of rows that are `gap` elements longer than they need be.
Shape stridesOf(const Shape &sizes, int64_t gap) {
  int64_t plane = sizes[1] * sizes[2] + gap;
  return {plane, sizes[2], 1};
}

int64_t at(const Shape &strides, int64_t i, int64_t j, int64_t k) {
  return i * strides[0] + j * strides[1] + k * strides[2];
}

template <typename T>
void expectCopied(const Shape &sizes, const Shape &to, const Shape &from, int64_t shift) {
  auto length = [&](const Shape &strides) {
    return size_t(at(strides, sizes[0], sizes[1], sizes[2]) + shift + 1);
  };
  std::vector<T> source(length(from)), target(length(to), T(255));
  for (size_t i = 0; i < source.size(); ++i)
    source[i] = T(i % 251);
  std::vector<T> want = target;
  for (int64_t i = 0; i < sizes[0]; ++i)
    for (int64_t j = 0; j < sizes[1]; ++j)
      for (int64_t k = 0; k < sizes[2]; ++k)
        want[size_t(at(to, i, j, k) + shift)] = source[size_t(at(from, i, j, k))];
  int64_t shape[9] = {sizes[0], sizes[1], sizes[2], to[0], to[1], to[2], from[0], from[1], from[2]};
  gqa_rt_copy(3, sizeof(T), shape, target.data() + shift, source.data());
  EXPECT_TRUE(target == want);
}

TEST(Copy, LongerTarget) {
  for (int64_t rows : {1, 3, 1000, 40000}) // 100 B to 12 MB
    for (int64_t shift : {0, 1, 7}) {
      Shape sizes = {3, rows, 25};
      expectCopied<float>(sizes, stridesOf(sizes, 25), stridesOf(sizes, 0), shift);
      expectCopied<uint8_t>(sizes, stridesOf(sizes, 0), stridesOf(sizes, 25), shift);
    }
}

TEST(Copy, Dense) {
  for (int64_t size : {1, 65536, 65537, 2000003})
    expectCopied<float>({1, 1, size}, {size, size, 1}, {size, size, 1}, 3);
}

TEST(Copy, ShortRows) { expectCopied<uint16_t>({300, 70, 33}, {70 * 48, 48, 1}, {70 * 40, 40, 1}, 1); }

TEST(Copy, Transposed) { expectCopied<double>({5, 200, 300}, {60000, 1, 200}, {60000, 300, 1}, 0); }

TEST(Copy, Broadcast) { expectCopied<float>({7, 5, 64}, {320, 64, 1}, {0, 64, 1}, 0); }

TEST(Copy, Nothing) {
  expectCopied<float>({4, 0, 8}, {8, 8, 1}, {8, 8, 1}, 0);
  int64_t none[1] = {};
  float source = 2.0f, target = 0.0f;
  gqa_rt_copy(0, sizeof(float), none, &target, &source); // one element of rank 0
  EXPECT_EQ(target, 2.0f);
}

} // namespace
