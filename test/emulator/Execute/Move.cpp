// mov, packs of registers, addresses of one space seen from another.
#include "Bind.h"
#include "Choose.h"
#include "Suffixes.h"

#include <chrono>

namespace gqa::emulator {
namespace {

template <class T> void move(Warp &w, const Insn &i, uint32_t mask) {
  unary<T, T>(w, i, mask, [](T x) { return x; });
}

/// d = {op1, op2, ..}: N parts of type P make one W, the first in the low bits.
template <class W, class P> void join(Warp &w, const Insn &i, uint32_t mask) {
  constexpr unsigned kParts = sizeof(W) / sizeof(P);
  Held<W> whole[kLanes] = {};
  for (unsigned n = 0; n < kParts; ++n) {
    auto *part = w.source<Held<P>>(i.op[1 + n]);
    forLanes(kAllLanes, [&](unsigned l) { whole[l] |= Held<W>(P(part[l])) << (8 * sizeof(P) * n); });
  }
  auto *d = w.result<Held<W>>(i.op[0]);
  forLanes(mask, [&](unsigned l) { d[l] = whole[l]; });
}
template <class W, class P> void split(Warp &w, const Insn &i, uint32_t mask) {
  constexpr unsigned kParts = sizeof(W) / sizeof(P);
  auto *from = w.source<Held<W>>(i.op[kParts]);
  Held<W> whole[kLanes];
  std::copy(from, from + kLanes, whole);
  for (unsigned n = 0; n < kParts; ++n) {
    auto *part = w.result<Held<P>>(i.op[n]);
    forLanes(mask, [&](unsigned l) { part[l] = P(whole[l] >> (8 * sizeof(P) * n)); });
  }
}

uint64_t windowOf(const Warp &w, Space space) {
  const DeviceMemory &memory = w.cta.grid.memory;
  switch (space) {
  case Space::Shared:
    return memory.sharedWindow();
  case Space::Local:
    return memory.localWindow();
  case Space::Param:
    return memory.paramWindow();
  default:
    return 0; // global and constant addresses are generic ones
  }
}

template <class T, bool To> void convertAddress(Warp &w, const Insn &i, uint32_t mask) {
  uint64_t window = windowOf(w, i.space);
  unary<T, T>(w, i, mask, [=](T x) { return static_cast<T>(To ? x - window : x + window); });
}

void isInSpace(Warp &w, const Insn &i, uint32_t mask) {
  auto *a = w.source<uint64_t>(i.op[1]);
  const DeviceMemory &memory = w.cta.grid.memory;
  uint64_t window = windowOf(w, i.space);
  uint32_t bits = ballot([=, arena = memory.arena()](unsigned l) {
    return window ? a[l] - window < DeviceMemory::kWindow : a[l] >= arena;
  });
  w.setPredicate(i.op[0], bits, mask);
}

template <class T> void readClock(Warp &w, const Insn &i, uint32_t mask) {
  uint64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
  auto *d = w.result<T>(i.op[0]);
  forLanes(mask, [=](unsigned l) { d[l] = static_cast<T>(now); });
}

} // namespace

namespace bind {

Handler mov(Match &m) { return sizeOf(m.type()) == 8 ? &move<uint64_t> : &move<uint32_t>; }
Handler movPredicate(Match &) {
  return [](Warp &w, const Insn &i, uint32_t mask) { w.setPredicate(i.op[0], w.predicate(i.op[1]), mask); };
}

/// Two or four registers to one, or one to two or four.
Handler movVector(Match &m) {
  std::string_view shape = m.form->operands;
  if (shape == "D4b S2bx2")
    return &join<uint32_t, uint16_t>;
  if (shape == "D2bx2 S4b")
    return &split<uint32_t, uint16_t>;
  if (shape == "D8b S4bx2")
    return &join<uint64_t, uint32_t>;
  if (shape == "D4bx2 S8b")
    return &split<uint64_t, uint32_t>;
  if (shape == "D8b S2bx4")
    return &join<uint64_t, uint16_t>;
  return &split<uint64_t, uint16_t>;
}

Handler cvta(Match &m) {
  m.insn->space = spaceOf(m);
  if (m.type() == Type::U32)
    return nullptr; // generic addresses have 64 bits
  return m.has("to") ? &convertAddress<uint64_t, true> : &convertAddress<uint64_t, false>;
}

Handler isspacep(Match &m) {
  m.insn->space = spaceOf(m);
  return &isInSpace;
}

Handler clock(Match &m) { return sizeOf(m.type()) == 8 ? &readClock<uint64_t> : &readClock<uint32_t>; }

} // namespace bind
} // namespace gqa::emulator
