// Comparisons and selections.
#include "Bind.h"
#include "FloatLanes.h"

namespace gqa::emulator {
namespace {

/// How the result of a comparison is joined with a third operand.
enum class Join : uint32_t { None, And, Or, Xor };

uint32_t joined(const Warp &w, const Insn &i, uint32_t bits, unsigned at) {
  auto join = static_cast<Join>(i.extra);
  if (join == Join::None)
    return bits;
  uint32_t c = w.predicate(i.op[at]);
  return join == Join::And ? bits & c : join == Join::Or ? bits | c : bits ^ c;
}

template <class T> auto comparable(T x) {
  if constexpr (kSixteen<T>)
    return toFloat(x);
  else
    return x;
}

constexpr auto kEq = [](auto a, auto b) { return a == b; };
constexpr auto kNe = [](auto a, auto b) { return a < b || a > b; };
constexpr auto kLt = [](auto a, auto b) { return a < b; };
constexpr auto kLe = [](auto a, auto b) { return a <= b; };
constexpr auto kGt = [](auto a, auto b) { return a > b; };
constexpr auto kGe = [](auto a, auto b) { return a >= b; };
constexpr auto kNum = [](auto a, auto b) { return a == a && b == b; };
// True also if an operand is a NaN.
constexpr auto kEqu = [](auto a, auto b) { return !(a < b || a > b); };
constexpr auto kNeu = [](auto a, auto b) { return a != b; };
constexpr auto kLtu = [](auto a, auto b) { return !(a >= b); };
constexpr auto kLeu = [](auto a, auto b) { return !(a > b); };
constexpr auto kGtu = [](auto a, auto b) { return !(a <= b); };
constexpr auto kGeu = [](auto a, auto b) { return !(a < b); };
constexpr auto kNan = [](auto a, auto b) { return a != a || b != b; };

template <class T, bool Ftz, auto Op> uint32_t compare(const Warp &w, uint32_t x, uint32_t y) {
  auto *a = w.source<Held<T>>(x), *b = w.source<Held<T>>(y);
  return ballot([=](unsigned l) {
    return Op(comparable(flushed<Ftz>(unpack<T>(a[l]))), comparable(flushed<Ftz>(unpack<T>(b[l]))));
  });
}

/// setp p|q: q is the joined complement.
template <class T, bool Ftz, auto Op> void setPredicates(Warp &w, const Insn &i, uint32_t mask) {
  uint32_t bits = compare<T, Ftz, Op>(w, i.op[2], i.op[3]);
  uint32_t p = joined(w, i, bits, 4), q = joined(w, i, ~bits, 4);
  w.setPredicate(i.op[0], p, mask);
  if (i.op[1] != kNone)
    w.setPredicate(i.op[1], q, mask);
}
template <class T, bool Ftz, auto Op> void setValue(Warp &w, const Insn &i, uint32_t mask) {
  uint32_t bits = joined(w, i, compare<T, Ftz, Op>(w, i.op[1], i.op[2]), 3);
  auto *d = w.result<uint32_t>(i.op[0]);
  forLanes(mask, [=, one = i.vector ? ~0u : 0x3F800000u](unsigned l) { d[l] = bits >> l & 1 ? one : 0; });
}

template <class T, bool Set, auto Op> Handler withFtz(const Match &m) {
  if constexpr (Set)
    return m.has("ftz") ? &setValue<T, true, Op> : &setValue<T, false, Op>;
  else
    return m.has("ftz") ? &setPredicates<T, true, Op> : &setPredicates<T, false, Op>;
}

template <class T, bool Set> Handler withOperator(const Match &m) {
  if (m.has("eq"))
    return withFtz<T, Set, kEq>(m);
  if (m.has("lt") || m.has("lo"))
    return withFtz<T, Set, kLt>(m);
  if (m.has("le") || m.has("ls"))
    return withFtz<T, Set, kLe>(m);
  if (m.has("gt") || m.has("hi"))
    return withFtz<T, Set, kGt>(m);
  if (m.has("ge") || m.has("hs"))
    return withFtz<T, Set, kGe>(m);
  if constexpr (std::is_integral_v<T>) {
    return m.has("ne") ? withFtz<T, Set, kNeu>(m) : nullptr;
  } else {
    if (m.has("ne"))
      return withFtz<T, Set, kNe>(m);
    if (m.has("equ"))
      return withFtz<T, Set, kEqu>(m);
    if (m.has("neu"))
      return withFtz<T, Set, kNeu>(m);
    if (m.has("ltu"))
      return withFtz<T, Set, kLtu>(m);
    if (m.has("leu"))
      return withFtz<T, Set, kLeu>(m);
    if (m.has("gtu"))
      return withFtz<T, Set, kGtu>(m);
    if (m.has("geu"))
      return withFtz<T, Set, kGeu>(m);
    if (m.has("num"))
      return withFtz<T, Set, kNum>(m);
    return m.has("nan") ? withFtz<T, Set, kNan>(m) : nullptr;
  }
}

template <bool Set> Handler bindComparison(Match &m, Type type) {
  Join join = m.has("and") ? Join::And : m.has("or") ? Join::Or : m.has("xor") ? Join::Xor : Join::None;
  m.insn->extra = static_cast<uint32_t>(join);
  return choose<uint16_t, int16_t, uint32_t, int32_t, uint64_t, int64_t, F16, BF16, float, double>(
      type, [&]<class T>() -> Handler { return withOperator<T, Set>(m); });
}

template <class T> void select(Warp &w, const Insn &i, uint32_t mask) {
  auto *d = w.result<T>(i.op[0]);
  auto *a = w.source<T>(i.op[1]), *b = w.source<T>(i.op[2]);
  uint32_t c = w.predicate(i.op[3]);
  forLanes(mask, [=](unsigned l) { d[l] = c >> l & 1 ? a[l] : b[l]; });
}

template <class T, class C, bool Ftz> void selectBySign(Warp &w, const Insn &i, uint32_t mask) {
  auto *d = w.result<T>(i.op[0]);
  auto *a = w.source<T>(i.op[1]), *b = w.source<T>(i.op[2]);
  auto *c = w.source<uint32_t>(i.op[3]);
  forLanes(mask, [=](unsigned l) { d[l] = flushed<Ftz>(unpack<C>(c[l])) >= 0 ? a[l] : b[l]; });
}

} // namespace

namespace bind {

Handler setp(Match &m) { return bindComparison<false>(m, m.type()); }

/// set.CmpOp.dtype.stype: all ones or 1.0f.
Handler set(Match &m) {
  m.insn->vector = m.type(0) != Type::F32;
  return bindComparison<true>(m, m.type(1));
}

Handler selp(Match &m) { return sizeOf(m.type()) == 8 ? &select<uint64_t> : &select<uint32_t>; }
Handler selectPredicate(Match &) {
  return [](Warp &w, const Insn &i, uint32_t mask) {
    uint32_t a = w.predicate(i.op[1]), b = w.predicate(i.op[2]), c = w.predicate(i.op[3]);
    w.setPredicate(i.op[0], (a & c) | (b & ~c), mask);
  };
}

Handler slct(Match &m) {
  bool wide = sizeOf(m.type()) == 8, ftz = m.has("ftz");
  if (m.type(1) == Type::S32)
    return wide ? &selectBySign<uint64_t, int32_t, false> : &selectBySign<uint32_t, int32_t, false>;
  if (ftz)
    return wide ? &selectBySign<uint64_t, float, true> : &selectBySign<uint32_t, float, true>;
  return wide ? &selectBySign<uint64_t, float, false> : &selectBySign<uint32_t, float, false>;
}

} // namespace bind
} // namespace gqa::emulator
