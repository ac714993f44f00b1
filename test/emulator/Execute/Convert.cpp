// cvt: between integers, floats, and packs of two.
#include "Bind.h"
#include "FloatLanes.h"

#include <algorithm>

namespace gqa::emulator {
namespace {

/// Modifiers of a cvt, as they lie in Insn::extra.
struct Modifiers {
  Rounding rounding;
  bool integral, ftz, sat, relu, satfinite;
  uint32_t bits() const {
    return uint32_t(rounding) | integral << 4 | ftz << 5 | sat << 6 | relu << 7 | satfinite << 8;
  }
  static Modifiers of(uint32_t b) {
    return {static_cast<Rounding>(b & 15),
            bool(b & 16),
            bool(b & 32),
            bool(b & 64),
            bool(b & 128),
            bool(b & 256)};
  }
};

double roundIntegral(double x, Rounding r) {
  switch (r) {
  case Rounding::Zero:
    return std::trunc(x);
  case Rounding::Down:
    return std::floor(x);
  case Rounding::Up:
    return std::ceil(x);
  default:
    return std::nearbyint(x); // to even: the process runs in the default mode
  }
}

/// Directed rounding of a double or an integer to f32 by way of its neighbours.
float toFloat32(double x, Rounding r) {
  float f = static_cast<float>(x);
  if (r == Rounding::Nearest || static_cast<double>(f) == x || x != x)
    return f;
  bool above = static_cast<double>(f) > x;
  float infinity = std::numeric_limits<float>::infinity();
  bool wantAbove = r == Rounding::Up || (r == Rounding::Zero && x < 0);
  if (above == wantAbove)
    return f;
  return std::nextafter(f, wantAbove ? infinity : -infinity);
}

/// A double that rounds to shorter formats as the integer does.
template <class S> double oddDouble(S x) {
  double d = static_cast<double>(x);
  if constexpr (sizeof(S) == 8) {
    __int128 rest = static_cast<__int128>(x) - static_cast<__int128>(d);
    if (rest != 0 && !(std::bit_cast<uint64_t>(d) & 1))
      d = std::nextafter(d, rest > 0 ? std::numeric_limits<double>::infinity()
                                     : -std::numeric_limits<double>::infinity());
  }
  return d;
}

template <class S> double toDouble(S x, Rounding r) {
  double d = static_cast<double>(x);
  if constexpr (sizeof(S) == 8) {
    __int128 rest = static_cast<__int128>(x) - static_cast<__int128>(d);
    bool up = r == Rounding::Up || (r == Rounding::Zero && d < 0);
    if (r != Rounding::Nearest && rest != 0 && (rest > 0) == up)
      return std::nextafter(d, up ? std::numeric_limits<double>::infinity()
                                  : -std::numeric_limits<double>::infinity());
  }
  return d;
}

/// Out of range clamps; NaN is 0.
template <class D> D toInteger(double x, Rounding r) {
  if (x != x)
    return 0;
  double whole = roundIntegral(x, r), most = std::ldexp(1.0, std::numeric_limits<D>::digits);
  if (whole >= most)
    return std::numeric_limits<D>::max();
  if (whole < (std::is_signed_v<D> ? -most : 0.0))
    return std::numeric_limits<D>::min();
  return static_cast<D>(whole);
}

template <class D> D shortFloat(double x, Modifiers m) {
  if (m.relu)
    x = x > 0 || x != x ? x : 0.0;
  if constexpr (std::is_same_v<D, F16>)
    return {static_cast<uint16_t>(encode<5, 11>(x, m.rounding, m.satfinite))};
  else
    return {static_cast<uint16_t>(encode<8, 8>(x, m.rounding, m.satfinite))};
}

template <class D, class S> D convert(S x, Modifiers m) {
  if constexpr (std::is_integral_v<D> && std::is_integral_v<S>) {
    if (m.sat)
      return static_cast<D>(
          std::clamp<__int128>(x, std::numeric_limits<D>::min(), std::numeric_limits<D>::max()));
    return static_cast<D>(x);
  } else if constexpr (std::is_integral_v<D>) {
    if constexpr (std::is_same_v<S, float>)
      x = m.ftz ? flush(x) : x;
    if constexpr (kSixteen<S>)
      return toInteger<D>(toFloat(x), m.rounding);
    else
      return toInteger<D>(x, m.rounding);
  } else {
    double value;
    if constexpr (std::is_integral_v<S>)
      value = oddDouble(x);
    else if constexpr (kSixteen<S>)
      value = toFloat(x);
    else
      value = std::is_same_v<S, float> && m.ftz ? flush(static_cast<float>(x)) : x;
    if (m.integral)
      value = roundIntegral(value, m.rounding);
    if (m.sat)
      value = saturated(value);
    if constexpr (kSixteen<D>)
      return shortFloat<D>(value, m);
    else if constexpr (std::is_same_v<D, float>)
      return m.ftz ? flush(toFloat32(value, m.rounding)) : toFloat32(value, m.rounding);
    else if constexpr (std::is_integral_v<S>)
      return toDouble(x, m.rounding);
    else
      return value;
  }
}

/// Signed results fill their register, which may be wider than the type.
template <class D> Held<D> filled(D value) {
  if constexpr (std::is_integral_v<D> && std::is_signed_v<D> && sizeof(D) < 4)
    return static_cast<uint32_t>(static_cast<int32_t>(value));
  else
    return pack<D>(value);
}

template <class D, class S> void convertLanes(Warp &w, const Insn &i, uint32_t mask) {
  auto *d = w.result<Held<D>>(i.op[0]);
  auto *a = w.source<Held<S>>(i.op[1]);
  Modifiers m = Modifiers::of(i.extra);
  forEachLane(mask, [=](unsigned l) { d[l] = filled<D>(convert<D, S>(unpack<S>(a[l]), m)); });
}
/// The conversions of inner loops: to nearest, nothing else asked for.
template <class D, class S> void convertSimply(Warp &w, const Insn &i, uint32_t mask) {
  unary<D, S>(w, i, mask, [](S x) {
    if constexpr (kSixteen<D>)
      return narrow<D>(x);
    else if constexpr (kSixteen<S>)
      return toFloat(x);
    else
      return static_cast<D>(x);
  });
}

/// cvt.rn.f16x2.f32 d, a, b: a goes to the high half.
template <class D, bool Simple> void convertPair(Warp &w, const Insn &i, uint32_t mask) {
  [[maybe_unused]] Modifiers m = Modifiers::of(i.extra);
  binary<Pair<D>, float>(w, i, mask, [&](float a, float b) -> Pair<D> {
    if constexpr (Simple)
      return {narrow<D>(b), narrow<D>(a)};
    else
      return {shortFloat<D>(b, m), shortFloat<D>(a, m)};
  });
}

/// cvt.rn.f16x2.e4m3x2 d, a: two floats of 8 bits, all of which an f16 holds.
template <unsigned ExponentBits, bool Relu> void convertBytes(Warp &w, const Insn &i, uint32_t mask) {
  unary<Pair<F16>, uint16_t>(w, i, mask, [](uint16_t a) -> Pair<F16> {
    auto value = [](unsigned code) {
      float x = byteValues<ExponentBits>()[code];
      return narrow<F16>(Relu && x <= 0 ? 0.0f : x);
    };
    return {value(a & 255u), value(a >> 8)};
  });
}

void convertTf32(Warp &w, const Insn &i, uint32_t mask) {
  Modifiers m = Modifiers::of(i.extra);
  unary<uint32_t, float>(w, i, mask, [m](float x) -> uint32_t {
    if (m.relu)
      x = x > 0 || x != x ? x : 0.0f;
    return encode<8, 11>(x, m.rounding, m.satfinite) << 13;
  });
}

Rounding roundingOf(const Match &m) {
  if (m.has("rz") || m.has("rzi"))
    return Rounding::Zero;
  if (m.has("rm") || m.has("rmi"))
    return Rounding::Down;
  if (m.has("rp") || m.has("rpi"))
    return Rounding::Up;
  return m.has("rna") ? Rounding::NearestAway : Rounding::Nearest;
}

template <class S> Handler convertFrom(Type to) {
  return choose<uint8_t, int8_t, uint16_t, int16_t, uint32_t, int32_t, uint64_t, int64_t, F16, BF16, float,
                double>(to, []<class D>() -> Handler { return &convertLanes<D, S>; });
}

} // namespace

namespace bind {

Handler cvt(Match &m) {
  Type to = m.type(0), from = m.type(1);
  bool integral = m.has("rni") || m.has("rzi") || m.has("rmi") || m.has("rpi");
  Modifiers mods{roundingOf(m), integral, m.has("ftz"), m.has("sat"), m.has("relu"), m.has("satfinite")};
  m.insn->extra = mods.bits();
  bool simple = mods.bits() == 0;
  if (m.has("e4m3x2"))
    return mods.relu ? &convertBytes<4, true> : &convertBytes<4, false>;
  if (m.has("e5m2x2"))
    return mods.relu ? &convertBytes<5, true> : &convertBytes<5, false>;
  if (to == Type::F16X2)
    return simple ? &convertPair<F16, true> : &convertPair<F16, false>;
  if (to == Type::BF16X2)
    return simple ? &convertPair<BF16, true> : &convertPair<BF16, false>;
  if (to == Type::TF32)
    return &convertTf32;
  if (simple && from == Type::F32 && (to == Type::F16 || to == Type::BF16))
    return to == Type::F16 ? &convertSimply<F16, float> : &convertSimply<BF16, float>;
  if (simple && to == Type::F32 && (from == Type::F16 || from == Type::BF16))
    return from == Type::F16 ? &convertSimply<float, F16> : &convertSimply<float, BF16>;
  if (simple && to == Type::F32 && (from == Type::S32 || from == Type::U32))
    return from == Type::S32 ? &convertSimply<float, int32_t> : &convertSimply<float, uint32_t>;
  return choose<uint8_t, int8_t, uint16_t, int16_t, uint32_t, int32_t, uint64_t, int64_t, F16, BF16, float,
                double>(from, [=]<class S>() -> Handler { return convertFrom<S>(to); });
}

} // namespace bind
} // namespace gqa::emulator
