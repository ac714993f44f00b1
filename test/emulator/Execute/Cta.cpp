#include "Async.h"
#include "AsyncCopy.h"
#include "Cluster.h"

#include <algorithm>
#include <bit>

namespace gqa::emulator {

Cta::Cta(Grid &grid, Cluster &cluster, unsigned rank, Dim3 index)
    : grid(grid), cluster(cluster), rank(rank), index(index),
      shared(grid.kernel.sharedBase, grid.sharedEnd(), grid.warps(), grid.settings.checks,
             grid.kernel.usesAsync, /*hasPeers=*/grid.cluster.count() > 1),
      random(grid.settings.seed * 1000003 + index.x + 8191 * index.y + 131071 * index.z),
      behindOthers(!grid.dependent) {
  for (unsigned i = 0; i < grid.warps(); ++i)
    warps.emplace_back(*this, i);
  if (grid.settings.globalOrder)
    globalOrder = std::make_unique<GlobalOrder>();
  if (grid.kernel.usesAsync)
    async = std::make_unique<Async>(*this);
}

Cta::~Cta() = default;

Cta::Progress Cta::run(Worker &worker, uint64_t steps, uint64_t &done) {
  constexpr uint64_t kSlice = 4096; // a warp that spins on shared memory leaves room for the one it waits for
  bool shuffled = grid.settings.completion == Completion::Random;
  for (uint64_t target = done + steps; done < target;) {
    unsigned tried = 0, finished = 0;
    for (; tried < warps.size(); ++tried) {
      running = &warps[turn];
      turn = (turn + 1) % warps.size();
      if (running->state == Warp::State::Ready)
        break;
      finished += running->state == Warp::State::Done;
    }
    if (finished == warps.size()) {
      end();
      return Progress::Ended;
    }
    if (tried == warps.size()) {
      if (async && async->bulk.completeOne())
        continue;
      return Progress::Stuck;
    }
    if (shuffled) {
      moveSomeCopies(*running);
      if (async)
        async->moveSome();
    }
    uint64_t slice = shuffled ? 1 + random() % 256 : kSlice;
    running->run(worker, slice);
    done += slice;
  }
  return Progress::GoesOn;
}

void Cta::end() {
  ended = true;
  if (async)
    async->finish();
  uint32_t known = 0;
  for (const Warp &w : warps)
    known = std::max(known, w.clock.at[shared.peer()]);
  if (lastRead > known)
    throw Fault(FaultKind::Race, "the CTA exits while another one of its cluster may still read its shared "
                                 "memory; expected a barrier.cluster behind the last read");
}

bool Cta::allAtCluster() const {
  return std::all_of(warps.begin(), warps.end(),
                     [](const Warp &w) { return w.clusterArrived || !w.alive(); });
}

void Cta::leaveCluster() {
  for (Warp &w : warps)
    w.clusterArrived = false;
  wake(Obstacle::Cluster);
}

unsigned Cta::livingThreads() const {
  unsigned threads = 0;
  for (const Warp &w : warps)
    threads += std::popcount(w.alive());
  return threads;
}

void Cta::arrive(Warp &warp, unsigned id, unsigned threads, bool wait, unsigned votes) {
  Barrier &b = barriers[id];
  std::string name = "barrier " + std::to_string(id);
  if (threads % kLanes)
    throw Fault(FaultKind::Barrier,
                name + " with a count of " + std::to_string(threads) + " threads; expected a multiple of 32");
  if (threads > warps.size() * kLanes)
    throw Fault(FaultKind::Barrier, name + " expects " + std::to_string(threads) + " threads of a CTA with " +
                                        std::to_string(grid.block.count()));
  if (b.came && (b.all ? threads != 0 : threads != b.expected))
    throw Fault(FaultKind::Barrier, name + " is used with " + (threads ? std::to_string(threads) : "all") +
                                        " threads while others wait at it with " +
                                        (b.all ? "all" : std::to_string(b.expected)));
  if (b.came >> warp.index & 1)
    throw Fault(FaultKind::Barrier,
                name + ": warp " + std::to_string(warp.index) + " arrives twice before it completes");
  b.all = threads == 0;
  b.expected = threads;
  b.came |= 1u << warp.index;
  b.arrived += b.all ? std::popcount(warp.alive()) : kLanes; // a count is in whole warps
  if (!b.all && b.arrived > b.expected)
    throw Fault(FaultKind::Barrier, name + ": " + std::to_string(b.arrived) +
                                        " threads have arrived; expected " + std::to_string(b.expected));
  b.votes += votes;
  b.clock.join(warp.clock);
  b.fenced.join(warp.fenced);
  warp.synchronise(warp.alive());
  ++warp.counters->barriers;
  if (wait) {
    b.waiting |= 1u << warp.index;
    warp.block();
  }
  releaseIfComplete(b);
}

void Cta::releaseIfComplete(Barrier &b) {
  if (!b.came || b.arrived < (b.all ? livingThreads() : b.expected))
    return;
  polls = 0;
  for (Warp &w : warps)
    if (b.waiting >> w.index & 1) {
      w.clock.join(b.clock);
      w.fenced.join(b.fenced);
      w.deliver(b.votes, b.arrived);
      w.resume();
    }
  b = Barrier{};
}

void Cta::poll() {
  constexpr unsigned kMost = 1 << 16;
  if (++polls == kMost)
    deadlock();
}

void Cta::wake(Obstacle obstacle) {
  polls = 0;
  for (Warp &w : warps)
    if (w.state == Warp::State::Sleeping && w.obstacle == obstacle)
      w.resume();
}

void Cta::warpDone(Warp &) {
  for (Barrier &b : barriers)
    if (b.all)
      releaseIfComplete(b);
  cluster.warpDone();
}

std::string Cta::where(const Warp &warp) const {
  auto dim = [](const Dim3 &d) {
    return "(" + std::to_string(d.x) + "," + std::to_string(d.y) + "," + std::to_string(d.z) + ")";
  };
  uint32_t t = warp.index * kLanes + warp.faultLane;
  Dim3 thread{t % grid.block.x, t / grid.block.x % grid.block.y, t / grid.block.x / grid.block.y};
  return "kernel " + grid.kernel.name + ", line " + std::to_string(warp.line()) + ", block " + dim(index) +
         ", thread " + dim(thread);
}

std::string Cta::whereIs(const Warp &w) const {
  std::string line = " (line " + std::to_string(w.line()) + ")";
  if (w.state == Warp::State::Done)
    return " has exited";
  if (w.state == Warp::State::Sleeping)
    switch (w.obstacle) {
    case Obstacle::MBarrier:
      return " waits at " + async->barriers.describe(w.obstacleAddress) + line;
    case Obstacle::Warpgroup:
      return " waits for the other warps of its warpgroup to execute wgmma" + line;
    case Obstacle::Cluster:
      return " waits for the other CTAs of the cluster at barrier.cluster" + line;
    case Obstacle::Registers:
      return " waits for registers, of which " + std::to_string(async->registers.free()) + " are free" + line;
    }
  for (const Barrier &b : barriers)
    if (b.waiting >> w.index & 1)
      return " waits at barrier " + std::to_string(&b - barriers) + " (line " + std::to_string(w.line()) +
             ", " + std::to_string(b.arrived) + " of " +
             std::to_string(b.all ? livingThreads() : b.expected) + " threads have arrived)";
  return " goes on" + line;
}

void Cta::deadlock() const {
  std::string text = "no warp can go on; expected every barrier to complete.";
  for (const Warp &w : warps)
    text += " Warp " + std::to_string(w.index) + whereIs(w) + ";";
  throw Fault(FaultKind::Deadlock, text);
}

} // namespace gqa::emulator
