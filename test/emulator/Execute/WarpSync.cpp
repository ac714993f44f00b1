// Instructions by which the lanes of a warp exchange values. Their mask names the lanes that take part: all
// of them must be here.
#include "Bind.h"
#include "Choose.h"

namespace gqa::emulator {
namespace {

std::string hex(uint32_t mask) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", mask);
  return text;
}

/// Each executing lane must be named, and each named lane that lives must be executing.
void checkMembers(Warp &w, uint32_t executing, const uint32_t *members, const char *what) {
  for (uint32_t rest = executing; rest; rest &= rest - 1) {
    unsigned l = std::countr_zero(rest);
    w.faultLane = l;
    if (!(members[l] >> l & 1))
      throw Fault(FaultKind::WarpSync,
                  std::string(what) + " by a lane that its mask " + hex(members[l]) + " does not name");
    if (uint32_t missing = members[l] & w.alive() & ~executing)
      throw Fault(FaultKind::WarpSync, std::string(what) + " with the mask " + hex(members[l]) + "; lanes " +
                                           hex(missing) + " are named but not executing it");
  }
}

enum class Shuffle { Up, Down, Butterfly, Index };

/// Operands: d, p, a, b, c, members.
template <Shuffle Mode> void shuffle(Warp &w, const Insn &i, uint32_t mask) {
  auto *a = w.source<uint32_t>(i.op[2]), *b = w.source<uint32_t>(i.op[3]), *c = w.source<uint32_t>(i.op[4]);
  checkMembers(w, mask, w.source<uint32_t>(i.op[5]), "shfl.sync");
  uint32_t values[kLanes], inside = 0;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest), clamp = c[lane] & 31, segment = c[lane] >> 8 & 31, by = b[lane] & 31,
        from;
    int most = (lane & segment) | (clamp & ~segment);
    bool ok;
    if constexpr (Mode == Shuffle::Up)
      ok = (from = lane - by) >= most;
    else if constexpr (Mode == Shuffle::Down)
      ok = (from = lane + by) <= most;
    else if constexpr (Mode == Shuffle::Butterfly)
      ok = (from = lane ^ by) <= most;
    else
      ok = (from = (lane & segment) | (by & ~segment)) <= most;
    if (!ok)
      from = lane;
    if (!(mask >> from & 1)) {
      w.faultLane = lane;
      throw Fault(FaultKind::WarpSync,
                  "shfl.sync reads from lane " + std::to_string(from) + ", which does not take part");
    }
    values[lane] = a[from];
    inside |= uint32_t(ok) << lane;
  }
  auto *d = w.result<uint32_t>(i.op[0]);
  forLanes(mask, [&](unsigned l) { d[l] = values[l]; });
  if (i.op[1] != kNone)
    w.setPredicate(i.op[1], inside, mask);
}

enum class Vote { All, Any, Uniform };
template <Vote Mode> void votePredicate(Warp &w, const Insn &i, uint32_t mask) {
  checkMembers(w, mask, w.source<uint32_t>(i.op[2]), "vote.sync");
  uint32_t yes = w.predicate(i.op[1]) & mask;
  bool all = yes == mask, any = yes != 0;
  bool result = Mode == Vote::All ? all : Mode == Vote::Any ? any : all || !any;
  w.setPredicate(i.op[0], result ? kAllLanes : 0, mask);
}
void voteBallot(Warp &w, const Insn &i, uint32_t mask) {
  checkMembers(w, mask, w.source<uint32_t>(i.op[2]), "vote.sync");
  uint32_t yes = w.predicate(i.op[1]) & mask;
  auto *d = w.result<uint32_t>(i.op[0]);
  forLanes(mask, [=](unsigned l) { d[l] = yes; });
}

