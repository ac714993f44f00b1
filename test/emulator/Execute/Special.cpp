// The functions of the special function unit. Results of `.approx` are at least as exact as the ISA promises;
// tanh, whose promise is 2^-11, is rounded to 11 bits, so that code which needs more shows it here as on the
// machine.
#include "Bind.h"
#include "FloatLanes.h"

namespace gqa::emulator {
namespace {

/// 2^x to within an ulp of f32, without a call, so that the loop over the lanes vectorises.
inline float exp2Float(float x) {
  float clamped = x < -160.0f ? -160.0f : x > 130.0f ? 130.0f : x;
  double t = clamped, n = std::nearbyint(t), f = (t - n) * 0.69314718055994530942;
  double p =
      1.0 +
      f * (1.0 + f * (1.0 / 2 +
                      f * (1.0 / 6 + f * (1.0 / 24 + f * (1.0 / 120 +
                                                          f * (1.0 / 720 + f * (1.0 / 5040 + f / 40320)))))));
  double scale = std::bit_cast<double>((static_cast<int64_t>(n) + 1023) << 52);
  float r = static_cast<float>(p * scale);
  return x != x ? x : r;
}

constexpr auto kExp2 = [](auto x) { return exp2Float(x); };
constexpr auto kLog2 = [](auto x) { return static_cast<float>(std::log2(static_cast<double>(x))); };
constexpr auto kSin = [](auto x) { return static_cast<float>(std::sin(static_cast<double>(x))); };
constexpr auto kCos = [](auto x) { return static_cast<float>(std::cos(static_cast<double>(x))); };
constexpr auto kReciprocal = [](auto x) { return 1 / x; };
constexpr auto kRoot = [](auto x) { return std::sqrt(x); };
constexpr auto kInverseRoot = [](auto x) {
  return static_cast<decltype(x)>(1 / std::sqrt(static_cast<double>(x)));
};
constexpr auto kTanh = [](auto x) {
  float exact = std::tanh(x);
  uint32_t bits = std::bit_cast<uint32_t>(exact) + 0x800; // 11 bits of mantissa stay
  return exact != exact ? exact : std::bit_cast<float>(bits & ~0xFFFu);
};

template <auto Op> Handler bindShort(const Match &m) {
  bool ftz = m.has("ftz");
  return choose<float, F16, BF16, Pair<F16>, Pair<BF16>>(m.type(), [=]<class T>() -> Handler {
    return ftz ? &floatUnary<T, true, false, Op> : &floatUnary<T, false, false, Op>;
  });
}
template <auto Op> Handler bindLong(const Match &m) {
  bool ftz = m.has("ftz");
  return choose<float, double>(m.type(), [=]<class T>() -> Handler {
    return ftz ? &floatUnary<T, true, false, Op> : &floatUnary<T, false, false, Op>;
  });
}

} // namespace

namespace bind {

Handler ex2(Match &m) { return bindShort<kExp2>(m); }
Handler tanh(Match &m) { return bindShort<kTanh>(m); }
Handler lg2(Match &m) { return bindShort<kLog2>(m); }
Handler sin(Match &m) { return bindShort<kSin>(m); }
Handler cos(Match &m) { return bindShort<kCos>(m); }
Handler rcp(Match &m) { return bindLong<kReciprocal>(m); }
Handler sqrt(Match &m) { return bindLong<kRoot>(m); }
Handler rsqrt(Match &m) { return bindLong<kInverseRoot>(m); }

} // namespace bind
} // namespace gqa::emulator
