// The instructions of clusters: their barrier, and addresses of another CTA's shared memory.
#include "Bind.h"
#include "Cluster.h"
#include "Lanes.h"

namespace gqa::emulator {
namespace {

/// Bits of Insn::extra.
enum : uint32_t { kRelaxed = 1 };

void checkWhole(Warp &w, uint32_t mask, const char *what) {
  w.faultLane = std::countr_zero(mask);
  if (mask != w.alive())
    throw Fault(FaultKind::Barrier, std::string(what) +
                                        " in divergent code: " + std::to_string(std::popcount(mask)) +
                                        " of the warp's " + std::to_string(std::popcount(w.alive())) +
                                        " threads; expected all of them");
}

void arrive(Warp &w, const Insn &i, uint32_t mask) {
  checkWhole(w, mask, "barrier.cluster.arrive");
  w.cta.cluster.arrive(w, !(i.extra & kRelaxed));
}

void wait(Warp &w, const Insn &, uint32_t mask) {
  checkWhole(w, mask, "barrier.cluster.wait");
  if (!w.cta.cluster.wait(w))
    w.sleep(Obstacle::Cluster);
}

/// Operands: address in another CTA, address in this one, rank of the other.
template <class T> void map(Warp &w, const Insn &i, uint32_t mask) {
  auto *d = w.result<T>(i.op[0]);
  auto *own = w.source<T>(i.op[1]);
  auto *rank = w.source<uint32_t>(i.op[2]);
  forEachLane(mask, [&](unsigned l) {
    w.faultLane = l;
    if (rank[l] >= w.cta.cluster.size())
      throw Fault(FaultKind::OutOfBounds, "mapa for CTA " + std::to_string(rank[l]) +
                                              " of a cluster that has " +
                                              std::to_string(w.cta.cluster.size()));
    d[l] = own[l] + (T(rank[l] + 1) << kRankBit);
  });
}

} // namespace

namespace bind {

Handler clusterArrive(Match &m) {
  m.insn->extra = m.has("relaxed") ? kRelaxed : 0;
  return &arrive;
}
Handler clusterWait(Match &) { return &wait; }
Handler mapa(Match &m) { return sizeOf(m.type()) == 8 ? &map<uint64_t> : &map<uint32_t>; }

} // namespace bind
} // namespace gqa::emulator
