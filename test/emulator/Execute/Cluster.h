// The CTAs of a cluster: they run at the same time, wait for each other, and read each other's shared memory.
#pragma once
#include "Machine.h"

namespace gqa::emulator {

/// In an address of shared::cluster, from this bit on: 1 + the rank of the CTA whose memory it is. Without it
/// the memory is the CTA's own.
constexpr unsigned kRankBit = 24;

class Cluster {
public:
  /// \param number of the cluster in its grid
  Cluster(Grid &grid, uint64_t number);

  /// Runs the CTAs for about `steps` warp instructions. \returns whether all of them have ended.
  bool run(Worker &worker, uint64_t steps);

  unsigned size() const { return arriving.size(); }
  const Dim3 index; ///< among the clusters of the grid

  /// barrier.cluster; each throws Fault. \param release whether those that wait learn what the warp has done
  void arrive(Warp &warp, bool release);
  /// \returns whether all have arrived: then the warp learns what they have done.
  bool wait(Warp &warp);
  void warpDone() { completeIfAllHaveArrived(); }

  /// Copies `bytes` of another CTA's shared memory.
  void read(Warp &warp, unsigned rank, uint32_t address, unsigned bytes, void *to);

  /// Where the cluster is, for messages.
  std::string where() const;

private:
  void completeIfAllHaveArrived();

  std::deque<Cta> ctas;
  Cta *running = nullptr;
  uint32_t phase = 0;          ///< barriers that are complete
  bool allRelease = true;      ///< in the phase that is not complete
  std::vector<Clock> arriving; ///< by CTA: what those have done who have arrived
  /// By phase, of which two can be in use, and CTA: what those know of it who have waited.
  std::vector<Clock> published[2];
};

} // namespace gqa::emulator
