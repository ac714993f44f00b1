// Integer arithmetic. Overflow wraps, as on the machine.
#include "Bind.h"
#include "Choose.h"

#include <algorithm>

namespace gqa::emulator {
namespace {

template <class T> using Unsigned = std::make_unsigned_t<T>;
template <class T> struct WideOf;
template <> struct WideOf<int16_t> {
  using type = int32_t;
};
template <> struct WideOf<uint16_t> {
  using type = uint32_t;
};
template <> struct WideOf<int32_t> {
  using type = int64_t;
};
template <> struct WideOf<uint32_t> {
  using type = uint64_t;
};
template <> struct WideOf<int64_t> {
  using type = __int128;
};
template <> struct WideOf<uint64_t> {
  using type = unsigned __int128;
};
template <class T> using Wide = typename WideOf<T>::type;

template <class T> T wrappingAdd(T a, T b) { return static_cast<T>(Unsigned<T>(a) + Unsigned<T>(b)); }
template <class T> T wrappingSub(T a, T b) { return static_cast<T>(Unsigned<T>(a) - Unsigned<T>(b)); }
template <class T> T low(T a, T b) {
  return static_cast<T>(static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b));
}
template <class T> T high(T a, T b) {
  return static_cast<T>((static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b)) >> (8 * sizeof(T)));
}

int32_t saturate(int64_t x) { return static_cast<int32_t>(std::clamp<int64_t>(x, INT32_MIN, INT32_MAX)); }

/// Division by zero gives all ones; the most negative number over -1 wraps.
template <class T> T quotient(T a, T b) {
  if (b == 0)
    return static_cast<T>(-1);
  return std::is_signed_v<T> && b == static_cast<T>(-1) ? wrappingSub<T>(0, a) : static_cast<T>(a / b);
}
template <class T> T remainder(T a, T b) {
  if (b == 0)
    return a;
  return std::is_signed_v<T> && b == static_cast<T>(-1) ? 0 : static_cast<T>(a % b);
}

/// Bits 0..23 of a 32-bit operand.
template <class T> T low24(T a) {
  return std::is_signed_v<T> ? static_cast<T>(static_cast<int32_t>(static_cast<uint32_t>(a) << 8) >> 8)
                             : a & 0xFFFFFF;
}
template <class T> T product24(T a, T b, bool lowHalf) {
  auto product = static_cast<Wide<T>>(low24(a)) * low24(b);
  return static_cast<T>(lowHalf ? product : product >> 16);
}

} // namespace

