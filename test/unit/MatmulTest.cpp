// Matrix products against sums in double, over types, orientations, strides and awkward sizes.
#include "Runtime/Widen.h"
#include "gqa/Runtime/Runtime.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <tuple>
#include <type_traits>
#include <vector>

using namespace gqa::rt;

namespace {

/// A batch of matrices of any of the runtime's types, with a few elements between rows.
struct Matrices {
  int type;
  int64_t batch, rows, columns, row;
  std::vector<float> f32;
  std::vector<double> f64;
  std::vector<uint16_t> bits;

  Matrices(int type, int64_t batch, int64_t rows, int64_t columns, std::mt19937 &random)
      : type(type), batch(batch), rows(rows), columns(columns), row(columns + 3), f32(size_t(size())),
        f64(size_t(size())), bits(size_t(size())) {
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < size(); ++i)
      set(i, normal(random));
  }
  int64_t size() const { return batch * rows * row; }
  void set(int64_t i, float value) {
    if (type == GQA_RT_F16)
      bits[size_t(i)] = narrowF16(value);
    else if (type == GQA_RT_BF16)
      narrowBF16(&value, &bits[size_t(i)], 1);
    f32[size_t(i)] = value;
    f64[size_t(i)] = value;
  }
  double get(int64_t b, int64_t r, int64_t c) const {
    size_t i = size_t((b * rows + r) * row + c);
    float value = f32[i];
    if (type == GQA_RT_F16)
      return widenF16(bits[i]);
    if (type == GQA_RT_BF16)
      widenBF16(&bits[i], &value, 1);
    return type == GQA_RT_F64 ? f64[i] : value;
  }
  void *data() {
    return type == GQA_RT_F32   ? static_cast<void *>(f32.data())
           : type == GQA_RT_F64 ? static_cast<void *>(f64.data())
                                : bits.data();
  }
};

/// What one rounding to the type may lose.
double epsilon(int type) {
  return type == GQA_RT_F64 ? 0x1p-52 : type == GQA_RT_F32 ? 0x1p-23 : type == GQA_RT_F16 ? 0x1p-10 : 0x1p-7;
}

using Case = std::tuple<int, int, std::tuple<int64_t, int64_t, int64_t, int64_t>>;
class Matmul : public testing::TestWithParam<Case> {};

/// A product of matrices of `type`, or of bf16 with a result of `type`, is what sums in double say.
void expectProduct(int operands, int type, int flags, int64_t batch, int64_t m, int64_t n, int64_t k,
                   std::mt19937 &random) {
  bool ta = flags & GQA_RT_TRANSPOSE_A, tb = flags & GQA_RT_TRANSPOSE_B;
  Matrices a(operands, batch, ta ? k : m, ta ? m : k, random),
      b(operands, batch, tb ? n : k, tb ? k : n, random);
  Matrices c(type, batch, m, n, random), before = c;
  gqa_rt_matmul(flags | GQA_RT_TYPES(operands, operands, type), batch, m, n, k, a.data(), a.row,
                a.rows * a.row, b.data(), b.row, b.rows * b.row, c.data(), c.row, c.rows * c.row);
  for (int64_t i = 0; i < batch; ++i)
    for (int64_t r = 0; r < m; ++r) {
      for (int64_t s = 0; s < n; ++s) {
        double want = flags & GQA_RT_ACCUMULATE ? before.get(i, r, s) : 0, magnitude = std::abs(want);
        for (int64_t t = 0; t < k; ++t) {
          double product = (ta ? a.get(i, t, r) : a.get(i, r, t)) * (tb ? b.get(i, s, t) : b.get(i, t, s));
          want += product;
          magnitude += std::abs(product);
        }
        double sum = type == GQA_RT_F64 ? 0x1p-52 : 0x1p-23; // the precision that is accumulated in
        ASSERT_NEAR(c.get(i, r, s), want, epsilon(type) * std::abs(want) + double(k + 2) * sum * magnitude)
            << m << " x " << n << " x " << k << ", flags " << flags;
      }
      ASSERT_EQ(c.get(i, r, n), before.get(i, r, n)) << "written between the rows";
    }
}

TEST_P(Matmul, AgreesWithDouble) {
  auto [type, flags, sizes] = GetParam();
  auto [batch, m, n, k] = sizes;
  ASSERT_EQ(gqa_rt_blas_error(), nullptr) << gqa_rt_blas_error();
  std::mt19937 random(7);
  expectProduct(type, type, flags, batch, m, n, k, random);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Matmul,
    testing::Combine(testing::Values(GQA_RT_F32, GQA_RT_F64, GQA_RT_F16, GQA_RT_BF16), testing::Range(0, 8),
                     testing::Values(std::make_tuple(1, 1, 1, 1), std::make_tuple(1, 1, 130, 37),
                                     std::make_tuple(3, 5, 1, 9), std::make_tuple(2, 33, 65, 17),
                                     std::make_tuple(40, 4, 3, 2), std::make_tuple(2, 3, 4, 0),
                                     std::make_tuple(1, 300, 520, 5), std::make_tuple(0, 3, 4, 5))));

