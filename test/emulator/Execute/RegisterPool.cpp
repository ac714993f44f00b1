#include "RegisterPool.h"

#include "Async.h"
#include "Bind.h"
#include "WholeWarp.h"

#include <algorithm>

namespace gqa::emulator {
namespace {

[[noreturn]] void fail(const std::string &text) { throw Fault(FaultKind::Registers, "setmaxnreg " + text); }

} // namespace

RegisterPool::RegisterPool(const Cta &cta)
    : atLaunch(cta.grid.kernel.registersAtLaunch()), changes(cta.grid.warps()) {}

bool RegisterPool::change(Warp &w, uint32_t count, bool increase) {
  if (!atLaunch)
    fail("in a kernel that says neither .maxnreg nor .maxntid with .minnctapersm, so that it has no effect");
  std::vector<uint32_t> &mine = changes[w.index];
  uint32_t have = mine.empty() ? atLaunch : mine.back();
  for (unsigned other = w.index / 4 * 4; other < std::min<size_t>(w.index / 4 * 4 + 4, changes.size());
       ++other)
    if (changes[other].size() > mine.size() && changes[other][mine.size()] != count)
      fail("to " + std::to_string(count) + " registers, where warp " + std::to_string(other) +
           " of the warpgroup asked for " + std::to_string(changes[other][mine.size()]));
  if (increase ? count < have : count > have)
    fail(std::string(increase ? "inc" : "dec") + " to " + std::to_string(count) +
         " registers of a warp that has " + std::to_string(have));
  if (increase && (count - have) * kLanes > freeRegisters)
    return false;
  freeRegisters += (have - count) * kLanes; // modulo 2^32
  mine.push_back(count);
  return true;
}

void RegisterPool::finish() const {
  for (unsigned warp = 0; warp < changes.size(); ++warp)
    if (changes[warp].size() != changes[warp / 4 * 4].size())
      fail("was executed by a part of the warpgroup of warp " + std::to_string(warp) +
           "; expected all four warps to execute it");
}

namespace bind {

Handler setmaxnreg(Match &m) {
  m.insn->extra = m.has("inc");
  return [](Warp &w, const Insn &i, uint32_t mask) {
    needWholeWarp(mask, "setmaxnreg");
    uint32_t count = *w.source<uint32_t>(i.op[0]);
    if (count < 24 || count > 256 || count % 8)
      fail("to " + std::to_string(count) + " registers; expected a multiple of 8 from 24 to 256");
    if (!w.cta.async->registers.change(w, count, i.extra))
      return w.sleep(Obstacle::Registers);
    if (!i.extra)
      w.cta.wake(Obstacle::Registers);
  };
}

} // namespace bind
} // namespace gqa::emulator