template <class T, bool All> void matchLanes(Warp &w, const Insn &i, uint32_t mask) {
  checkMembers(w, mask, w.source<uint32_t>(i.op[3]), "match.sync");
  auto *a = w.source<T>(i.op[2]);
  uint32_t same[kLanes], all = 0;
  for (unsigned l = 0; l < kLanes; ++l) {
    same[l] = 0;
    for (unsigned other = 0; other < kLanes; ++other)
      same[l] |= uint32_t((mask >> other & 1) && a[other] == a[l]) << other;
    if (All) {
      all |= uint32_t(same[l] == mask) << l;
      same[l] = same[l] == mask ? mask : 0;
    }
  }
  auto *d = w.result<uint32_t>(i.op[0]);
  forLanes(mask, [&](unsigned l) { d[l] = same[l]; });
  if (All && i.op[1] != kNone)
    w.setPredicate(i.op[1], all, mask);
}

template <class T, auto Op> void reduce(Warp &w, const Insn &i, uint32_t mask) {
  checkMembers(w, mask, w.source<uint32_t>(i.op[2]), "redux.sync");
  auto *a = w.source<T>(i.op[1]);
  T sum = a[std::countr_zero(mask)];
  for (uint32_t rest = mask & (mask - 1); rest; rest &= rest - 1)
    sum = Op(sum, a[std::countr_zero(rest)]);
  auto *d = w.result<T>(i.op[0]);
  forLanes(mask, [=](unsigned l) { d[l] = sum; });
}

} // namespace

namespace bind {

Handler shfl(Match &m) {
  return m.has("up")     ? &shuffle<Shuffle::Up>
         : m.has("down") ? &shuffle<Shuffle::Down>
         : m.has("bfly") ? &shuffle<Shuffle::Butterfly>
                         : &shuffle<Shuffle::Index>;
}
Handler vote(Match &m) {
  return m.has("ballot") ? &voteBallot
         : m.has("all")  ? &votePredicate<Vote::All>
         : m.has("any")  ? &votePredicate<Vote::Any>
                         : &votePredicate<Vote::Uniform>;
}
Handler match(Match &m) {
  bool all = m.has("all");
  return choose<uint32_t, uint64_t>(
      m.type(), [=]<class T>() -> Handler { return all ? &matchLanes<T, true> : &matchLanes<T, false>; });
}
Handler redux(Match &m) {
  return choose<uint32_t, int32_t>(m.type(), [&]<class T>() -> Handler {
    if (m.has("add"))
      return &reduce<T, [](T a, T b) { return static_cast<T>(uint32_t(a) + uint32_t(b)); }>;
    if (m.has("min"))
      return &reduce<T, [](T a, T b) { return std::min(a, b); }>;
    if (m.has("max"))
      return &reduce<T, [](T a, T b) { return std::max(a, b); }>;
    if (m.has("and"))
      return &reduce<T, [](T a, T b) { return a & b; }>;
    if (m.has("or"))
      return &reduce<T, [](T a, T b) { return a | b; }>;
    return &reduce<T, [](T a, T b) { return a ^ b; }>;
  });
}
Handler activemask(Match &) {
  return [](Warp &w, const Insn &i, uint32_t mask) {
    auto *d = w.result<uint32_t>(i.op[0]);
    forLanes(mask, [=](unsigned l) { d[l] = mask; });
  };
}
/// The lowest lane of the mask is elected.
Handler elect(Match &) {
  return [](Warp &w, const Insn &i, uint32_t mask) {
    checkMembers(w, mask, w.source<uint32_t>(i.op[2]), "elect.sync");
    unsigned leader = std::countr_zero(mask);
    auto *d = w.result<uint32_t>(i.op[0]);
    forLanes(mask, [=](unsigned l) { d[l] = leader; });
    if (i.op[1] != kNone)
      w.setPredicate(i.op[1], 1u << leader, mask);
  };
}
Handler warpSync(Match &) {
  return [](Warp &w, const Insn &i, uint32_t mask) {
    checkMembers(w, mask, w.source<uint32_t>(i.op[0]), "bar.warp.sync");
    w.synchronise(mask);
  };
}

} // namespace bind
} // namespace gqa::emulator
