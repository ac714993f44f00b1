// Logic, shifts and bit fields.
#include "Bind.h"
#include "Choose.h"

#include <algorithm>

namespace gqa::emulator {
namespace {

template <class T> constexpr unsigned kBits = 8 * sizeof(T);

/// Amounts are 32-bit and clamp at the width.
template <class T> void shiftLeft(Warp &w, const Insn &i, uint32_t mask) {
  auto *d = w.result<Held<T>>(i.op[0]);
  auto *a = w.source<Held<T>>(i.op[1]);
  auto *b = w.source<uint32_t>(i.op[2]);
  forLanes(mask, [=](unsigned l) { d[l] = b[l] >= kBits<T> ? 0 : pack<T>(T(unpack<T>(a[l]) << b[l])); });
}
template <class T> void shiftRight(Warp &w, const Insn &i, uint32_t mask) {
  auto *d = w.result<Held<T>>(i.op[0]);
  auto *a = w.source<Held<T>>(i.op[1]);
  auto *b = w.source<uint32_t>(i.op[2]);
  forLanes(mask, [=](unsigned l) {
    uint32_t by = b[l];
    if constexpr (std::is_signed_v<T>)
      d[l] = pack<T>(T(unpack<T>(a[l]) >> (by < kBits<T> ? by : kBits<T> - 1)));
    else
      d[l] = by < kBits<T> ? pack<T>(T(unpack<T>(a[l]) >> by)) : 0;
  });
}

template <bool Left, bool Wrap> void funnel(Warp &w, const Insn &i, uint32_t mask) {
  ternary<uint32_t, uint32_t>(w, i, mask, [](uint32_t a, uint32_t b, uint32_t c) -> uint32_t {
    uint64_t both = uint64_t(b) << 32 | a;
    unsigned by = Wrap ? c & 31 : std::min(c, 32u);
    return Left ? both << by >> 32 : both >> by;
  });
}

void anyLogic(Warp &w, const Insn &i, uint32_t mask) {
  auto *d = w.result<uint32_t>(i.op[0]);
  auto *a = w.source<uint32_t>(i.op[1]), *b = w.source<uint32_t>(i.op[2]), *c = w.source<uint32_t>(i.op[3]);
  uint32_t table = *w.source<uint32_t>(i.op[4]), minterm[8];
  for (unsigned bit = 0; bit < 8; ++bit)
    minterm[bit] = table >> bit & 1 ? ~0u : 0;
  forLanes(mask, [=](unsigned l) {
    uint32_t x = a[l], y = b[l], z = c[l];
    d[l] = (minterm[7] & x & y & z) | (minterm[6] & x & y & ~z) | (minterm[5] & x & ~y & z) |
           (minterm[4] & x & ~y & ~z) | (minterm[3] & ~x & y & z) | (minterm[2] & ~x & y & ~z) |
           (minterm[1] & ~x & ~y & z) | (minterm[0] & ~x & ~y & ~z);
  });
}

enum class Permute { Index, Forward4, Backward4, Byte, EdgeLeft, EdgeRight, Half };

/// Which four of the eight bytes of b:a, one nibble each; bit 3 of a nibble asks for the sign of the byte.
uint32_t selector(Permute mode, uint32_t c) {
  static constexpr uint16_t kTable[6][4] = {
      {0x3210, 0x4321, 0x5432, 0x6543}, {0x5670, 0x6701, 0x7012, 0x0123}, {0x0000, 0x1111, 0x2222, 0x3333},
      {0x3210, 0x3211, 0x3222, 0x3333}, {0x0000, 0x1110, 0x2210, 0x3210}, {0x1010, 0x3232, 0x1010, 0x3232}};
  return mode == Permute::Index ? c : kTable[static_cast<int>(mode) - 1][c & 3];
}
template <Permute Mode> void permute(Warp &w, const Insn &i, uint32_t mask) {
  ternary<uint32_t, uint32_t>(w, i, mask, [](uint32_t a, uint32_t b, uint32_t c) {
    uint64_t both = uint64_t(b) << 32 | a;
    uint32_t s = selector(Mode, c), d = 0;
    for (unsigned n = 0; n < 4; ++n) {
      uint32_t nibble = s >> (4 * n) & 15, byte = both >> (8 * (nibble & 7)) & 0xFF;
      d |= (nibble & 8 ? (byte & 0x80 ? 0xFFu : 0u) : byte) << (8 * n);
    }
    return d;
  });
}

/// Bits [position, position + length) of a, with its sign for signed types; beyond the width lies the sign.
template <class T> T extract(T a, uint32_t position, uint32_t length) {
  using U = std::make_unsigned_t<T>;
  position &= 0xFF;
  length &= 0xFF;
  unsigned top = std::min(position + length - 1, kBits<T> - 1);
  bool sign = std::is_signed_v<T> && length && (U(a) >> top & 1);
  U field = position < kBits<T> ? U(a) >> position : 0;
  unsigned have = length == 0 ? 0 : position < kBits<T> ? std::min(length, kBits<T> - position) : 0;
  if (have < kBits<T>) {
    U below = (U(1) << have) - 1;
    field = (field & below) | (sign ? ~below : 0);
  }
  return static_cast<T>(field);
}
template <class T> void bitField(Warp &w, const Insn &i, uint32_t mask) {
  auto *d = w.result<Held<T>>(i.op[0]);
  auto *a = w.source<Held<T>>(i.op[1]);
  auto *b = w.source<uint32_t>(i.op[2]), *c = w.source<uint32_t>(i.op[3]);
  forLanes(mask, [=](unsigned l) { d[l] = pack<T>(extract<T>(unpack<T>(a[l]), b[l], c[l])); });
}
template <class T> void insert(Warp &w, const Insn &i, uint32_t mask) {
  auto *d = w.result<T>(i.op[0]);
  auto *a = w.source<T>(i.op[1]), *b = w.source<T>(i.op[2]);
  auto *c = w.source<uint32_t>(i.op[3]), *e = w.source<uint32_t>(i.op[4]);
  forLanes(mask, [=](unsigned l) {
    unsigned position = c[l] & 0xFF, length = e[l] & 0xFF;
    T field = length >= kBits<T> ? ~T(0) : (T(1) << length) - 1;
    field = position >= kBits<T> ? 0 : field << position;
    T value = position >= kBits<T> ? 0 : a[l] << position;
    d[l] = (b[l] & ~field) | (value & field);
  });
}

/// The highest bit that differs from the sign; -1 if there is none. `Shift`: how far left it would have to
/// go.
template <class T, bool Shift> void findBit(Warp &w, const Insn &i, uint32_t mask) {
  unary<uint32_t, T>(w, i, mask, [](T a) -> uint32_t {
    using U = std::make_unsigned_t<T>;
    U bits = std::is_signed_v<T> && a < 0 ? ~U(a) : U(a);
    if (!bits)
      return ~0u;
    unsigned zeros = std::countl_zero(bits);
    return Shift ? zeros : kBits<T> - 1 - zeros;
  });
}

template <class T> T reversed(T a) {
  T r = 0;
  for (unsigned bit = 0; bit < kBits<T>; ++bit)
    r |= (a >> bit & 1) << (kBits<T> - 1 - bit);
  return r;
}

enum class Logic { And, Or, Xor };
template <Logic Op> void predicates(Warp &w, const Insn &i, uint32_t mask) {
  uint32_t a = w.predicate(i.op[1]), b = w.predicate(i.op[2]);
  w.setPredicate(i.op[0], Op == Logic::And ? a & b : Op == Logic::Or ? a | b : a ^ b, mask);
}

} // namespace

namespace bind {

Handler bitAnd(Match &m) {
  return chooseBits(
      m.type(), []<class T>() -> Handler { return &binaryHandler<T, [](T a, T b) { return T(a & b); }>; });
}
Handler bitOr(Match &m) {
  return chooseBits(
      m.type(), []<class T>() -> Handler { return &binaryHandler<T, [](T a, T b) { return T(a | b); }>; });
}
Handler bitXor(Match &m) {
  return chooseBits(
      m.type(), []<class T>() -> Handler { return &binaryHandler<T, [](T a, T b) { return T(a ^ b); }>; });
}
Handler bitNot(Match &m) {
  return chooseBits(m.type(),
                    []<class T>() -> Handler { return &unaryHandler<T, [](T a) { return T(~a); }>; });
}
Handler cnot(Match &m) {
  return chooseBits(m.type(),
                    []<class T>() -> Handler { return &unaryHandler<T, [](T a) { return T(a == 0); }>; });
}
Handler shl(Match &m) {
  return chooseBits(m.type(), []<class T>() -> Handler { return &shiftLeft<T>; });
}
Handler shr(Match &m) {
  return chooseInteger(m.type(), []<class T>() -> Handler { return &shiftRight<T>; });
}
Handler shf(Match &m) {
  if (m.has("l"))
    return m.has("wrap") ? &funnel<true, true> : &funnel<true, false>;
  return m.has("wrap") ? &funnel<false, true> : &funnel<false, false>;
}
Handler lop3(Match &) { return &anyLogic; }

Handler prmt(Match &m) {
  if (m.has("f4e"))
    return &permute<Permute::Forward4>;
  if (m.has("b4e"))
    return &permute<Permute::Backward4>;
  if (m.has("rc8"))
    return &permute<Permute::Byte>;
  if (m.has("ecl"))
    return &permute<Permute::EdgeLeft>;
  if (m.has("ecr"))
    return &permute<Permute::EdgeRight>;
  if (m.has("rc16"))
    return &permute<Permute::Half>;
  return &permute<Permute::Index>;
}

Handler bfe(Match &m) {
  return choose<uint32_t, int32_t, uint64_t, int64_t>(m.type(),
                                                      []<class T>() -> Handler { return &bitField<T>; });
}
Handler bfi(Match &m) {
  return choose<uint32_t, uint64_t>(m.type(), []<class T>() -> Handler { return &insert<T>; });
}
Handler bfind(Match &m) {
  bool shift = m.has("shiftamt");
  return choose<uint32_t, int32_t, uint64_t, int64_t>(
      m.type(), [=]<class T>() -> Handler { return shift ? &findBit<T, true> : &findBit<T, false>; });
}
Handler popc(Match &m) {
  return choose<uint32_t, uint64_t>(m.type(), []<class T>() -> Handler {
    return &unaryHandler<T, [](T a) { return uint32_t(std::popcount(a)); }, uint32_t>;
  });
}
Handler clz(Match &m) {
  return choose<uint32_t, uint64_t>(m.type(), []<class T>() -> Handler {
    return &unaryHandler<T, [](T a) { return uint32_t(std::countl_zero(a)); }, uint32_t>;
  });
}
Handler brev(Match &m) {
  return choose<uint32_t, uint64_t>(m.type(),
                                    []<class T>() -> Handler { return &unaryHandler<T, reversed<T>>; });
}
Handler predicateAnd(Match &) { return &predicates<Logic::And>; }
Handler predicateOr(Match &) { return &predicates<Logic::Or>; }
Handler predicateXor(Match &) { return &predicates<Logic::Xor>; }
Handler predicateNot(Match &) {
  return [](Warp &w, const Insn &i, uint32_t mask) { w.setPredicate(i.op[0], ~w.predicate(i.op[1]), mask); };
}

} // namespace bind
} // namespace gqa::emulator
