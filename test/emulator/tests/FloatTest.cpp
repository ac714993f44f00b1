// Floating-point arithmetic. f32 and f64 are compared with the host, which follows IEEE 754; 16-bit formats
// with rounding written out anew here: try both neighbours and take the nearer one.
#include "Device.h"

#include <cfenv>
#include <cmath>

namespace gqa::emulator::test {
namespace {

constexpr size_t kCount = 2048;

/// Values of all finite patterns of a 16-bit format, for rounding by search.
struct Format16 {
  unsigned exponentBits, mantissaBits;
  double value(uint16_t bits) const {
    int bias = (1 << (exponentBits - 1)) - 1, e = bits >> mantissaBits & ((1 << exponentBits) - 1);
    double m = bits & ((1 << mantissaBits) - 1), one = 1 << mantissaBits;
    double magnitude = e ? std::ldexp(1 + m / one, e - bias) : std::ldexp(m / one, 1 - bias);
    if (e == (1 << exponentBits) - 1)
      magnitude = m ? NAN : INFINITY;
    return bits >> 15 ? -magnitude : magnitude;
  }
  uint16_t infinity() const { return ((1 << exponentBits) - 1) << mantissaBits; }
  /// To nearest even. The largest finite value's upper neighbour counts as one step further, not as infinite.
  uint16_t nearest(long double x) const {
    if (x != x)
      return 0x7FFF;
    uint16_t sign = std::signbit(x) ? 0x8000 : 0, low = 0, high = infinity();
    long double magnitude = std::fabs(x);
    while (high - low > 1) {
      uint16_t middle = (low + high) / 2;
      (value(middle) <= magnitude ? low : high) = middle;
    }
    if (std::isinf(magnitude))
      return sign | infinity();
    long double above = high == infinity() ? 2 * value(low) - value(low - 1) : value(high);
    long double down = magnitude - value(low), up = above - magnitude;
    return sign | (down < up || (down == up && !(low & 1)) ? low : high);
  }
};
constexpr Format16 kHalf{5, 10}, kBrain{8, 7};

std::vector<uint16_t> shortSamples(uint64_t seed) {
  std::vector<uint16_t> values{0,      0x8000, 1,      0x8001, 0x3C00, 0xBC00, 0x7C00,
                               0xFC00, 0x7E00, 0x7BFF, 0xFBFF, 0x0400, 0x03FF, 0x3F80,
                               0x7F80, 0xFF80, 0x7F7F, 0x7FC0, 0x0080, 0x007F};
  std::mt19937 random(seed);
  while (values.size() < kCount)
    values.push_back(random());
  std::shuffle(values.begin(), values.end(), random);
  return values;
}

uint32_t flushed(uint32_t x) { return x & 0x7F800000 ? x : x & 0x80000000; }
uint32_t bitsOf(float x) { return std::bit_cast<uint32_t>(x); }

template <class F> void check32(const std::string &code, bool ftz, F f) {
  auto a = floatSamples(kCount, 1), b = floatSamples(kCount, 2), c = floatSamples(kCount, 3);
  std::mt19937 random(7);
  std::shuffle(b.begin(), b.end(), random);
  std::shuffle(c.begin(), c.end(), random);
  auto d = apply<uint32_t>(code, a, b, c);
  for (size_t n = 0; n < kCount; ++n) {
    auto in = [&](uint32_t x) { return asFloat(ftz ? flushed(x) : x); };
    uint32_t want = bitsOf(f(in(a[n]), in(b[n]), in(c[n])));
    if (ftz)
      want = flushed(want);
    ASSERT_TRUE(sameFloat(d[n], want)) << code << " of " << std::hex << a[n] << ' ' << b[n] << ' ' << c[n]
                                       << ": " << d[n] << ", want " << want;
  }
}

TEST(Float, SinglePrecision) {
  for (bool ftz : {false, true}) {
    std::string s = ftz ? ".ftz.f32" : ".f32";
    check32("add.rn" + s + " %d, %a, %b;", ftz, [](float a, float b, float) { return a + b; });
    check32("sub" + s + " %d, %a, %b;", ftz, [](float a, float b, float) { return a - b; });
    check32("mul" + s + " %d, %a, %b;", ftz, [](float a, float b, float) { return a * b; });
    check32("fma.rn" + s + " %d, %a, %b, %c;", ftz,
            [](float a, float b, float c) { return std::fma(a, b, c); });
    check32("div.rn" + s + " %d, %a, %b;", ftz, [](float a, float b, float) { return a / b; });
    check32("sqrt.rn" + s + " %d, %a;", ftz, [](float a, float, float) { return std::sqrt(a); });
    check32("rcp.rn" + s + " %d, %a;", ftz, [](float a, float, float) { return 1 / a; });
    check32("abs" + s + " %d, %a;", ftz, [](float a, float, float) { return std::fabs(a); });
    check32("neg" + s + " %d, %a;", ftz, [](float a, float, float) { return -a; });
  }
  check32("mul.rz.f32 %d, %a, %b;", false, [](float a, float b, float) {
    volatile float x = a, y = b; // multiplied in this mode, not when the test is compiled
    std::fesetround(FE_TOWARDZERO);
    volatile float product = x * y;
    std::fesetround(FE_TONEAREST);
    return float(product);
  });
  check32("add.sat.f32 %d, %a, %b;", false,
          [](float a, float b, float) { return a + b > 0 ? std::min(a + b, 1.0f) : 0.0f; });
}

/// A product and a sum are two roundings even side by side.
TEST(Float, NothingIsContracted) {
  std::vector<uint32_t> a{bitsOf(1 + 0x1p-23f)}, b{bitsOf(1 - 0x1p-23f)}, c{bitsOf(-1)};
  auto d = apply<uint32_t>("mul.f32 %x, %a, %b;\nadd.f32 %d, %x, %c;", a, b, c);
  EXPECT_EQ(asFloat(d[0]), 0.0f);
  EXPECT_EQ(asFloat(apply<uint32_t>("fma.rn.f32 %d, %a, %b, %c;", a, b, c)[0]), -0x1p-46f);
}

TEST(Float, MinAndMax) {
  auto lower = [](float a, float b) { return a < b || (a == b && std::signbit(a)); };
  auto pick = [&](float a, float b, bool max) {
    if (a != a)
      return b;
    if (b != b)
      return a;
    return lower(a, b) != max ? a : b;
  };
  check32("min.f32 %d, %a, %b;", false, [&](float a, float b, float) { return pick(a, b, false); });
  check32("max.ftz.f32 %d, %a, %b;", true, [&](float a, float b, float) { return pick(a, b, true); });
  check32("max.NaN.f32 %d, %a, %b;", false,
          [&](float a, float b, float) { return a != a || b != b ? NAN : pick(a, b, true); });
  auto zero = apply<uint32_t>("max.f32 %d, %a, %b;", std::vector<uint32_t>{0x80000000, 0},
                              std::vector<uint32_t>{0, 0x80000000});
  EXPECT_EQ(zero[0], 0u);
  EXPECT_EQ(zero[1], 0u);
}

TEST(Float, DoublePrecision) {
  std::mt19937_64 random(5);
  std::vector<uint64_t> a, b, c;
  for (size_t n = 0; n < kCount; ++n)
    for (auto *v : {&a, &b, &c})
      v->push_back(n % 7 ? (random() & 0x800FFFFFFFFFFFFF) | (900 + random() % 200) << 52 : random());
  auto value = [](uint64_t x) { return std::bit_cast<double>(x); };
  auto same = [&](uint64_t x, double y) {
    return x == std::bit_cast<uint64_t>(y) || (y != y && value(x) != value(x));
  };
  auto sum = apply<uint64_t>("add.f64 %d, %a, %b;", a, b),
       product = apply<uint64_t>("mul.rn.f64 %d, %a, %b;", a, b),
       fused = apply<uint64_t>("fma.rn.f64 %d, %a, %b, %c;", a, b, c);
  for (size_t n = 0; n < kCount; ++n) {
    ASSERT_TRUE(same(sum[n], value(a[n]) + value(b[n])));
    ASSERT_TRUE(same(product[n], value(a[n]) * value(b[n])));
    ASSERT_TRUE(same(fused[n], std::fma(value(a[n]), value(b[n]), value(c[n]))));
  }
}

template <class F> void check16(const std::string &code, const Format16 &format, F f) {
  auto a = shortSamples(1), b = shortSamples(2), c = shortSamples(3);
  auto d = apply<uint16_t>(code, a, b, c);
  for (size_t n = 0; n < kCount; ++n) {
    long double x = format.value(a[n]), y = format.value(b[n]), z = format.value(c[n]);
    uint16_t want = format.nearest(f(x, y, z));
    bool zero = !(d[n] & 0x7FFF) && !(want & 0x7FFF);
    ASSERT_TRUE(d[n] == want || zero) << code << " of " << std::hex << a[n] << ' ' << b[n] << ' ' << c[n]
                                      << ": " << d[n] << ", want " << want;
  }
}

/// a + b, moved by a little if it is not exact, so that the tie of a shorter format is broken as it should
/// be.
long double sticky(long double a, long double b) {
  long double sum = a + b, part = sum - a, error = (a - (sum - part)) + (b - part);
  return error == 0 || !std::isfinite(sum) ? sum : std::nextafter(sum, error > 0 ? INFINITY : -INFINITY);
}

TEST(Float, SixteenBits) {
  using L = long double;
  for (auto [format, name] : {std::pair{kHalf, std::string("f16")}, {kBrain, std::string("bf16")}}) {
    check16("add." + name + " %d, %a, %b;", format, [](L a, L b, L) { return a + b; });
    check16("sub." + name + " %d, %a, %b;", format, [](L a, L b, L) { return a - b; });
    check16("mul." + name + " %d, %a, %b;", format, [](L a, L b, L) { return a * b; });
    check16("fma.rn." + name + " %d, %a, %b, %c;", format, [](L a, L b, L c) { return sticky(a * b, c); });
    check16("fma.rn.relu." + name + " %d, %a, %b, %c;", format, [](L a, L b, L c) {
      L r = sticky(a * b, c);
      return r > 0 || r != r ? r : 0;
    });
  }
}

TEST(Float, PackedHalvesAreIndependent) {
  auto low = shortSamples(1), high = shortSamples(2), other = shortSamples(3);
  auto packed = [&](const std::vector<uint16_t> &l, const std::vector<uint16_t> &h) {
    std::vector<uint32_t> p;
    for (size_t n = 0; n < l.size(); ++n)
      p.push_back(l[n] | uint32_t(h[n]) << 16);
    return p;
  };
  for (std::string op : {"add.f16", "mul.bf16", "max.f16", "min.NaN.bf16"}) {
    auto l = apply<uint16_t>(op + " %d, %a, %b;", low, other),
         h = apply<uint16_t>(op + " %d, %a, %b;", high, other);
    expectEach(
        apply<uint32_t>(op + "x2 %d, %a, %b;", packed(low, high), packed(other, other)),
        [&](size_t n) { return l[n] | uint32_t(h[n]) << 16; }, op.c_str());
  }
}

/// Bounds of the PTX ISA: ex2 2 ulp, rcp 1 ulp, rsqrt 2^-22.9, lg2 2^-22 absolute near 1, tanh 2^-11
/// relative.
TEST(Float, ApproximationsKeepTheirBounds) {
  auto a = floatSamples(8192, 9);
  auto exp2 = apply<uint32_t>("ex2.approx.ftz.f32 %d, %a;", a),
       reciprocal = apply<uint32_t>("rcp.approx.ftz.f32 %d, %a;", a);
  auto log2 = apply<uint32_t>("lg2.approx.f32 %d, %a;", a),
       tanh = apply<uint32_t>("tanh.approx.f32 %d, %a;", a);
  unsigned inexactTanh = 0;
  for (size_t n = 0; n < a.size(); ++n) {
    float x = asFloat(flushed(a[n]));
    auto near = [&](uint32_t got, double want, double relative) {
      float w = static_cast<float>(want);
      if (w != w)
        return asFloat(got) != asFloat(got);
      if (std::fabs(want) < std::numeric_limits<float>::min())
        return std::fabs(asFloat(got)) <= std::numeric_limits<float>::min();
      return asFloat(got) == w || std::fabs(asFloat(got) - want) <= relative * std::fabs(want);
    };
    ASSERT_TRUE(near(exp2[n], std::exp2(double(x)), 0x1p-22)) << x;
    ASSERT_TRUE(near(reciprocal[n], 1.0 / x, 0x1p-23)) << x;
    ASSERT_TRUE(near(tanh[n], std::tanh(double(asFloat(a[n]))), 0x1p-11)) << x;
    inexactTanh += asFloat(tanh[n]) != static_cast<float>(std::tanh(double(asFloat(a[n]))));
    if (float y = asFloat(a[n]); y > 0 && std::isfinite(y))
      ASSERT_LE(std::fabs(asFloat(log2[n]) - std::log2(double(y))), y > 0.5f && y < 2 ? 0x1p-22 : 0x1p-16)
          << y;
  }
  EXPECT_GT(inexactTanh, 100u) << "tanh.approx must show that it is an approximation";
  EXPECT_EQ(asFloat(apply<uint32_t>("ex2.approx.f32 %d, %a;", std::vector<uint32_t>{bitsOf(-149.0f)})[0]),
            0x1p-149f);
}

TEST(Float, ClassesOfNumbers) {
  std::vector<uint32_t> a{0, 1, 0x3F800000, 0x7F800000, 0x7FC00000};
  auto is = [&](const char *what) {
    return apply<uint32_t>(std::string("testp.") + what + ".f32 %q, %a;\nselp.b32 %d, 1, 0, %q;", a);
  };
  EXPECT_EQ(is("finite"), (std::vector<uint32_t>{1, 1, 1, 0, 0}));
  EXPECT_EQ(is("infinite"), (std::vector<uint32_t>{0, 0, 0, 1, 0}));
  EXPECT_EQ(is("notanumber"), (std::vector<uint32_t>{0, 0, 0, 0, 1}));
  EXPECT_EQ(is("subnormal"), (std::vector<uint32_t>{0, 1, 0, 0, 0}));
}

} // namespace
} // namespace gqa::emulator::test