// bf16 with results of either type: what oneDNN multiplies, where it is there. Rows that are products with
// vectors each, and those that are not; a block's edges.
TEST(MatmulHalf, AgreesWithDouble) {
  std::mt19937 random(7);
  for (int type : {GQA_RT_BF16, GQA_RT_F32})
    for (int flags = 0; flags < 8; ++flags)
      for (auto [m, n, k] : {std::tuple<int64_t, int64_t, int64_t>{1, 300, 64},
                             {2, 70, 33},
                             {3, 65, 130},
                             {9, 257, 40},
                             {70, 90, 31},
                             {1, 1, 2},
                             {600, 300, 3}})
        expectProduct(GQA_RT_BF16, type, flags, 2, m, n, k, random);
}

TEST(MatmulHalf, OneDnnIsThere) {
  if (const char *error = gqa_rt_onednn_error())
    GTEST_SKIP() << "products of bf16 are tried widened alone: " << error;
}

// Sums are rounded once, not after each product.
TEST(MatmulHalf, IsAccumulatedInF32) {
  constexpr int64_t k = 4096;
  for (int64_t m : {1, 16}) {
    std::vector<uint16_t> a(size_t(m * k), 0x3f80), b(size_t(16 * k), 0x3f80), c(size_t(m * 16)); // ones
    gqa_rt_matmul(GQA_RT_TRANSPOSE_B | GQA_RT_TYPES(GQA_RT_BF16, GQA_RT_BF16, GQA_RT_BF16), 1, m, 16, k,
                  a.data(), k, 0, b.data(), k, 0, c.data(), 16, 0);
    for (uint16_t bits : c)
      EXPECT_EQ(bits, 0x4580); // 4096; in bf16 it would stop at 256
  }
}

/// Rows of four elements that stand `row` elements behind each other, the first where there is room for all.
template <typename T> struct Rows {
  int64_t rows, row;
  std::vector<T> values;

  Rows(int64_t rows, int64_t row) : rows(rows), row(row) {
    for (int i = 0; i < 40; ++i)
      values.push_back(T(i % 7 - 3));
  }
  T *data() { return values.data() + (row < 0 ? (rows - 1) * -row : 0); }
  T get(int64_t r, int64_t c) { return data()[r * row + c]; }
};

/// A product of 4 x 4 matrices of which one, by its number, has its rows so.
template <typename T> void expectProductOfRows(int which, int64_t row, int flags) {
  Rows<T> a(4, which == 0 ? row : 4), b(4, which == 1 ? row : 4), c(4, which == 2 ? row : 4);
  int type = std::is_same_v<T, double> ? GQA_RT_F64 : GQA_RT_F32;
  Rows<T> before = c;
  gqa_rt_matmul(flags | GQA_RT_TYPES(type, type, type), 1, 4, 4, 4, a.data(), a.row, 0, b.data(), b.row, 0,
                c.data(), c.row, 0);
  for (int64_t i = 0; i < 4; ++i)
    for (int64_t j = 0; j < 4; ++j) {
      T want = flags & GQA_RT_ACCUMULATE ? before.get(i, j) : 0;
      for (int64_t t = 0; t < 4; ++t)
        want += (flags & GQA_RT_TRANSPOSE_A ? a.get(t, i) : a.get(i, t)) *
                (flags & GQA_RT_TRANSPOSE_B ? b.get(j, t) : b.get(t, j));
      EXPECT_EQ(c.get(i, j), want) << "rows " << row << " apart in operand " << which << ", flags " << flags;
    }
}

// A slice may repeat a row, or go backwards.
TEST(MatmulRows, NeedNotFollowEachOther) {
  for (int flags = 0; flags < 8; ++flags)
    for (int64_t row : {0, 1, -1, -4, 5})
      for (int which : {0, 1, 2})
        if (which < 2 || std::abs(row) >= 4) {
          expectProductOfRows<float>(which, row, flags);
          expectProductOfRows<double>(which, row, flags);
        }
}

void mixed(void **) {
  double d = 1;
  float f = 1;
  gqa_rt_matmul(GQA_RT_TYPES(GQA_RT_F64, GQA_RT_F32, GQA_RT_F32), 1, 1, 1, 1, &d, 1, 0, &f, 1, 0, &f, 1, 0);
}

TEST(MatmulErrors, Refused) {
  EXPECT_EQ(gqa_rt_call(mixed, nullptr), 1);
  EXPECT_STREQ(gqa_rt_last_error(), "a matrix product mixes f64 with narrower types");
}

} // namespace
