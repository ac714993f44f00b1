// ld and st in every space, with vectors. Cache hints change nothing here; acquire and release are what the
// host's own memory order gives.
#include "Access.h"
#include "Bind.h"
#include "Choose.h"
#include "Suffixes.h"

namespace gqa::emulator {
namespace {

/// T is the type in memory, H the register; signed types fill it.
template <class T, class H> void loadLanes(Warp &w, const Insn &i, uint32_t mask) {
  uint64_t address[kLanes];
  unsigned n = i.vector, bytes = n * sizeof(T);
  addresses(w, i, n, 0, address);
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    unsigned l = std::countr_zero(rest);
    T values[4];
    readBytes(w, i.space, l, address[l], bytes, values);
    for (unsigned k = 0; k < n; ++k)
      w.result<H>(i.op[k])[l] = static_cast<H>(values[k]);
  }
  countAccess(w, i.space, mask, address, bytes, false);
}

template <class T, class H> void storeLanes(Warp &w, const Insn &i, uint32_t mask) {
  uint64_t address[kLanes];
  unsigned n = i.vector, bytes = n * sizeof(T);
  addresses(w, i, 0, 0, address);
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    unsigned l = std::countr_zero(rest);
    T values[4];
    for (unsigned k = 0; k < n; ++k)
      values[k] = static_cast<T>(w.source<H>(i.op[1 + k])[l]);
    writeBytes(w, i.space, l, address[l], bytes, values);
  }
  countAccess(w, i.space, mask, address, bytes, true);
}

template <bool Load, class T> Handler forRegister(const Match &m) {
  bool wide = m.insn->wideData;
  if constexpr (Load)
    return wide ? &loadLanes<T, uint64_t> : &loadLanes<T, uint32_t>;
  else
    return wide ? &storeLanes<T, uint64_t> : &storeLanes<T, uint32_t>;
}

template <bool Load> Handler bindAccess(const Match &m) {
  Insn &i = *m.insn;
  i.space = m.has("shared::cluster") ? Space::SharedCluster : spaceOf(m);
  i.vector = m.has("v4") ? 4 : m.has("v2") ? 2 : 1;
  if (i.vector * sizeOf(m.type()) > 16)
    return nullptr;
  switch (m.type()) {
  case Type::S8:
    return forRegister<Load, int8_t>(m);
  case Type::S16:
    return forRegister<Load, int16_t>(m);
  case Type::S32:
    return forRegister<Load, int32_t>(m);
  default:
    break;
  }
  switch (sizeOf(m.type())) {
  case 1:
    return forRegister<Load, uint8_t>(m);
  case 2:
    return forRegister<Load, uint16_t>(m);
  case 4:
    return forRegister<Load, uint32_t>(m);
  default:
    return forRegister<Load, uint64_t>(m);
  }
}

} // namespace

namespace bind {
Handler load(Match &m) { return bindAccess<true>(m); }
Handler store(Match &m) { return bindAccess<false>(m); }
/// Policies of the L2 cache are opaque numbers that change nothing here.
Handler createPolicy(Match &) {
  return [](Warp &w, const Insn &i, uint32_t mask) {
    auto *d = w.result<uint64_t>(i.op[0]);
    forLanes(mask, [=](unsigned l) { d[l] = 0; });
  };
}
} // namespace bind

} // namespace gqa::emulator
