// atom and red. On global memory they are atomic between the host threads that run CTAs; on shared memory one
// CTA runs on one host thread. A lock-free compare-and-swap of the word serves every operation.
#include "Access.h"
#include "Bind.h"
#include "FloatLanes.h"
#include "Suffixes.h"

#include <atomic>

namespace gqa::emulator {
namespace {

template <class T> struct Applied {
  using Function = T (*)(T old, T b, T c);
};

template <class T> T exchange(std::byte *at, T b, T c, typename Applied<T>::Function op) {
  using U = typename UintOf<sizeof(T)>::type;
  auto *word = reinterpret_cast<U *>(at);
  U old = __atomic_load_n(word, __ATOMIC_SEQ_CST), next;
  do
    next = std::bit_cast<U>(op(std::bit_cast<T>(old), b, c));
  while (!__atomic_compare_exchange_n(word, &old, next, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
  return std::bit_cast<T>(old);
}

template <class T>
T atShared(Warp &w, unsigned lane, uint64_t address, T b, T c, typename Applied<T>::Function op) {
  SharedMemory &shared = w.cta.shared;
  if (!shared.contains(address, sizeof(T)))
    outOfShared(w, lane, address, sizeof(T), "atomic");
  SharedMemory::Access access = w.access(lane, true);
  shared.read(access, address, sizeof(T));
  T old;
  std::memcpy(&old, shared.at(address), sizeof(T));
  T next = op(old, b, c);
  shared.write(access, address, sizeof(T), &next);
  return old;
}

/// Operands: [d,] address, b [, c]. In global memory an operation may differ.
template <class T, bool Result, bool Compare, auto Op, auto InGlobal = Op>
void atomicLanes(Warp &w, const Insn &i, uint32_t mask) {
  uint64_t address[kLanes];
  constexpr unsigned kAddress = Result ? 1 : 0;
  addresses(w, i, kAddress, 0, address);
  auto *b = w.source<Held<T>>(i.op[kAddress + 1]);
  auto *c = Compare ? w.source<Held<T>>(i.op[kAddress + 2]) : b;
  Held<T> results[kLanes];
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    unsigned l = std::countr_zero(rest);
    w.faultLane = l;
    if (address[l] % sizeof(T))
      misaligned(w, l, address[l], sizeof(T), "atomic");
    Place place = resolve(w, i.space, address[l]);
    T x = unpack<T>(b[l]), y = unpack<T>(c[l]);
    if (place.space == Space::Shared) {
      results[l] = pack<T>(atShared<T>(w, l, place.address, x, y, Op));
    } else {
      readableSlowly(w, place, l, sizeof(T));
      results[l] = pack<T>(exchange<T>(writableSlowly(w, place, l, sizeof(T)), x, y, InGlobal));
    }
  }
  if constexpr (Result) {
    auto *d = w.result<Held<T>>(i.op[0]);
    forLanes(mask, [&](unsigned l) { d[l] = results[l]; });
  }
  countAccess(w, i.space, mask, address, sizeof(T), true);
}

template <class T, bool Ftz> T addNumbers(T a, T b, T) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(std::make_unsigned_t<T>(a) + std::make_unsigned_t<T>(b));
  else
    return applyFloat<Ftz, false, [](auto x, auto y) { return x + y; }>(a, b);
}

template <class T, bool Result> Handler withOperation(const Match &m) {
  if (m.has("add")) // of f32 it flushes subnormal numbers, but not in shared memory
    return &atomicLanes<T, Result, false, addNumbers<T, false>, addNumbers<T, std::is_same_v<T, float>>>;
  if constexpr (std::is_integral_v<T>) {
    if (m.has("min"))
      return &atomicLanes<T, Result, false, [](T a, T b, T) { return std::min(a, b); }>;
    if (m.has("max"))
      return &atomicLanes<T, Result, false, [](T a, T b, T) { return std::max(a, b); }>;
  }
  if constexpr (std::is_unsigned_v<T>) {
    if (m.has("and"))
      return &atomicLanes<T, Result, false, [](T a, T b, T) { return T(a & b); }>;
    if (m.has("or"))
      return &atomicLanes<T, Result, false, [](T a, T b, T) { return T(a | b); }>;
    if (m.has("xor"))
      return &atomicLanes<T, Result, false, [](T a, T b, T) { return T(a ^ b); }>;
    if (m.has("inc"))
      return &atomicLanes<T, Result, false, [](T a, T b, T) { return a >= b ? T(0) : T(a + 1); }>;
    if (m.has("dec"))
      return &atomicLanes<T, Result, false, [](T a, T b, T) { return a == 0 || a > b ? b : T(a - 1); }>;
    if constexpr (Result) {
      if (m.has("exch"))
        return &atomicLanes<T, Result, false, [](T, T b, T) { return b; }>;
      if (m.has("cas"))
        return &atomicLanes<T, Result, true, [](T a, T b, T c) { return a == b ? c : a; }>;
    }
  }
  return nullptr;
}

template <bool Result> Handler bindAtomic(const Match &m) {
  m.insn->space = spaceOf(m);
  return choose<uint16_t, uint32_t, int32_t, uint64_t, int64_t, float, double, F16, BF16, Pair<F16>,
                Pair<BF16>>(m.type(), [&]<class T>() -> Handler { return withOperation<T, Result>(m); });
}

} // namespace

namespace bind {
Handler atom(Match &m) { return bindAtomic<true>(m); }
Handler red(Match &m) { return bindAtomic<false>(m); }
Handler fence(Match &) {
  return [](Warp &, const Insn &, uint32_t) { std::atomic_thread_fence(std::memory_order_seq_cst); };
}
} // namespace bind

} // namespace gqa::emulator
