#include "Cluster.h"

#include <cstring>

namespace gqa::emulator {
namespace {

Dim3 pointOf(uint64_t number, const Dim3 &sizes) {
  return {static_cast<uint32_t>(number % sizes.x), static_cast<uint32_t>(number / sizes.x % sizes.y),
          static_cast<uint32_t>(number / sizes.x / sizes.y)};
}

} // namespace

Cluster::Cluster(Grid &grid, uint64_t number)
    : index(pointOf(number, grid.clusters())), arriving(grid.cluster.count()) {
  const Dim3 &size = grid.cluster;
  for (unsigned rank = 0; rank < this->size(); ++rank) {
    Dim3 at = pointOf(rank, size);
    ctas.emplace_back(grid, *this, rank,
                      Dim3{index.x * size.x + at.x, index.y * size.y + at.y, index.z * size.z + at.z});
  }
}

bool Cluster::run(Worker &worker, uint64_t steps) {
  constexpr uint64_t kShare = 1 << 16; // of a CTA among several
  uint64_t share = size() > 1 ? kShare : steps;
  for (uint64_t done = 0; done < steps;) {
    uint32_t before = phase;
    Cta *stuck = nullptr;
    bool goesOn = false;
    for (Cta &cta : ctas) {
      if (cta.ended)
        continue;
      running = &cta;
      switch (cta.run(worker, share, done)) {
      case Cta::Progress::Ended:
        break;
      case Cta::Progress::GoesOn:
        goesOn = true;
        break;
      case Cta::Progress::Stuck:
        stuck = &cta;
      }
    }
    if (!stuck && !goesOn)
      return true;
    if (!goesOn && phase == before) {
      running = stuck;
      stuck->deadlock();
    }
  }
  return false;
}

void Cluster::arrive(Warp &warp, bool release) {
  if (warp.clusterArrived || warp.clusterPhase != phase)
    throw Fault(FaultKind::Barrier, "barrier.cluster.arrive, twice without barrier.cluster.wait");
  warp.clusterArrived = true;
  if (release)
    arriving[warp.cta.rank].join(warp.clock);
  allRelease &= release;
  warp.tick(); // what follows is not ordered before the arrival
  ++warp.counters->barriers;
  completeIfAllHaveArrived();
}

void Cluster::completeIfAllHaveArrived() {
  for (const Cta &cta : ctas)
    if (!cta.allAtCluster())
      return;
  ++phase;
  published[phase % 2] = arriving;
  for (Cta &cta : ctas) {
    // Those that wait know of all reads in front of the barrier.
    if (allRelease)
      arriving[cta.rank].at[cta.shared.peer()] = phase - 1;
    published[phase % 2][cta.rank] = arriving[cta.rank];
    cta.leaveCluster();
  }
  allRelease = true;
}

bool Cluster::wait(Warp &warp) {
  if (warp.clusterArrived) // in a phase that is not complete
    return false;
  if (warp.clusterPhase == phase)
    throw Fault(FaultKind::Barrier, "barrier.cluster.wait without barrier.cluster.arrive before");
  warp.clusterPhase = phase;
  warp.clock.join(published[phase % 2][warp.cta.rank]);
  warp.synchronise(warp.alive());
  return true;
}

void Cluster::read(Warp &warp, unsigned rank, uint32_t address, unsigned bytes, void *to) {
  auto what = [&] {
    return "load of " + std::to_string(bytes) + " bytes at address " + std::to_string(address) +
           " of the shared memory of CTA " + std::to_string(rank) + " of the cluster";
  };
  if (rank >= size())
    throw Fault(FaultKind::OutOfBounds, what() + ", which has " + std::to_string(size()));
  Cta &cta = ctas[rank];
  SharedMemory &shared = cta.shared;
  if (!shared.contains(address, bytes))
    throw Fault(FaultKind::OutOfBounds,
                what() + ", which ends at " + std::to_string(warp.cta.grid.sharedEnd()));
  if (warp.cta.grid.settings.checks) {
    if (!warp.clusterPhase)
      throw Fault(FaultKind::Race, what() + ", which may not have begun; expected barrier.cluster before");
    if (cta.ended)
      throw Fault(FaultKind::Race, what() + ", which has exited; expected it to wait at barrier.cluster");
    // What comes behind an arrival, those that wait for it do not know.
    bool hasArrived = warp.clusterArrived || warp.clusterPhase != phase;
    uint32_t now = warp.clusterPhase + hasArrived;
    Clock known = published[warp.clusterPhase % 2][rank];
    known.at[shared.peer()] = now;
    shared.read({shared.peer(), kPeer, &known}, address, bytes);
    cta.lastRead = std::max(cta.lastRead, now);
  }
  std::memcpy(to, shared.at(address), bytes);
}

std::string Cluster::where() const {
  return running && running->running ? running->where(*running->running) : "";
}

} // namespace gqa::emulator
