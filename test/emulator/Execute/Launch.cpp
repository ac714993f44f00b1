#include "Launch.h"

#include "Cluster.h"

#include <mutex>
#include <system_error>
#include <thread>

namespace gqa::emulator {

const char *nameOf(FaultKind kind) {
  switch (kind) {
  case FaultKind::OutOfBounds:
    return "out-of-bounds";
  case FaultKind::UseAfterFree:
    return "use-after-free";
  case FaultKind::Misaligned:
    return "misaligned";
  case FaultKind::UninitialisedRegister:
    return "uninitialised-register";
  case FaultKind::UninitialisedMemory:
    return "uninitialised-memory";
  case FaultKind::Race:
    return "race";
  case FaultKind::InFlight:
    return "in-flight";
  case FaultKind::Barrier:
    return "barrier";
  case FaultKind::Deadlock:
    return "deadlock";
  case FaultKind::LeakedCopy:
    return "leaked-copy";
  case FaultKind::WarpSync:
    return "warp-sync";
  case FaultKind::MBarrier:
    return "mbarrier";
  case FaultKind::Proxy:
    return "proxy";
  case FaultKind::Wgmma:
    return "wgmma";
  case FaultKind::TensorMap:
    return "tensor-map";
  case FaultKind::Registers:
    return "registers";
  case FaultKind::Trap:
    return "trap";
  case FaultKind::Steps:
    return "steps";
  }
  return "unknown";
}

namespace {

/// Clusters are taken in order. One that runs for long, perhaps since it waits for another, is set aside, and
/// the thread goes on with new ones; in the end the ones set aside take turns.
class Scheduler {
public:
  explicit Scheduler(Grid &grid) : grid(grid) {}

  void work() {
    Worker worker;
    std::deque<std::unique_ptr<Cluster>> waiting;
    while (!stopped) {
      std::unique_ptr<Cluster> cluster = fresh();
      if (!cluster) {
        if (waiting.empty())
          break;
        cluster = std::move(waiting.front());
        waiting.pop_front();
      }
      if (!step(*cluster, worker))
        waiting.push_back(std::move(cluster));
    }
    std::lock_guard lock(mutex);
    outcome.counters += worker.counters;
  }

  Outcome outcome;

private:
  static constexpr uint64_t kTurn = 1 << 20; ///< warp instructions

  std::unique_ptr<Cluster> fresh() {
    uint64_t n = next++;
    return n < grid.clusters().count() ? std::make_unique<Cluster>(grid, n) : nullptr;
  }

  /// \returns whether the cluster needs no more turns.
  bool step(Cluster &cluster, Worker &worker) {
    try {
      bool done = cluster.run(worker, kTurn);
      if (!done && (grid.steps += kTurn) > grid.settings.steps)
        throw Fault(FaultKind::Steps,
                    "still running after " + std::to_string(grid.settings.steps) +
                        " warp instructions; expected an end (GQA_EMULATOR=steps=N allows more)");
      return done;
    } catch (const Fault &fault) {
      std::lock_guard lock(mutex);
      if (!outcome.fault) {
        outcome.fault = fault.kind;
        outcome.message = std::string(nameOf(fault.kind)) + ": " + cluster.where() + ": " + fault.what();
      }
      stopped = true;
      return true;
    }
  }

  Grid &grid;
  std::mutex mutex;
  std::atomic<uint64_t> next{0};
  std::atomic<bool> stopped{false};
};

} // namespace

Outcome runGrid(Grid &grid) {
  Scheduler scheduler(grid);
  unsigned threads =
      grid.settings.threads ? grid.settings.threads : std::max(1u, std::thread::hardware_concurrency());
  threads = std::min<uint64_t>(threads, grid.clusters().count());
  std::vector<std::thread> helpers;
  try {
    for (unsigned n = 1; n < threads; ++n)
      helpers.emplace_back([&] { scheduler.work(); });
  } catch (const std::system_error &) { // fewer threads do it, too
  }
  scheduler.work();
  for (std::thread &t : helpers)
    t.join();
  return std::move(scheduler.outcome);
}

} // namespace gqa::emulator
