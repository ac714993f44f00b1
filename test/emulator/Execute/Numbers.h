// Floating-point formats of PTX and conversions between them, as its ISA defines them: a NaN becomes the
// canonical NaN of its format, `ftz` flushes subnormal f32 values to a zero of the same sign.
#pragma once
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace gqa::emulator {

struct F16 {
  uint16_t bits;
};
struct BF16 {
  uint16_t bits;
};
/// Two of them in one register, the first in the low half.
template <class T> struct Pair {
  T low, high;
};

enum class Rounding : uint8_t { Nearest, Zero, Down, Up, NearestAway };

inline float flush(float x) {
  return std::fabs(x) < std::numeric_limits<float>::min() ? std::copysign(0.0f, x) : x;
}

inline float toFloat(BF16 x) { return std::bit_cast<float>(uint32_t(x.bits) << 16); }
inline float toFloat(F16 x) { return static_cast<float>(std::bit_cast<_Float16>(x.bits)); }
inline float toFloat(float x) { return x; }

/// A float of 8 bits. E4M3 has no infinities: only its largest code is NaN.
template <unsigned ExponentBits> inline float fromByte(uint8_t code) {
  constexpr unsigned kMantissa = 7 - ExponentBits;
  constexpr int kBias = (1 << (ExponentBits - 1)) - 1;
  unsigned exponent = code >> kMantissa & ((1u << ExponentBits) - 1),
           mantissa = code & ((1u << kMantissa) - 1);
  float sign = code & 0x80 ? -1.0f : 1.0f;
  bool top = exponent == (1u << ExponentBits) - 1;
  if (ExponentBits == 5 && top)
    return mantissa ? std::nanf("") : sign * std::numeric_limits<float>::infinity();
  if (ExponentBits == 4 && (code & 0x7F) == 0x7F)
    return std::nanf("");
  float value = exponent
                    ? std::ldexp(1.0f + std::ldexp(float(mantissa), -int(kMantissa)), int(exponent) - kBias)
                    : std::ldexp(float(mantissa), 1 - kBias - int(kMantissa));
  return sign * value;
}
template <unsigned ExponentBits> inline const std::array<float, 256> &byteValues() {
  static const std::array<float, 256> values = [] {
    std::array<float, 256> v;
    for (unsigned n = 0; n < 256; ++n)
      v[n] = fromByte<ExponentBits>(static_cast<uint8_t>(n));
    return v;
  }();
  return values;
}

/// A double that rounds to any shorter format as the exact sum a + b would: the last bit says "inexact".
inline double addToOdd(double a, double b) {
  double sum = a + b;
  double bb = sum - a, error = (a - (sum - bb)) + (b - bb);
  uint64_t bits = std::bit_cast<uint64_t>(sum);
  if (error != 0 && std::isfinite(sum) && !(bits & 1))
    bits += (error > 0) == (sum > 0) ? 1 : -1;
  return std::bit_cast<double>(bits);
}

/// Rounds to `Precision` significant bits and the exponents of an IEEE-like format, returning its bits.
/// \param saturate finite values beyond the range become the largest finite value (also for rounding towards
/// zero).
template <unsigned ExponentBits, unsigned Precision>
uint32_t encode(double x, Rounding rounding, bool saturate = false) {
  constexpr int kBias = (1 << (ExponentBits - 1)) - 1, kMantissa = Precision - 1;
  constexpr uint32_t kInfinity = ((1u << ExponentBits) - 1) << kMantissa;
  uint32_t sign = std::signbit(x) ? 1u << (ExponentBits + kMantissa) : 0;
  if (std::isnan(x))
    return (1u << (ExponentBits + kMantissa)) - 1;
  double magnitude = std::fabs(x);
  if (std::isinf(x))
    return sign | (saturate ? kInfinity - 1 : kInfinity);
  if (magnitude == 0)
    return sign;
  int exponent = std::max(std::ilogb(magnitude), 1 - kBias);
  double scaled = std::ldexp(magnitude, kMantissa - exponent), whole = std::floor(scaled),
         rest = scaled - whole;
  bool up = false;
  switch (rounding) {
  case Rounding::Nearest:
    up = rest > 0.5 || (rest == 0.5 && std::fmod(whole, 2) == 1);
    break;
  case Rounding::NearestAway:
    up = rest >= 0.5;
    break;
  case Rounding::Zero:
    break;
  case Rounding::Down:
    up = rest > 0 && sign;
    break;
  case Rounding::Up:
    up = rest > 0 && !sign;
    break;
  }
  // Adding the exponent below lets a carry out of the mantissa, or into the normal range, count as it should.
  uint64_t bits = static_cast<uint64_t>(whole) + up;
  if (bits >> kMantissa || exponent > 1 - kBias)
    bits += (static_cast<uint64_t>(exponent + kBias) - 1) << kMantissa;
  if (bits >= kInfinity) {
    bool down = rounding == Rounding::Zero || (rounding == Rounding::Down && !sign) ||
                (rounding == Rounding::Up && sign);
    bits = saturate || down ? kInfinity - 1 : kInfinity;
  }
  return sign | static_cast<uint32_t>(bits);
}

inline F16 toF16(float x) {
  uint16_t bits = std::bit_cast<uint16_t>(static_cast<_Float16>(x));
  return {x != x ? uint16_t(0x7FFF) : bits};
}
inline BF16 toBF16(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  bits += 0x7FFF + (bits >> 16 & 1);
  return {x != x ? uint16_t(0x7FFF) : uint16_t(bits >> 16)};
}
/// A float that rounds to any shorter format as the double would.
inline float toOdd(double x) {
  float f = static_cast<float>(x);
  if (static_cast<double>(f) == x || x != x)
    return f;
  uint32_t bits = std::bit_cast<uint32_t>(f);
  if (std::fabs(static_cast<double>(f)) > std::fabs(x))
    --bits;
  return std::bit_cast<float>(bits | 1);
}
/// From an exact or odd-rounded double, in one rounding.
inline F16 toF16(double x) { return toF16(toOdd(x)); }
inline BF16 toBF16(double x) { return toBF16(toOdd(x)); }

template <class T> T narrow(float x);
template <> inline F16 narrow<F16>(float x) { return toF16(x); }
template <> inline BF16 narrow<BF16>(float x) { return toBF16(x); }
template <> inline float narrow<float>(float x) { return x; }
template <class T> T narrow(double x);
template <> inline F16 narrow<F16>(double x) { return toF16(x); }
template <> inline BF16 narrow<BF16>(double x) { return toBF16(x); }

} // namespace gqa::emulator
