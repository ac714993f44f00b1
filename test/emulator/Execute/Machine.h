// The state of a launch while it runs: the grid, a CTA, a warp. Handlers see a warp and reach the rest
// through it.
#pragma once
#include "Counters.h"
#include "Fault.h"
#include "GlobalOrder.h"
#include "Kernel.h"
#include "Memory/DeviceMemory.h"
#include "Settings.h"
#include "SharedMemory.h"

#include <atomic>
#include <deque>
#include <random>

namespace gqa::emulator {

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
  uint64_t count() const { return uint64_t(x) * y * z; }
};

/// One launch: what all its CTAs share.
struct Grid {
  const Kernel &kernel;
  DeviceMemory &memory;
  const Settings &settings;
  Dim3 grid, block;
  uint32_t dynamicBytes = 0;
  std::vector<std::byte> params;
  uint64_t id = 0;
  std::atomic<uint64_t> steps{0};
  /// A dependent launch: it may begin while the grid in front, whose memory it uses, is still running.
  bool dependent = false;
  Dim3 cluster; ///< CTAs of each, by which `grid` is divisible

  Dim3 clusters() const { return {grid.x / cluster.x, grid.y / cluster.y, grid.z / cluster.z}; }
  unsigned warps() const { return (block.count() + kLanes - 1) / kLanes; }
  uint32_t sharedEnd() const {
    return dynamicBytes ? kernel.dynamicShared + dynamicBytes : kernel.staticShared;
  }
};

/// What one host thread keeps across the CTAs that it runs.
struct Worker {
  Counters counters;
  Allocation lastAllocation; ///< the last one an access fell into: most fall there again
};

/// Asynchronous copies of one warp instruction (cp.async).
struct PendingCopies {
  uint32_t lanes;  ///< not yet complete
  uint32_t copied; ///< lanes whose bytes have arrived, unknown to anybody before a wait
  uint32_t line;
  uint8_t bytes;
  uint8_t sourceBytes[kLanes]; ///< the rest is filled with zeros
  uint32_t group[kLanes];      ///< of the thread's own groups, counted from 0
  uint32_t to[kLanes];
  uint64_t from[kLanes];
};

class Cta;
class Cluster;
struct Async;

/// bar.red: where a warp that waits wants the result.
struct Reduction {
  enum class Kind : uint8_t { None, Count, All, Any };
  Kind kind = Kind::None;
  uint32_t result = 0, mask = 0;
};

/// What a warp sleeps at outside of barriers. When it has changed, the warp tries its instruction again.
enum class Obstacle : uint8_t { MBarrier, Warpgroup, Registers, Cluster };

/// 32 threads that step together, some of them perhaps waiting for others at a join.
class Warp {
public:
  enum class State : uint8_t { Ready, Yielding, AtBarrier, Sleeping, Done };

  Warp(Cta &cta, unsigned index);

  /// Runs until the warp blocks, ends, or has executed so many instructions.
  void run(Worker &worker, uint64_t steps);

  template <class T> const T *source(uint32_t op) const {
    return reinterpret_cast<const T *>((op & kConstant ? constants + (op ^ kConstant) : registers + op));
  }
  template <class T> T *result(uint32_t op) { return reinterpret_cast<T *>(registers + op); }
  uint32_t predicate(uint32_t op) const {
    return op & kNegated ? ~predicates[op ^ kNegated] : predicates[op];
  }
  void setPredicate(uint32_t op, uint32_t bits, uint32_t mask) {
    predicates[op] = (predicates[op] & ~mask) | (bits & mask);
  }

  void branch(const Insn &insn, uint32_t taken);
  void exitLanes(uint32_t lanes);
  void block() { state = State::AtBarrier; }
  /// Lets others run.
  void yield() { state = State::Yielding; }
  void resume() { state = State::Ready; }
  /// \param what the address of an mbarrier
  void sleep(Obstacle at, uint32_t what = 0);
  /// Writes what the barrier has reduced.
  void deliver(unsigned votes, unsigned threads);
  /// A point that orders the memory accesses of this warp and others.
  void tick();
  /// A point that orders the accesses of these lanes of the warp, too.
  void synchronise(uint32_t lanes);
  /// What an arrival of these lanes alone tells others: not what other lanes have done since all of them
  /// synchronised.
  Clock released(uint32_t lanes) const;
  /// What a lane knows when it acts alone: of other lanes of the warp, what they have done before all of them
  /// synchronised.
  Clock knownTo(unsigned lane) const;

  SharedMemory::Access access(unsigned lane, bool atomic = false) const {
    return {index, static_cast<uint8_t>(lane), &clock, atomic};
  }

