#include "MBarrier.h"

#include "Access.h"
#include "Async.h"

#include <algorithm>

namespace gqa::emulator {
namespace {

constexpr uint32_t kMostArrivals = (1u << 20) - 1; // also the most bytes of transactions, either way

[[noreturn]] void fail(const std::string &text) { throw Fault(FaultKind::MBarrier, text); }

std::string named(uint32_t address) { return "the mbarrier at shared address " + std::to_string(address); }

} // namespace

void MBarriers::init(Warp &w, unsigned lane, uint32_t address, uint32_t count) {
  w.faultLane = lane;
  if (live.count(address))
    fail("mbarrier.init of " + named(address) + ", which is in use; expected mbarrier.inval before");
  if (!count || count > kMostArrivals)
    fail("mbarrier.init with a count of " + std::to_string(count) + "; expected 1 to 1048575");
  const uint64_t opaque = 0;
  writeBytes(w, Space::Shared, lane, address, sizeof opaque, &opaque);
  cta.shared.reserve(address);
  MBarrier &b = live[address];
  b.count = b.pending = count;
  b.loads = cta.shared.loads(made++);
  b.makerWarp = w.index;
  b.makerLane = lane;
  b.made = w.clock.at[w.index];
}

void MBarriers::invalidate(Warp &w, unsigned lane, uint32_t address) {
  MBarrier &b = find(w, lane, address, "mbarrier.inval");
  if (b.transactions || !b.landed.empty() || !b.unseen.empty())
    fail("mbarrier.inval of " + describe(address) +
         " with asynchronous copies that nobody has waited for; expected a wait before");
  live.erase(address);
  cta.shared.release(address);
}

MBarrier &MBarriers::find(Warp &w, unsigned lane, uint64_t address, const char *what) {
  w.faultLane = lane;
  if (address % 8)
    misaligned(w, lane, address, 8, what);
  if (!cta.shared.contains(address, 8))
    outOfShared(w, lane, address, 8, what);
  auto found = live.find(static_cast<uint32_t>(address));
  if (found == live.end())
    fail(std::string(what) + " at shared address " + std::to_string(address) +
         ", where no mbarrier was initialised");
  MBarrier &b = found->second;
  bool known = b.makerWarp == w.index ? b.made < w.clock.at[w.index] || b.makerLane == lane
                                      : b.made <= w.clock.at[b.makerWarp];
  if (!known && cta.grid.settings.checks)
    throw Fault(FaultKind::Race, std::string(what) + " at " + named(address) +
                                     " races with its mbarrier.init by warp " + std::to_string(b.makerWarp) +
                                     "; expected a barrier between them");
  return b;
}

void MBarriers::arrive(Warp &w, uint32_t address, MBarrier &b, uint32_t count, const Clock *released,
                       bool drop) {
  if (count > b.pending)
    fail("an arrival of " + std::to_string(count) + " at " + describe(address) +
         "; expected no more than are pending");
  b.pending -= count;
  if (drop)
    b.count -= count;
  if (released) {
    b.arrived.join(*released);
    b.arrivedFenced.join(w.fenced);
  }
  advanceIfComplete(b);
}

void MBarriers::expect(uint32_t address, MBarrier &b, int64_t bytes) {
  b.transactions += bytes;
  if (b.transactions > int64_t(kMostArrivals) || b.transactions < -int64_t(kMostArrivals))
    fail("the transaction count of " + describe(address) +
         " leaves its range; expected at most 1048575 bytes");
  advanceIfComplete(b);
}

void MBarriers::complete(uint32_t address, Landing landing) {
  auto found = live.find(address);
  if (found == live.end())
    fail("an asynchronous copy completes at shared address " + std::to_string(address) +
         ", where the mbarrier was invalidated");
  found->second.landed.push_back(landing);
  expect(address, found->second, -int64_t(landing.bytes));
}

/// A phase ends when nothing is pending.
void MBarriers::advanceIfComplete(MBarrier &b) {
  if (b.pending || b.transactions)
    return;
  ++b.phase;
  b.pending = b.count;
  b.complete.join(b.arrived);
  b.completeFenced.join(b.arrivedFenced);
  b.arrived = b.arrivedFenced = Clock{};
  b.unseen.insert(b.unseen.end(), b.landed.begin(), b.landed.end());
  b.landed.clear();
  cta.wake(Obstacle::MBarrier);
}

void MBarriers::learn(Warp &w, MBarrier &b) {
  if (!b.unseen.empty()) {
    b.stamp = ++cta.async->stamp;
    for (Landing l : b.unseen)
      cta.shared.landBulk(b.loads, l.address, l.bytes, b.stamp);
    b.unseen.clear();
  }
  w.clock.join(b.complete);
  w.fenced.join(b.completeFenced);
  uint32_t &known = w.clock.at[b.loads];
  known = std::max(known, b.stamp);
}

void MBarriers::checkVisible(Warp &w, uint32_t address, const MBarrier &b) const {
  if (cta.grid.settings.checks && !b.shown && b.made > w.fenced.at[b.makerWarp])
    throw Fault(FaultKind::Proxy, "an asynchronous copy uses " + named(address) +
                                      ", whose mbarrier.init no fence has shown to it; expected "
                                      "fence.mbarrier_init or fence.proxy.async behind the init");
}

void MBarriers::show(const Warp &w) {
  for (auto &[address, b] : live)
    b.shown |= b.makerWarp == w.index;
}

std::string MBarriers::describe(uint32_t address) const {
  auto found = live.find(address);
  if (found == live.end())
    return named(address);
  const MBarrier &b = found->second;
  return named(address) + " (phase " + std::to_string(b.phase) + ", " + std::to_string(b.pending) + " of " +
         std::to_string(b.count) + " arrivals and " + std::to_string(b.transactions) + " bytes are pending)";
}

std::optional<uint32_t> MBarriers::unseen() const {
  for (auto &[address, b] : live)
    if (!b.unseen.empty() || !b.landed.empty())
      return address;
  return std::nullopt;
}

} // namespace gqa::emulator
