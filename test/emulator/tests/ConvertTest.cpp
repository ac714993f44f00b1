// cvt against its definition: 16-bit sources exhaustively, targets by the two neighbours of the exact value.
#include "Device.h"

#include <cfenv>
#include <cmath>

namespace gqa::emulator::test {
namespace {

std::vector<uint16_t> everyShort() {
  std::vector<uint16_t> all(65536);
  for (unsigned n = 0; n < all.size(); ++n)
    all[n] = n;
  return all;
}

double halfValue(uint16_t h) { return static_cast<double>(std::bit_cast<_Float16>(h)); }
double brainValue(uint16_t b) { return std::bit_cast<float>(uint32_t(b) << 16); }

TEST(Convert, EveryShortToSingle) {
  auto all = everyShort();
  auto half = apply<uint32_t>("cvt.f32.f16 %d, %a;", all),
       brain = apply<uint32_t>("cvt.f32.bf16 %d, %a;", all);
  for (unsigned n = 0; n < all.size(); ++n) {
    ASSERT_TRUE(sameFloat(half[n], std::bit_cast<uint32_t>(static_cast<float>(halfValue(n))))) << n;
    ASSERT_TRUE(sameFloat(brain[n], n << 16)) << n;
  }
}

/// Every value of the short format, the points between two of them, and their neighbours in f32.
std::vector<uint32_t> aroundEveryShort(bool brain) {
  std::vector<uint32_t> values;
  for (unsigned n = 0; n < 65536; n += 3) {
    uint32_t at = brain ? n << 16 : std::bit_cast<uint32_t>(static_cast<float>(halfValue(n)));
    uint32_t half = brain ? 0x8000 : 0x1000;
    for (uint32_t offset : {0u, half, half - 1, half + 1})
      values.push_back(at + offset);
  }
  return values;
}

/// The neighbours of x in the format: the largest value <= |x| and the next one, as bits without sign.
struct Neighbours {
  uint16_t low, high;
  double lowValue, highValue;
};
Neighbours neighbours(double magnitude, bool brain) {
  auto value = [&](uint16_t bits) { return brain ? brainValue(bits) : halfValue(bits); };
  uint16_t infinity = brain ? 0x7F80 : 0x7C00, low = 0, high = infinity;
  while (high - low > 1) {
    uint16_t middle = (low + high) / 2;
    (value(middle) <= magnitude ? low : high) = middle;
  }
  return {low, high, value(low), high == infinity ? 2 * value(low) - value(low - 1) : value(high)};
}

uint16_t rounded(float x, bool brain, char mode) {
  if (x != x)
    return 0x7FFF;
  uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  if (std::isinf(x))
    return sign | (brain ? 0x7F80 : 0x7C00);
  double magnitude = std::fabs(x);
  Neighbours n = neighbours(magnitude, brain);
  if (magnitude == n.lowValue)
    return sign | n.low;
  if (n.lowValue != n.lowValue || magnitude >= n.highValue)
    return sign | (mode == 'n' || (mode == 'p' && !sign) || (mode == 'm' && sign) ? n.high : n.low);
  double down = magnitude - n.lowValue, up = n.highValue - magnitude;
  bool away = mode == 'n'   ? up < down || (up == down && (n.low & 1))
              : mode == 'p' ? !sign
              : mode == 'm' ? sign
                            : false;
  return sign | (away ? n.high : n.low);
}

TEST(Convert, SingleToShortInEveryRounding) {
  for (bool brain : {false, true}) {
    auto values = aroundEveryShort(brain);
    for (std::string mode :
         brain ? std::vector<std::string>{"n", "z"} : std::vector<std::string>{"n", "z", "m", "p"}) {
      std::string code = "cvt.r" + mode + (brain ? ".bf16" : ".f16") + ".f32 %d, %a;";
      auto d = apply<uint16_t>(code, values);
      for (size_t n = 0; n < values.size(); ++n)
        ASSERT_EQ(d[n], rounded(asFloat(values[n]), brain, mode[0]))
            << code << " of " << std::hex << values[n];
    }
  }
}

TEST(Convert, PackedPutsTheFirstSourceHigh) {
  auto a = floatSamples(4096, 1), b = floatSamples(4096, 2);
  for (bool brain : {false, true}) {
    std::string type = brain ? "bf16x2" : "f16x2";
    expectEach(
        apply<uint32_t>("cvt.rn." + type + ".f32 %d, %a, %b;", a, b),
        [&](size_t n) {
          return uint32_t(rounded(asFloat(a[n]), brain, 'n')) << 16 | rounded(asFloat(b[n]), brain, 'n');
        },
        type.c_str());
    expectEach(
        apply<uint32_t>("cvt.rn.relu." + type + ".f32 %d, %a, %b;", a, b),
        [&](size_t n) {
          auto relu = [](float x) { return x < 0 || x == 0 ? 0.0f : x; };
          return uint32_t(rounded(relu(asFloat(a[n])), brain, 'n')) << 16 |
                 rounded(relu(asFloat(b[n])), brain, 'n');
        },
        type.c_str());
    expectEach(
        apply<uint32_t>("cvt.rz." + type + ".f32 %d, %a, %b;", a, b),
        [&](size_t n) {
          return uint32_t(rounded(asFloat(a[n]), brain, 'z')) << 16 | rounded(asFloat(b[n]), brain, 'z');
        },
        type.c_str());
  }
}

/// The value of a code by the definition of its format; NaN has all exponent bits, and in e4m3 all of the
/// others too. An e5m2 is the upper byte of an f16.
uint16_t halfOfByte(uint8_t code, bool isE4M3) {
  auto isNaN = [](uint16_t half) { return (half & 0x7FFF) > 0x7C00; };
  if (!isE4M3)
    return isNaN(code << 8) ? 0x7FFF : code << 8;
  if ((code & 0x7F) == 0x7F)
    return 0x7FFF;
  int exponent = code >> 3 & 15, mantissa = code & 7;
  double magnitude = exponent ? (8 + mantissa) * std::pow(2, exponent - 10) : mantissa * std::pow(2, -9);
  return std::bit_cast<uint16_t>(static_cast<_Float16>(magnitude)) | (code & 0x80) << 8;
}

TEST(Convert, EveryPairOfBytesToHalves) {
  auto all = everyShort();
  for (bool isE4M3 : {true, false})
    for (bool relu : {false, true}) {
      std::string code = std::string("cvt.rn") + (relu ? ".relu" : "") + ".f16x2." +
                         (isE4M3 ? "e4m3x2" : "e5m2x2") + " %d, %a;";
      auto half = [&](uint8_t byte) -> uint32_t {
        uint16_t bits = halfOfByte(byte, isE4M3);
        return relu && bits != 0x7FFF && bits & 0x8000 ? 0 : bits;
      };
      expectEach(
          apply<uint32_t>(code, all), [&](size_t n) { return half(n & 255) | half(n >> 8) << 16; },
          code.c_str());
    }
}

TEST(Convert, BytesNeedTheirChip) {
  std::string text = kernel(0, ".reg .b16 %a;\n.reg .b32 %d;\nmov.b16 %a, 0;\ncvt.rn.f16x2.e4m3x2 %d, %a;");
  auto decodeFor = [&](const std::string &target) {
    std::string other = text;
    other.replace(other.find("sm_90a"), 6, target);
    Module module = parseModule(other);
    decode(module, module.functions.at(0), {});
  };
  EXPECT_NO_THROW(decodeFor("sm_89"));
  EXPECT_THROW(decodeFor("sm_86"), PtxError);
}

TEST(Convert, SingleToInteger) {
  auto a = floatSamples(4096, 3);
  const struct {
    const char *name;
    double (*round)(double);
  } kModes[] = {{"rni", std::nearbyint}, {"rzi", std::trunc}, {"rmi", std::floor}, {"rpi", std::ceil}};
  for (const auto &mode : kModes) {
    auto s = apply<int32_t>(std::string("cvt.") + mode.name + ".s32.f32 %d, %a;", a);
    auto u = apply<uint32_t>(std::string("cvt.") + mode.name + ".u32.f32 %d, %a;", a);
    auto l = apply<int64_t>(std::string("cvt.") + mode.name + ".s64.f32 %d, %a;", a);
    auto f = apply<uint32_t>(std::string("cvt.") + mode.name + ".f32.f32 %d, %a;", a);
    for (size_t n = 0; n < a.size(); ++n) {
      float x = asFloat(a[n]);
      double whole = x != x ? 0 : mode.round(x);
      ASSERT_EQ(s[n], static_cast<int32_t>(std::clamp(whole, -2147483648.0, 2147483647.0))) << mode.name << x;
      ASSERT_EQ(u[n], static_cast<uint32_t>(std::clamp(whole, 0.0, 4294967295.0))) << mode.name << x;
      int64_t wide = whole >= 0x1p63 ? INT64_MAX : whole < -0x1p63 ? INT64_MIN : static_cast<int64_t>(whole);
      ASSERT_EQ(l[n], wide) << mode.name << x;
      ASSERT_TRUE(sameFloat(f[n], std::bit_cast<uint32_t>(static_cast<float>(mode.round(x)))))
          << mode.name << x;
    }
  }
}

TEST(Convert, IntegerToSingle) {
  auto a = samples<int32_t>(4096, 4);
  auto wide = samples<uint64_t>(4096, 5);
  const struct {
    const char *name;
    int mode;
  } kModes[] = {{"rn", FE_TONEAREST}, {"rz", FE_TOWARDZERO}, {"rm", FE_DOWNWARD}, {"rp", FE_UPWARD}};
  for (const auto &mode : kModes) {
    auto s = apply<uint32_t>(std::string("cvt.") + mode.name + ".f32.s32 %d, %a;", a);
    auto u = apply<uint32_t>(std::string("cvt.") + mode.name + ".f32.u64 %d, %a;", wide);
    for (size_t n = 0; n < a.size(); ++n) {
      std::fesetround(mode.mode);
      volatile int32_t from = a[n];
      volatile uint64_t fromWide = wide[n];
      volatile float want = from, wantWide = fromWide;
      std::fesetround(FE_TONEAREST);
      ASSERT_EQ(asFloat(s[n]), want) << mode.name << ' ' << a[n];
      ASSERT_EQ(asFloat(u[n]), wantWide) << mode.name << ' ' << wide[n];
    }
  }
}

TEST(Convert, BetweenIntegers) {
  auto a = samples<int32_t>(1024, 6);
  expectEach(apply<int64_t>("cvt.s64.s32 %d, %a;", a), [&](size_t n) { return int64_t(a[n]); }, "s64.s32");
  expectEach(
      apply<uint64_t>("cvt.u64.u32 %d, %a;", a), [&](size_t n) { return uint64_t(uint32_t(a[n])); },
      "u64.u32");
  expectEach(apply<uint16_t>("cvt.u16.u32 %d, %a;", a), [&](size_t n) { return uint16_t(a[n]); }, "u16.u32");
  expectEach(
      apply<int32_t>("cvt.s32.s8 %d, %a;", a), [&](size_t n) { return int32_t(int8_t(a[n])); }, "s32.s8");
  expectEach(
      apply<int32_t>("cvt.s8.s32 %d, %a;", a), [&](size_t n) { return int32_t(int8_t(a[n])); },
      "s8.s32 fills its register");
  expectEach(
      apply<int16_t>("cvt.sat.s16.s32 %d, %a;", a),
      [&](size_t n) { return int16_t(std::clamp(a[n], -32768, 32767)); }, "sat");
}

/// Ten bits of mantissa stay; halves go away from zero.
TEST(Convert, Tf32) {
  auto a = floatSamples(4096, 7);
  auto d = apply<uint32_t>("cvt.rna.tf32.f32 %d, %a;", a);
  for (size_t n = 0; n < a.size(); ++n) {
    float x = asFloat(a[n]);
    if (x != x || std::isinf(x))
      continue;
    ASSERT_EQ(d[n] & 0x1FFF, 0u);
    ASSERT_EQ(d[n], (a[n] + 0x1000) & ~0x1FFFu) << std::hex << a[n];
  }
}

TEST(Convert, DoubleAndSingle) {
  std::mt19937_64 random(11);
  std::vector<uint64_t> a;
  for (unsigned n = 0; n < 4096; ++n)
    a.push_back((random() & 0x800FFFFFFFFFFFFF) | (860 + random() % 320) << 52);
  auto d = apply<uint32_t>("cvt.rn.f32.f64 %d, %a;", a), up = apply<uint32_t>("cvt.rp.f32.f64 %d, %a;", a);
  for (size_t n = 0; n < a.size(); ++n) {
    double x = std::bit_cast<double>(a[n]);
    ASSERT_EQ(asFloat(d[n]), static_cast<float>(x));
    float near = static_cast<float>(x);
    ASSERT_EQ(asFloat(up[n]), double(near) >= x ? near : std::nextafter(near, INFINITY)) << x;
  }
  auto single = floatSamples(1024);
  expectEach(
      apply<uint64_t>("cvt.f64.f32 %d, %a;", single),
      [&](size_t n) {
        float x = asFloat(single[n]);
        return x != x ? std::bit_cast<uint64_t>(
                            apply<uint64_t>("cvt.f64.f32 %d, %a;", std::vector<uint32_t>{single[n]})[0])
                      : std::bit_cast<uint64_t>(static_cast<double>(x));
      },
      "f64.f32");
}

} // namespace
} // namespace gqa::emulator::test