  uint32_t active() const { return current.mask; }
  uint32_t alive() const { return living; }
  uint32_t at() const { return pc ? pc - 1 : 0; } ///< the instruction that is executed
  unsigned line() const { return code[pc && state != State::Sleeping ? pc - 1 : pc].line; }

  Cta &cta;
  const unsigned index;
  State state = State::Ready;
  Clock clock;
  Clock fenced; ///< writes to shared memory up to here have passed a fence to the asynchronous proxy
  Obstacle obstacle = Obstacle::MBarrier;
  uint32_t obstacleAddress = 0;
  bool clusterArrived = false; ///< at a barrier of the cluster that is not complete
  uint32_t clusterPhase = 0;   ///< barriers of the cluster for which it has waited
  Counters *counters = nullptr;
  Worker *worker = nullptr;
  Reduction reduction;
  std::deque<PendingCopies> copies;
  uint32_t groups[kLanes] = {}; ///< committed by each lane
  std::byte *local(unsigned lane) { return localMemory.get() + size_t(lane) * localBytes; }
  uint8_t *localState(unsigned lane) { return localStates.get() + size_t(lane) * localBytes; }
  unsigned faultLane = 0; ///< for messages: the lane whose access is being checked

private:
  struct Level {
    uint32_t pc, join, mask;
  };
  void rejoin();
  void checkTracked(const Insn &insn, uint32_t mask);
  void fillSpecials();

  const Insn *code;
  const std::byte *constants;
  std::byte *registers;
  std::vector<uint32_t> predicates;
  std::vector<uint32_t> defined; ///< lanes for which a tracked register holds a value
  uint32_t pc = 0;
  uint32_t living;
  uint32_t synchronisedAt = 1; ///< time of the last synchronisation of all lanes
  Level current;
  std::vector<Level> outer;
  std::unique_ptr<std::byte[]> registerFile, localMemory;
  std::unique_ptr<uint8_t[]> localStates;
  uint32_t localBytes;
};

/// One of the 16 barriers of a CTA.
struct Barrier {
  unsigned expected = 0; ///< threads; 0 while nobody has arrived
  unsigned arrived = 0;
  bool all = false;     ///< no count was given: every thread that has not exited
  uint32_t waiting = 0; ///< warps that sleep here
  uint32_t came = 0;    ///< warps that have arrived in this phase
  unsigned votes = 0;   ///< threads whose predicate held (bar.red)
  Clock clock, fenced;
};

class Cta {
public:
  Cta(Grid &grid, Cluster &cluster, unsigned rank, Dim3 index);
  ~Cta();

  /// Stuck: until another CTA arrives at a barrier of the cluster, if ever.
  enum class Progress { GoesOn, Stuck, Ended };
  /// Runs for about `steps` warp instructions, which are added to `done`.
  Progress run(Worker &worker, uint64_t steps, uint64_t &done);

  /// \param threads the count of the instruction, 0 if it gives none. \param votes for a reduction.
  void arrive(Warp &warp, unsigned barrier, unsigned threads, bool wait, unsigned votes = 0);
  void warpDone(Warp &warp);
  /// Warps that sleep at such an obstacle try again.
  void wake(Obstacle obstacle);
  /// A thread looks again and again whether something has happened. \throws Fault if nothing will.
  void poll();
  /// Whether all threads that have not exited have arrived at the barrier of the cluster, which is complete
  /// then: they leave.
  bool allAtCluster() const;
  void leaveCluster();
  [[noreturn]] void deadlock() const;

  Grid &grid;
  Cluster &cluster;
  const unsigned rank; ///< in the cluster
  const Dim3 index;
  SharedMemory shared;
  std::mt19937 random;
  std::unique_ptr<GlobalOrder> globalOrder; ///< null unless the settings ask for it
  std::unique_ptr<Async> async; ///< null unless the kernel uses the asynchronous proxy or mbarriers
  /// The warp that is running, for messages.
  Warp *running = nullptr;
  /// What the grid in front has written is there: one of the threads has waited for it.
  bool behindOthers;
  bool ended = false;
  uint32_t lastRead = 0; ///< by another CTA: when, in barriers of the cluster
  std::string where(const Warp &warp) const;

private:
  void releaseIfComplete(Barrier &barrier);
  unsigned livingThreads() const;
  std::string whereIs(const Warp &warp) const;
  void end();

  std::deque<Warp> warps;
  Barrier barriers[16];
  unsigned turn = 0;
  unsigned polls = 0; ///< since something has happened
};

} // namespace gqa::emulator
