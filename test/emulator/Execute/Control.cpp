// Branches, exits and barriers of the CTA.
#include "Bind.h"
#include "Lanes.h"

namespace gqa::emulator {
namespace {

/// The value of an operand that must be the same for all lanes.
uint32_t uniform(Warp &w, uint32_t op, uint32_t mask, const char *what) {
  auto *values = w.source<uint32_t>(op);
  uint32_t first = values[std::countr_zero(mask)];
  for (uint32_t rest = mask; rest; rest &= rest - 1)
    if (values[std::countr_zero(rest)] != first)
      throw Fault(FaultKind::Barrier, std::string(what) + " differs within the warp");
  return first;
}

/// Operands from `at` on: the barrier's number and, if `counted`, the number of threads.
void arriveAt(Warp &w, const Insn &i, uint32_t mask, bool wait, unsigned at = 0, bool counted = false,
              unsigned votes = 0) {
  w.faultLane = std::countr_zero(mask);
  if (mask != w.alive())
    throw Fault(FaultKind::Barrier, "barrier in divergent code: " + std::to_string(std::popcount(mask)) +
                                        " of the warp's " + std::to_string(std::popcount(w.alive())) +
                                        " threads arrive; expected all of them");
  uint32_t id = uniform(w, i.op[at], mask, "the number of a barrier");
  if (id > 15)
    throw Fault(FaultKind::Barrier, "barrier " + std::to_string(id) + "; expected 0 to 15");
  uint32_t threads = counted ? uniform(w, i.op[at + 1], mask, "the thread count of a barrier") : 0;
  if (counted && threads == 0)
    throw Fault(FaultKind::Barrier, "barrier " + std::to_string(id) + " with a count of 0 threads");
  w.cta.arrive(w, id, threads, wait, votes);
}

/// Operands: result, barrier, [threads,] predicate.
template <Reduction::Kind Kind> void reduceAt(Warp &w, const Insn &i, uint32_t mask) {
  bool counted = i.count == 4;
  w.reduction = {Kind, i.op[0], mask};
  arriveAt(w, i, mask, true, 1, counted, std::popcount(w.predicate(i.op[2 + counted]) & mask));
}

} // namespace

namespace bind {

Handler bra(Match &) {
  return [](Warp &w, const Insn &i, uint32_t mask) { w.branch(i, mask); };
}
Handler ret(Match &) {
  return [](Warp &w, const Insn &, uint32_t mask) { w.exitLanes(mask); };
}
Handler trap(Match &) {
  return [](Warp &w, const Insn &, uint32_t mask) {
    w.faultLane = std::countr_zero(mask);
    throw Fault(FaultKind::Trap, "the kernel executed trap");
  };
}
Handler barrier(Match &) {
  return [](Warp &w, const Insn &i, uint32_t mask) { arriveAt(w, i, mask, true, 0, i.count > 1); };
}
Handler barrierArrive(Match &) {
  return [](Warp &w, const Insn &i, uint32_t mask) { arriveAt(w, i, mask, false, 0, true); };
}
Handler barrierReduce(Match &m) {
  return m.has("popc")  ? &reduceAt<Reduction::Kind::Count>
         : m.has("and") ? &reduceAt<Reduction::Kind::All>
                        : &reduceAt<Reduction::Kind::Any>;
}
Handler nanosleep(Match &) {
  return [](Warp &w, const Insn &, uint32_t) { w.yield(); };
}
Handler waitForGrids(Match &) {
  return [](Warp &w, const Insn &, uint32_t) { w.cta.behindOthers = true; };
}
Handler nothing(Match &) {
  return [](Warp &, const Insn &, uint32_t) {};
}

} // namespace bind
} // namespace gqa::emulator
