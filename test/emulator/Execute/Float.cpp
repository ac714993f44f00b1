// Floating-point arithmetic, rounding to nearest even unless it says otherwise.
#include "Bind.h"
#include "FloatLanes.h"

namespace gqa::emulator {
namespace {

constexpr auto kAdd = [](auto a, auto b) { return a + b; };
constexpr auto kSub = [](auto a, auto b) { return a - b; };
constexpr auto kMul = [](auto a, auto b) { return a * b; };
/// Exact in double; what rounds away from zero, to infinity as well, is one step too far.
constexpr auto kMulTowardsZero = [](float a, float b) {
  double exact = double(a) * double(b);
  float r = static_cast<float>(exact);
  return std::fabs(double(r)) > std::fabs(exact) ? std::nextafter(r, 0.0f) : r;
};
constexpr auto kDiv = [](auto a, auto b) { return a / b; };

template <class T> struct BitsOf;
template <> struct BitsOf<float> {
  using type = uint32_t;
};
template <> struct BitsOf<double> {
  using type = uint64_t;
};
template <class T> T canonicalNaN() {
  if constexpr (sizeof(T) == 4)
    return std::bit_cast<float>(0x7FFFFFFFu);
  else
    return std::bit_cast<double>(0x7FFFFFFFFFFFFFFFull);
}

/// -0 is below +0; a NaN loses against a number, or wins under `.NaN`.
template <bool Max, bool Nan, bool XorSign>
constexpr auto kExtreme = [](auto a, auto b) {
  using T = decltype(a);
  using U = typename BitsOf<T>::type;
  U x = std::bit_cast<U>(a), y = std::bit_cast<U>(b);
  constexpr U kSign = U(1) << (8 * sizeof(U) - 1);
  if constexpr (XorSign) {
    a = std::bit_cast<T>(x & ~kSign);
    b = std::bit_cast<T>(y & ~kSign);
  }
  U p = std::bit_cast<U>(a), q = std::bit_cast<U>(b);
  T equal = std::bit_cast<T>(Max ? p & q : p | q);
  T r = (Max ? a > b : a < b) ? a : (Max ? b > a : b < a) ? b : equal;
  if constexpr (Nan)
    r = a != a || b != b ? canonicalNaN<T>() : r;
  else
    r = a != a ? (b != b ? canonicalNaN<T>() : b) : b != b ? a : r;
  if constexpr (XorSign)
    r = r != r ? r : std::bit_cast<T>((std::bit_cast<U>(r) & ~kSign) | ((x ^ y) & kSign));
  return r;
};

template <bool Max> Handler bindExtreme(const Match &m) {
  if (m.has("xorsign"))
    return m.has("NaN") ? bindFloatBinary<kExtreme<Max, true, true>>(m)
                        : bindFloatBinary<kExtreme<Max, false, true>>(m);
  return m.has("NaN") ? bindFloatBinary<kExtreme<Max, true, false>>(m)
                      : bindFloatBinary<kExtreme<Max, false, false>>(m);
}

/// One rounding in every type: the product of 16-bit values is exact in double.
template <bool Ftz, bool Sat, bool Relu, class T> T fused(T a, T b, T c) {
  if constexpr (IsPair<T>::value) {
    return {fused<Ftz, Sat, Relu>(a.low, b.low, c.low), fused<Ftz, Sat, Relu>(a.high, b.high, c.high)};
  } else if constexpr (kSixteen<T>) {
    double x = toFloat(flushed<Ftz>(a)), y = toFloat(flushed<Ftz>(b)), z = toFloat(flushed<Ftz>(c));
    double r = addToOdd(x * y, z);
    if constexpr (Sat)
      r = saturated(r);
    if constexpr (Relu)
      r = r > 0 || r != r ? r : 0.0;
    return flushed<Ftz>(narrow<T>(r));
  } else {
    T r = std::fma(flushed<Ftz>(a), flushed<Ftz>(b), flushed<Ftz>(c));
    if constexpr (Sat)
      r = saturated(r);
    return flushed<Ftz>(r);
  }
}
template <class T, bool Ftz, bool Sat, bool Relu> void fusedHandler(Warp &w, const Insn &i, uint32_t mask) {
  ternary<T, T>(w, i, mask, [](T a, T b, T c) { return fused<Ftz, Sat, Relu>(a, b, c); });
}

/// Changes sign bits only, so that a NaN keeps its payload.
template <class T, bool Negate> void signHandler(Warp &w, const Insn &i, uint32_t mask) {
  using U = Held<T>;
  constexpr U kSigns = IsPair<T>::value ? U(0x80008000) : U(1) << (8 * sizeof(T) - 1);
  auto *d = w.result<U>(i.op[0]);
  auto *a = w.source<U>(i.op[1]);
  forLanes(mask, [=](unsigned l) { d[l] = Negate ? a[l] ^ kSigns : a[l] & ~kSigns; });
}
template <class T, bool Negate> void signFlushed(Warp &w, const Insn &i, uint32_t mask) {
  unary<T, T>(w, i, mask, [](T a) {
    a = flushed<true>(a);
    auto bits = pack<T>(a);
    constexpr auto kSign = decltype(bits)(1) << (8 * sizeof(T) - 1);
    return unpack<T>(Negate ? bits ^ kSign : bits & ~kSign);
  });
}
template <bool Negate> Handler bindSign(const Match &m) {
  if (m.has("ftz"))
    return choose<float, F16>(m.type(), []<class T>() -> Handler { return &signFlushed<T, Negate>; });
  return chooseFloat(m.type(), []<class T>() -> Handler { return &signHandler<T, Negate>; });
}

} // namespace

namespace bind {

Handler floatAdd(Match &m) { return bindFloatBinary<kAdd>(m); }
Handler floatSub(Match &m) { return bindFloatBinary<kSub>(m); }
Handler floatMul(Match &m) { return bindFloatBinary<kMul>(m); }
Handler floatMulTowardsZero(Match &) { return &binaryHandler<float, kMulTowardsZero>; }
/// Also for `.approx` and `.full`: the exact quotient is within their bounds.
Handler floatDiv(Match &m) { return bindFloatBinary<kDiv>(m); }
Handler floatMin(Match &m) { return bindExtreme<false>(m); }
Handler floatMax(Match &m) { return bindExtreme<true>(m); }
Handler floatAbs(Match &m) { return bindSign<false>(m); }
Handler floatNeg(Match &m) { return bindSign<true>(m); }

Handler fma(Match &m) {
  bool ftz = m.has("ftz");
  if (m.has("sat"))
    return m.type() != Type::F32 ? nullptr
           : ftz                 ? &fusedHandler<float, true, true, false>
                                 : &fusedHandler<float, false, true, false>;
  if (m.has("relu"))
    return choose<F16, BF16, Pair<F16>, Pair<BF16>>(
        m.type(), []<class T>() -> Handler { return &fusedHandler<T, false, false, true>; });
  if (ftz)
    return choose<float, F16, Pair<F16>>(
        m.type(), []<class T>() -> Handler { return &fusedHandler<T, true, false, false>; });
  return chooseFloat(m.type(), []<class T>() -> Handler { return &fusedHandler<T, false, false, false>; });
}

Handler copysign(Match &m) {
  return choose<float, double>(m.type(), []<class T>() -> Handler {
    return &binaryHandler<T, [](T a, T b) { return std::copysign(b, a); }>;
  });
}

Handler testp(Match &m) {
  static constexpr std::string_view kTests[] = {"finite",     "infinite", "number",
                                                "notanumber", "normal",   "subnormal"};
  for (unsigned n = 0; n < std::size(kTests); ++n)
    if (m.has(kTests[n]))
      m.insn->extra = n;
  return choose<float, double>(m.type(), []<class T>() -> Handler {
    return [](Warp &w, const Insn &i, uint32_t mask) {
      auto *a = w.source<Held<T>>(i.op[1]);
      uint32_t bits = 0;
      for (unsigned l = 0; l < kLanes; ++l) {
        int kind = std::fpclassify(unpack<T>(a[l]));
        bool finite = kind != FP_NAN && kind != FP_INFINITE;
        bool is[] = {finite,
                     kind == FP_INFINITE,
                     kind != FP_NAN,
                     kind == FP_NAN,
                     kind == FP_NORMAL || kind == FP_ZERO,
                     kind == FP_SUBNORMAL};
        bits |= uint32_t(is[i.extra]) << l;
      }
      w.setPredicate(i.op[0], bits, mask);
    };
  });
}

} // namespace bind
} // namespace gqa::emulator
