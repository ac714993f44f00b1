// Loops over the lanes of a warp, and how values of each type lie in its registers: up to 32 bits in a 32-bit
// lane, zero-extended, 64 bits in a 64-bit lane.
#pragma once
#include "Decode/Match.h"
#include "Machine.h"
#include "Numbers.h"

#include <bit>
#include <type_traits>

namespace gqa::emulator {

template <class T> using Held = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
template <unsigned Bytes> struct UintOf;
template <> struct UintOf<1> {
  using type = uint8_t;
};
template <> struct UintOf<2> {
  using type = uint16_t;
};
template <> struct UintOf<4> {
  using type = uint32_t;
};
template <> struct UintOf<8> {
  using type = uint64_t;
};

template <class T> inline T unpack(Held<T> bits) {
  return std::bit_cast<T>(static_cast<typename UintOf<sizeof(T)>::type>(bits));
}
template <class T> inline Held<T> pack(T value) {
  return std::bit_cast<typename UintOf<sizeof(T)>::type>(value);
}

/// Calls f(lane) for the lanes of the mask. A full mask is a plain loop, which vectorises: lanes are
/// independent.
template <class F> [[gnu::always_inline]] inline void forLanes(uint32_t mask, F &&f) {
  if (mask == kAllLanes) {
#pragma clang loop vectorize(assume_safety)
    for (unsigned lane = 0; lane < kLanes; ++lane)
      f(lane);
  } else {
    for (; mask; mask &= mask - 1)
      f(std::countr_zero(mask));
  }
}

/// The same for work that does not vectorise anyway.
template <class F> inline void forEachLane(uint32_t mask, F &&f) {
  for (; mask; mask &= mask - 1)
    f(std::countr_zero(mask));
}

/// d = f(a), f(a, b), f(a, b, c) in each lane, where D and T are the types of the result and the sources.
template <class D, class T, class F>
[[gnu::always_inline]] inline void unary(Warp &w, const Insn &i, uint32_t mask, F f) {
  auto *d = w.result<Held<D>>(i.op[0]);
  auto *a = w.source<Held<T>>(i.op[1]);
  forLanes(mask, [=](unsigned l) { d[l] = pack<D>(f(unpack<T>(a[l]))); });
}
template <class D, class T, class F>
[[gnu::always_inline]] inline void binary(Warp &w, const Insn &i, uint32_t mask, F f) {
  auto *d = w.result<Held<D>>(i.op[0]);
  auto *a = w.source<Held<T>>(i.op[1]), *b = w.source<Held<T>>(i.op[2]);
  forLanes(mask, [=](unsigned l) { d[l] = pack<D>(f(unpack<T>(a[l]), unpack<T>(b[l]))); });
}
template <class D, class T, class F>
[[gnu::always_inline]] inline void ternary(Warp &w, const Insn &i, uint32_t mask, F f) {
  auto *d = w.result<Held<D>>(i.op[0]);
  auto *a = w.source<Held<T>>(i.op[1]), *b = w.source<Held<T>>(i.op[2]);
  auto *c = w.source<Held<D>>(i.op[3]);
  forLanes(mask, [=](unsigned l) { d[l] = pack<D>(f(unpack<T>(a[l]), unpack<T>(b[l]), unpack<D>(c[l]))); });
}

/// Bits of the lanes for which f(lane) holds.
template <class F> [[gnu::always_inline]] inline uint32_t ballot(F &&f) {
  alignas(32) uint8_t set[kLanes];
#pragma clang loop vectorize(assume_safety)
  for (unsigned lane = 0; lane < kLanes; ++lane)
    set[lane] = f(lane);
  uint32_t bits = 0;
  for (unsigned part = 0; part < 4; ++part) { // the multiplication gathers the low bits of eight bytes
    uint64_t eight;
    __builtin_memcpy(&eight, set + 8 * part, 8);
    bits |= static_cast<uint32_t>(eight * 0x0102040810204080u >> 56) << (8 * part);
  }
  return bits;
}

} // namespace gqa::emulator
