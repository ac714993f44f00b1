#include "BulkCopy.h"

#include "Access.h"
#include "Async.h"

#include <algorithm>
#include <cstring>

namespace gqa::emulator {

std::vector<uint32_t> BulkCopies::rowsOf(const BulkCopy &c) const {
  std::vector<uint32_t> rows(c.bytes / 16);
  for (uint32_t n = 0; n < rows.size(); ++n)
    rows[n] = c.shared + 16 * n;
  return rows;
}

/// Every byte inside of the tensor must lie in one allocation, and have been written if it is read.
void BulkCopies::checkGlobal(Warp &w, const BulkCopy &c) const {
  const DeviceMemory &memory = cta.grid.memory;
  for (const Piece &p : c.pieces) {
    if (!p.global)
      continue;
    for (uint32_t at = 0; at < p.bytes; at += 16) {
      unsigned bytes = std::min(16u, p.bytes - at);
      uint64_t address = p.global + at;
      if (!c.load)
        writableSlowly(w, {Space::Global, address}, w.faultLane, bytes);
      else if (!w.worker->lastAllocation.contains(address, bytes) ||
               !allWritten(memory.state(address), bytes))
        readableSlowly(w, {Space::Global, address}, w.faultLane, bytes);
    }
  }
}

void BulkCopies::start(Warp &w, unsigned lane, BulkCopy c) {
  SharedMemory &shared = cta.shared;
  w.faultLane = lane;
  if (!shared.contains(c.shared, c.bytes))
    outOfShared(w, lane, c.shared, c.bytes, "bulk copy");
  checkGlobal(w, c);
  Completion policy = cta.grid.settings.completion;
  bool now = policy == Completion::Eager || (policy == Completion::Random && cta.random() % 3 == 0);
  const Clock known = w.knownTo(lane);
  SharedMemory::Access access = w.access(lane);
  access.clock = &known;
  if (c.load) {
    cta.async->barriers.checkVisible(w, c.mbarrier,
                                     cta.async->barriers.find(w, lane, c.mbarrier, "bulk copy"));
    shared.launchBulk(access, w.fenced, c.shared, c.bytes);
    loads.push_back(std::move(c));
    if (now)
      arrive(std::prev(loads.end()));
    else
      shared.poison(loads.back().shared, loads.back().bytes);
    return;
  }
  std::vector<uint32_t> rows = rowsOf(c);
  shared.beginRead(access, w.fenced, rows.data(), rows.size());
  c.warp = w.index;
  c.lane = lane;
  groups.resize(std::max<size_t>(groups.size(), w.index + 1), std::vector<uint64_t>(32));
  c.group = groups[w.index][lane];
  if (now) {
    take(c);
    put(c);
  }
  stores.push_back(std::move(c));
}

/// The bytes of a load come to shared memory.
void BulkCopies::bring(BulkCopy &c) {
  for (const Piece &p : c.pieces)
    for (uint32_t at = 0; at < p.bytes; at += 16) {
      unsigned bytes = std::min(16u, p.bytes - at);
      std::byte *to = cta.shared.at(swizzled(p.shared + at, c.swizzle));
      if (p.global)
        std::memcpy(to, cta.grid.memory.host(p.global + at), bytes);
      else
        for (unsigned n = 0; n < bytes; n += sizeof c.fill)
          std::memcpy(to + n, &c.fill, std::min<size_t>(bytes - n, sizeof c.fill));
    }
  c.copied = true;
}

void BulkCopies::arrive(std::deque<BulkCopy>::iterator c) {
  bring(*c);
  uint32_t mbarrier = c->mbarrier;
  Landing landing{c->shared, c->bytes};
  loads.erase(c);
  cta.async->barriers.complete(mbarrier, landing);
}

bool BulkCopies::completeOne() {
  if (loads.empty())
    return false;
  arrive(loads.begin());
  return true;
}

/// The bytes of a store leave shared memory.
void BulkCopies::take(BulkCopy &c) {
  c.data.resize(c.bytes);
  size_t done = 0;
  for (const Piece &p : c.pieces)
    for (uint32_t at = 0; at < p.bytes; at += 16) {
      unsigned bytes = std::min(16u, p.bytes - at);
      std::memcpy(c.data.data() + done, cta.shared.at(swizzled(p.shared + at, c.swizzle)), bytes);
      done += bytes;
    }
  c.copied = true;
}

void BulkCopies::put(BulkCopy &c) {
  if (c.arrived)
    return;
  c.arrived = true;
  size_t done = 0;
  for (const Piece &p : c.pieces) {
    if (p.global)
      std::memcpy(cta.grid.memory.host(p.global), c.data.data() + done, p.bytes);
    done += p.bytes;
  }
}

void BulkCopies::commit(Warp &w, unsigned lane) {
  groups.resize(std::max<size_t>(groups.size(), w.index + 1), std::vector<uint64_t>(32));
  ++groups[w.index][lane];
}

void BulkCopies::wait(Warp &w, unsigned lane, uint32_t pending, bool reads) {
  groups.resize(std::max<size_t>(groups.size(), w.index + 1), std::vector<uint64_t>(32));
  uint64_t committed = groups[w.index][lane];
  for (BulkCopy &c : stores) {
    // Group g of a thread that has committed n groups has n - g - 1 younger ones.
    if (c.warp != w.index || c.lane != lane || c.group + pending >= committed)
      continue;
    if (!c.copied)
      take(c);
    if (!c.released) {
      std::vector<uint32_t> rows = rowsOf(c);
      uint32_t stamp = ++cta.async->stamp;
      cta.shared.endRead(cta.shared.stores(), rows.data(), rows.size(), stamp);
      w.clock.at[cta.shared.stores()] = stamp;
      c.released = true;
    }
    if (!reads)
      put(c);
  }
  if (!reads)
    std::erase_if(stores, [&](const BulkCopy &c) {
      return c.warp == w.index && c.lane == lane && c.group + pending < committed;
    });
}

void BulkCopies::moveSome() {
  for (size_t n = loads.size(); n-- > 0;)
    if (cta.random() % 4 == 0)
      arrive(loads.begin() + n);
  for (BulkCopy &c : stores) {
    if (!c.copied && cta.random() % 4 == 0)
      take(c);
    else if (c.copied && cta.random() % 4 == 0)
      put(c);
  }
}

void BulkCopies::exitLanes(Warp &w, uint32_t lanes) {
  for (const BulkCopy &c : stores)
    if (c.warp == w.index && lanes >> c.lane & 1 && !c.released && cta.grid.settings.checks) {
      w.faultLane = c.lane;
      throw Fault(FaultKind::LeakedCopy,
                  "the thread exits while its bulk copy of line " + std::to_string(c.line) +
                      " may still read shared memory; expected cp.async.bulk.commit_group "
                      "and cp.async.bulk.wait_group");
    }
}

void BulkCopies::finish() {
  for (BulkCopy &c : stores) {
    if (!c.copied)
      take(c);
    put(c);
  }
  stores.clear();
  if (!cta.grid.settings.checks)
    return;
  if (!loads.empty())
    throw Fault(FaultKind::LeakedCopy, "the CTA ends while the bulk copy of line " +
                                           std::to_string(loads.front().line) +
                                           " is in flight; expected a wait at " +
                                           cta.async->barriers.describe(loads.front().mbarrier));
  if (auto at = cta.async->barriers.unseen())
    throw Fault(FaultKind::LeakedCopy, "the CTA ends, and no thread has waited for the bulk copies of " +
                                           cta.async->barriers.describe(*at));
}

} // namespace gqa::emulator