namespace bind {

Handler integerAdd(Match &m) {
  if (m.has("sat"))
    return &binaryHandler<int32_t, [](int32_t a, int32_t b) { return saturate(int64_t(a) + b); }>;
  return chooseInteger(m.type(), []<class T>() -> Handler { return &binaryHandler<T, wrappingAdd<T>>; });
}

Handler integerSub(Match &m) {
  if (m.has("sat"))
    return &binaryHandler<int32_t, [](int32_t a, int32_t b) { return saturate(int64_t(a) - b); }>;
  return chooseInteger(m.type(), []<class T>() -> Handler { return &binaryHandler<T, wrappingSub<T>>; });
}

Handler integerMul(Match &m) {
  if (m.has("wide"))
    return choose<uint16_t, int16_t, uint32_t, int32_t>(m.type(), []<class T>() -> Handler {
      return &binaryHandler<T, [](T a, T b) { return Wide<T>(Wide<T>(a) * Wide<T>(b)); }, Wide<T>>;
    });
  if (m.has("hi"))
    return chooseInteger(m.type(), []<class T>() -> Handler { return &binaryHandler<T, high<T>>; });
  return chooseInteger(m.type(), []<class T>() -> Handler { return &binaryHandler<T, low<T>>; });
}

Handler integerMad(Match &m) {
  if (m.has("wide"))
    return choose<uint16_t, int16_t, uint32_t, int32_t>(m.type(), []<class T>() -> Handler {
      using W = Wide<T>;
      return &ternaryHandler<T, [](T a, T b, W c) { return wrappingAdd<W>(W(a) * W(b), c); }, W>;
    });
  if (m.has("hi"))
    return chooseInteger(m.type(), []<class T>() -> Handler {
      return &ternaryHandler<T, [](T a, T b, T c) { return wrappingAdd<T>(high<T>(a, b), c); }>;
    });
  return chooseInteger(m.type(), []<class T>() -> Handler {
    return &ternaryHandler<T, [](T a, T b, T c) { return wrappingAdd<T>(low<T>(a, b), c); }>;
  });
}

Handler mul24(Match &m) {
  bool lo = m.has("lo");
  return choose<uint32_t, int32_t>(m.type(), [=]<class T>() -> Handler {
    if (lo)
      return &binaryHandler<T, [](T a, T b) { return product24(a, b, true); }>;
    return &binaryHandler<T, [](T a, T b) { return product24(a, b, false); }>;
  });
}

Handler mad24(Match &m) {
  bool lo = m.has("lo");
  return choose<uint32_t, int32_t>(m.type(), [=]<class T>() -> Handler {
    if (lo)
      return &ternaryHandler<T, [](T a, T b, T c) { return wrappingAdd(product24(a, b, true), c); }>;
    return &ternaryHandler<T, [](T a, T b, T c) { return wrappingAdd(product24(a, b, false), c); }>;
  });
}

Handler integerDiv(Match &m) {
  return chooseInteger(m.type(), []<class T>() -> Handler { return &binaryHandler<T, quotient<T>>; });
}
Handler integerRem(Match &m) {
  return chooseInteger(m.type(), []<class T>() -> Handler { return &binaryHandler<T, remainder<T>>; });
}
Handler integerMin(Match &m) {
  return chooseInteger(m.type(), []<class T>() -> Handler {
    return &binaryHandler<T, [](T a, T b) { return a < b ? a : b; }>;
  });
}
Handler integerMax(Match &m) {
  return chooseInteger(m.type(), []<class T>() -> Handler {
    return &binaryHandler<T, [](T a, T b) { return a > b ? a : b; }>;
  });
}
Handler integerAbs(Match &m) {
  return choose<int16_t, int32_t, int64_t>(m.type(), []<class T>() -> Handler {
    return &unaryHandler<T, [](T a) { return a < 0 ? wrappingSub<T>(0, a) : a; }>;
  });
}
Handler integerNeg(Match &m) {
  return choose<int16_t, int32_t, int64_t>(m.type(), []<class T>() -> Handler {
    return &unaryHandler<T, [](T a) { return wrappingSub<T>(0, a); }>;
  });
}

Handler sad(Match &m) {
  return chooseInteger(m.type(), []<class T>() -> Handler {
    return &ternaryHandler<T, [](T a, T b, T c) {
      return wrappingAdd<T>(c, a < b ? wrappingSub(b, a) : wrappingSub(a, b));
    }>;
  });
}

/// c + the dot product of four bytes; the types say whether the bytes of a and of b are signed.
Handler dp4a(Match &m) {
  auto run = []<bool SignedA, bool SignedB>(Warp &w, const Insn &i, uint32_t mask) {
    ternary<uint32_t, uint32_t>(w, i, mask, [](uint32_t a, uint32_t b, uint32_t c) {
      for (unsigned at = 0; at < 32; at += 8) {
        int32_t x = SignedA ? int8_t(a >> at) : uint8_t(a >> at),
                y = SignedB ? int8_t(b >> at) : uint8_t(b >> at);
        c += static_cast<uint32_t>(x * y);
      }
      return c;
    });
  };
  bool a = m.type(0) == Type::S32, b = m.type(1) == Type::S32;
  using R = decltype(run);
  if (a)
    return b ? Handler(
                   [](Warp &w, const Insn &i, uint32_t k) { R().template operator()<true, true>(w, i, k); })
             : Handler(
                   [](Warp &w, const Insn &i, uint32_t k) { R().template operator()<true, false>(w, i, k); });
  return b ? Handler(
                 [](Warp &w, const Insn &i, uint32_t k) { R().template operator()<false, true>(w, i, k); })
           : Handler(
                 [](Warp &w, const Insn &i, uint32_t k) { R().template operator()<false, false>(w, i, k); });
}

} // namespace bind
} // namespace gqa::emulator
