// Comparisons and selections.
#include "Bind.h"
#include "FloatLanes.h"

namespace gqa::emulator {
namespace {

/// How the result of a comparison is joined with a third operand.
enum class Join : uint32_t { None, And, Or, Xor };

/// Every comparison is one of four tests, perhaps with its operands exchanged or its result inverted. What
/// inverting makes of NaN is the difference between `lt` and `ltu`.
enum class Test : uint32_t { Equal, Less, LessEqual, Ordered, Different };

struct Comparison {
  Test test;
  bool exchanged, inverted;
  Join join;
  bool isValue, isFloat; ///< `set`, to all ones or to 1.0
  uint32_t bits() const {
    return uint32_t(test) | exchanged << 4 | inverted << 5 | uint32_t(join) << 6 | isValue << 8 |
           isFloat << 9;
  }
  static Comparison of(uint32_t b) {
    return {Test(b & 15),     bool(b >> 4 & 1), bool(b >> 5 & 1),
            Join(b >> 6 & 3), bool(b >> 8 & 1), bool(b >> 9 & 1)};
  }
};

uint32_t joined(Join join, uint32_t bits, uint32_t with) {
  return join == Join::And ? bits & with : join == Join::Or ? bits | with : bits ^ with;
}

template <class T> auto comparable(T x) {
  if constexpr (kSixteen<T>)
    return toFloat(x);
  else
    return x;
}

/// Operands: p, q (or d), a, b, perhaps c.
template <class T, bool Ftz, auto Op> void compare(Warp &w, const Insn &i, uint32_t mask) {
  Comparison c = Comparison::of(i.extra);
  unsigned first = c.isValue ? 1 : 2;
  auto *a = w.source<Held<T>>(i.op[first + c.exchanged]), *b = w.source<Held<T>>(i.op[first + !c.exchanged]);
  uint32_t bits = ballot([=](unsigned l) {
    return Op(comparable(flushed<Ftz>(unpack<T>(a[l]))), comparable(flushed<Ftz>(unpack<T>(b[l]))));
  });
  bits = c.inverted ? ~bits : bits;
  uint32_t with = c.join == Join::None ? 0 : w.predicate(i.op[first + 2]);
  uint32_t result = c.join == Join::None ? bits : joined(c.join, bits, with);
  if (c.isValue) {
    auto *d = w.result<uint32_t>(i.op[0]);
    forLanes(mask,
             [=, one = c.isFloat ? 0x3F800000u : ~0u](unsigned l) { d[l] = result >> l & 1 ? one : 0; });
    return;
  }
  w.setPredicate(i.op[0], result, mask);
  if (i.op[1] != kNone) // the complement of the comparison, joined
    w.setPredicate(i.op[1], c.join == Join::None ? ~bits : joined(c.join, ~bits, with), mask);
}

Comparison comparisonOf(const Match &m, bool isFloatingPoint) {
  struct Name {
    const char *suffix;
    Test test;
    bool exchanged, inverted;
  };
  static constexpr Name kNames[] = {
      {"eq", Test::Equal, false, false},     {"lt", Test::Less, false, false},
      {"lo", Test::Less, false, false},      {"le", Test::LessEqual, false, false},
      {"ls", Test::LessEqual, false, false}, {"gt", Test::Less, true, false},
      {"hi", Test::Less, true, false},       {"ge", Test::LessEqual, true, false},
      {"hs", Test::LessEqual, true, false},  {"neu", Test::Equal, false, true},
      {"equ", Test::Different, false, true}, {"ltu", Test::LessEqual, true, true},
      {"leu", Test::Less, true, true},       {"gtu", Test::LessEqual, false, true},
      {"geu", Test::Less, false, true},      {"num", Test::Ordered, false, false},
      {"nan", Test::Ordered, false, true}};
  for (const Name &n : kNames)
    if (m.has(n.suffix))
      return {n.test, n.exchanged, n.inverted, Join::None, false, false};
  // ne: of floats only if both are numbers
  return {isFloatingPoint ? Test::Different : Test::Equal, false, !isFloatingPoint, Join::None, false, false};
}

template <class T, bool Ftz> Handler withTest(Test test) {
  switch (test) {
  case Test::Equal:
    return &compare<T, Ftz, [](auto a, auto b) { return a == b; }>;
  case Test::Less:
    return &compare<T, Ftz, [](auto a, auto b) { return a < b; }>;
  case Test::LessEqual:
    return &compare<T, Ftz, [](auto a, auto b) { return a <= b; }>;
  default:
    break;
  }
  if constexpr (std::is_integral_v<T>)
    return nullptr;
  else
    return test == Test::Ordered ? &compare<T, Ftz, [](auto a, auto b) { return a == a && b == b; }>
                                 : &compare<T, Ftz, [](auto a, auto b) { return a < b || a > b; }>;
}

Handler bindComparison(Match &m, Type type, bool isValue) {
  bool isFloat = type == Type::F16 || type == Type::BF16 || type == Type::F32 || type == Type::F64;
  Comparison c = comparisonOf(m, isFloat);
  c.join = m.has("and") ? Join::And : m.has("or") ? Join::Or : m.has("xor") ? Join::Xor : Join::None;
  c.isValue = isValue;
  c.isFloat = isValue && m.type(0) == Type::F32;
  m.insn->extra = c.bits();
  if (m.has("ftz"))
    return choose<F16, float>(type, [&]<class T>() -> Handler { return withTest<T, true>(c.test); });
  return choose<uint16_t, int16_t, uint32_t, int32_t, uint64_t, int64_t, F16, BF16, float, double>(
      type, [&]<class T>() -> Handler { return withTest<T, false>(c.test); });
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

Handler setp(Match &m) { return bindComparison(m, m.type(), false); }
/// set.CmpOp.dtype.stype: all ones or 1.0f.
Handler set(Match &m) { return bindComparison(m, m.type(1), true); }

Handler selp(Match &m) { return sizeOf(m.type()) == 8 ? &select<uint64_t> : &select<uint32_t>; }

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
