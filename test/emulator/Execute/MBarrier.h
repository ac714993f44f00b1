// mbarrier objects of a CTA: phases, arrivals, transactions.
#pragma once
#include "SharedMemory.h"

#include <map>
#include <optional>
#include <vector>

namespace gqa::emulator {

class Cta;
class Warp;

/// Bytes that the asynchronous proxy has written to shared memory.
struct Landing {
  uint32_t address, bytes;
};

struct MBarrier {
  uint32_t count = 0;             ///< arrivals that a phase takes
  uint32_t pending = 0;           ///< arrivals that the current phase still takes
  int64_t transactions = 0;       ///< bytes that are expected and have not arrived, in this phase
  uint32_t phase = 0;             ///< the current one, which is not complete
  Clock arrived, arrivedFenced;   ///< what those know who have arrived
  Clock complete, completeFenced; ///< what those learn who wait
  std::vector<Landing> landed;    ///< in the current phase
  std::vector<Landing> unseen;    ///< in a complete phase for which nobody has waited yet
  unsigned loads = 0;             ///< the agent that brings its copies
  uint32_t stamp = 0;             ///< the agent's time that is known to those who wait
  unsigned makerWarp = 0, makerLane = 0;
  uint32_t made = 0;  ///< the maker's time
  bool shown = false; ///< to the asynchronous proxy, by fence.mbarrier_init
};

class MBarriers {
public:
  explicit MBarriers(Cta &cta) : cta(cta) {}

  /// Lane `lane` of the warp acts; each throws Fault.
  void init(Warp &w, unsigned lane, uint32_t address, uint32_t count);
  void invalidate(Warp &w, unsigned lane, uint32_t address);
  MBarrier &find(Warp &w, unsigned lane, uint64_t address, const char *what);
  /// \param released what the arrival tells those who wait, or null
  void arrive(Warp &w, uint32_t address, MBarrier &b, uint32_t count, const Clock *released,
              bool drop = false);
  void expect(uint32_t address, MBarrier &b, int64_t bytes);
  /// The warp has waited for a complete phase: what led to it is known to it now.
  void learn(Warp &w, MBarrier &b);
  /// An asynchronous copy has brought its bytes.
  void complete(uint32_t address, Landing landing);
  /// Whether the asynchronous proxy may use it: it was made visible by a fence.
  void checkVisible(Warp &w, uint32_t address, const MBarrier &b) const;
  /// fence.mbarrier_init: those that the warp has made.
  void show(const Warp &w);

  std::string describe(uint32_t address) const;
  /// Whether something has landed for which nobody has waited. \returns the address of its mbarrier.
  std::optional<uint32_t> unseen() const;

private:
  void advanceIfComplete(MBarrier &b);

  Cta &cta;
  std::map<uint32_t, MBarrier> live;
  unsigned made = 0; ///< in all
};

} // namespace gqa::emulator
