// Applying an operation on floats to the lanes of any floating-point type. 16-bit values are computed in f32,
// which is wide enough that the result is rounded as if at once (2p + 2 <= 24), packed ones half by half.
#pragma once
#include "Choose.h"

namespace gqa::emulator {

/// Flushes where `.ftz` does: f32 and f16 operands and results.
template <bool Ftz, class T> inline T flushed(T x) {
  if constexpr (Ftz && std::is_same_v<T, float>)
    return flush(x);
  else if constexpr (Ftz && std::is_same_v<T, F16>)
    return (x.bits & 0x7C00) == 0 ? F16{uint16_t(x.bits & 0x8000)} : x;
  else
    return x;
}
inline float saturated(float x) { return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f; }
inline double saturated(double x) { return x > 0 ? (x < 1 ? x : 1.0) : 0.0; }

template <class T> struct IsPair : std::false_type {};
template <class T> struct IsPair<Pair<T>> : std::true_type {};
template <class T> constexpr bool kSixteen = std::is_same_v<T, F16> || std::is_same_v<T, BF16>;

/// Op(a...) in the type T. Op takes and returns float or double.
template <bool Ftz, bool Sat, auto Op, class T, class... Ts> inline T applyFloat(T a, Ts... rest) {
  if constexpr (IsPair<T>::value) {
    return {applyFloat<Ftz, Sat, Op>(a.low, rest.low...), applyFloat<Ftz, Sat, Op>(a.high, rest.high...)};
  } else if constexpr (kSixteen<T>) {
    auto r = Op(toFloat(flushed<Ftz>(a)), toFloat(flushed<Ftz>(rest))...);
    return flushed<Ftz>(narrow<T>(Sat ? saturated(r) : r));
  } else {
    T r = Op(flushed<Ftz>(a), flushed<Ftz>(rest)...);
    return flushed<Ftz>(Sat ? saturated(r) : r);
  }
}

template <class T, bool Ftz, bool Sat, auto Op> void floatUnary(Warp &w, const Insn &i, uint32_t mask) {
  unary<T, T>(w, i, mask, [](T a) { return applyFloat<Ftz, Sat, Op>(a); });
}
template <class T, bool Ftz, bool Sat, auto Op> void floatBinary(Warp &w, const Insn &i, uint32_t mask) {
  binary<T, T>(w, i, mask, [](T a, T b) { return applyFloat<Ftz, Sat, Op>(a, b); });
}
template <class T, bool Ftz, bool Sat, auto Op> void floatTernary(Warp &w, const Insn &i, uint32_t mask) {
  ternary<T, T>(w, i, mask, [](T a, T b, T c) { return applyFloat<Ftz, Sat, Op>(a, b, c); });
}

/// f.operator()<T>() for any floating-point type.
template <class F> Handler chooseFloat(Type t, F f) {
  return choose<float, double, F16, BF16, Pair<F16>, Pair<BF16>>(t, f);
}

/// `.ftz` is for f32 and f16, `.sat` is supported for f32.
template <auto Op> Handler bindFloatBinary(const Match &m) {
  bool ftz = m.has("ftz");
  if (m.has("sat"))
    return m.type() != Type::F32 ? nullptr
           : ftz                 ? &floatBinary<float, true, true, Op>
                                 : &floatBinary<float, false, true, Op>;
  if (ftz)
    return choose<float, F16, Pair<F16>>(
        m.type(), []<class T>() -> Handler { return &floatBinary<T, true, false, Op>; });
  return chooseFloat(m.type(), []<class T>() -> Handler { return &floatBinary<T, false, false, Op>; });
}

} // namespace gqa::emulator
