// Choosing an instance of a handler template by the type of an instruction.
#pragma once
#include "Lanes.h"

namespace gqa::emulator {

template <class T> constexpr bool named(Type t) {
  if constexpr (std::is_same_v<T, uint16_t>)
    return t == Type::U16 || t == Type::B16;
  else if constexpr (std::is_same_v<T, uint32_t>)
    return t == Type::U32 || t == Type::B32;
  else if constexpr (std::is_same_v<T, uint64_t>)
    return t == Type::U64 || t == Type::B64;
  else if constexpr (std::is_same_v<T, int16_t>)
    return t == Type::S16;
  else if constexpr (std::is_same_v<T, int32_t>)
    return t == Type::S32;
  else if constexpr (std::is_same_v<T, int64_t>)
    return t == Type::S64;
  else if constexpr (std::is_same_v<T, uint8_t>)
    return t == Type::U8 || t == Type::B8;
  else if constexpr (std::is_same_v<T, int8_t>)
    return t == Type::S8;
  else if constexpr (std::is_same_v<T, F16>)
    return t == Type::F16;
  else if constexpr (std::is_same_v<T, BF16>)
    return t == Type::BF16;
  else if constexpr (std::is_same_v<T, Pair<F16>>)
    return t == Type::F16X2;
  else if constexpr (std::is_same_v<T, Pair<BF16>>)
    return t == Type::BF16X2;
  else if constexpr (std::is_same_v<T, float>)
    return t == Type::F32;
  else if constexpr (std::is_same_v<T, double>)
    return t == Type::F64;
  else
    return false;
}

/// f.operator()<T>() for the T of Ts that is named by t, else null.
template <class... Ts, class F> Handler choose(Type t, F f) {
  Handler chosen = nullptr;
  ((named<Ts>(t) ? void(chosen = f.template operator()<Ts>()) : void()), ...);
  return chosen;
}

template <class F> Handler chooseInteger(Type t, F f) {
  return choose<uint16_t, int16_t, uint32_t, int32_t, uint64_t, int64_t>(t, f);
}
template <class F> Handler chooseBits(Type t, F f) { return choose<uint16_t, uint32_t, uint64_t>(t, f); }

/// Handlers whose operation is a lambda without captures, given as a template argument.
template <class T, auto Op, class D = T> void unaryHandler(Warp &w, const Insn &i, uint32_t mask) {
  unary<D, T>(w, i, mask, Op);
}
template <class T, auto Op, class D = T> void binaryHandler(Warp &w, const Insn &i, uint32_t mask) {
  binary<D, T>(w, i, mask, Op);
}
template <class T, auto Op, class D = T> void ternaryHandler(Warp &w, const Insn &i, uint32_t mask) {
  ternary<D, T>(w, i, mask, Op);
}

} // namespace gqa::emulator
