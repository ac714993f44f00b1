// Half precision: every f16 value, and rounding by comparison with the neighbours.
#include "Runtime/Widen.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <vector>

using namespace gqa::rt;

namespace {

/// The definition: sign, exponent and mantissa as numbers.
float halfByDefinition(uint16_t bits) {
  int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == 31)
    return mantissa ? NAN : float(sign * INFINITY);
  return float(sign * (exponent ? std::ldexp(1024 + mantissa, exponent - 25) : std::ldexp(mantissa, -24)));
}

TEST(Widen, EveryHalf) {
  std::vector<uint16_t> halves(1 << 16);
  for (size_t i = 0; i < halves.size(); ++i)
    halves[i] = uint16_t(i);
  std::vector<float> wide(halves.size());
  widenF16(halves.data(), wide.data(), int64_t(halves.size()));
  for (uint16_t half : halves) {
    float want = halfByDefinition(half);
    for (float got : {wide[half], widenF16(half)})
      ASSERT_TRUE(std::isnan(want) ? std::isnan(got) : got == want && std::signbit(got) == std::signbit(want))
          << half;
  }
}

TEST(Widen, HalvesComeBack) {
  for (uint32_t i = 0; i < 1 << 16; ++i) {
    float value = widenF16(uint16_t(i));
    if (!std::isnan(value))
      ASSERT_EQ(narrowF16(value), i);
  }
  EXPECT_TRUE(std::isnan(widenF16(narrowF16(NAN))));
}

/// Between two neighbours the nearer one wins, and the even one half-way.
TEST(Widen, RoundsToNearestEven) {
  for (uint16_t low = 0; low < 0x7bff; ++low) {
    float a = widenF16(low), b = widenF16(uint16_t(low + 1)), middle = (a + b) / 2;
    uint16_t even = low & 1 ? uint16_t(low + 1) : low;
    std::vector<float> values = {
        std::nextafter(middle, a), middle, std::nextafter(middle, b), 0, 0, 0, 0, 0, 0};
    std::vector<uint16_t> rounded(values.size());
    narrowF16(values.data(), rounded.data(), int64_t(values.size()));
    for (int i = 0; i < 3; ++i) {
      uint16_t want = i == 0 ? low : i == 1 ? even : uint16_t(low + 1);
      ASSERT_EQ(narrowF16(values[size_t(i)]), want) << low;
      ASSERT_EQ(rounded[size_t(i)], want) << low;
    }
  }
  EXPECT_EQ(narrowF16(65519.99f), 0x7bff);
  EXPECT_EQ(narrowF16(65520.0f), 0x7c00);
  EXPECT_EQ(narrowF16(-1e30f), 0xfc00);
}

TEST(Widen, BrainFloat) {
  const float values[] = {1.0f, 1.00390625f, 1.01171875f, -0.0f, INFINITY, NAN, 3.4e38f};
  const uint16_t want[] = {0x3f80, 0x3f80, 0x3f82, 0x8000, 0x7f80, 0x7fc0, 0x7f80};
  uint16_t got[7];
  narrowBF16(values, got, 7);
  for (int i = 0; i < 7; ++i)
    EXPECT_EQ(got[i], want[i]) << values[i];
  float back[7];
  widenBF16(want, back, 7);
  EXPECT_EQ(back[2], 1.015625f);
  EXPECT_TRUE(std::isnan(back[5]));
}

} // namespace
