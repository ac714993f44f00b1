// Shared memory of one CTA, with what the checkers know about each of its words: who wrote it and when, who
// has read it since, which bytes hold a value, and which an asynchronous copy is still going to write.
//
// "When" is a vector clock for each warp. Its own entry counts the warp's synchronisations; an entry of
// another warp is how much of that warp's past is known to have happened. Two accesses to a byte, one of them
// a write, are a race unless the second warp knows of the first. Lanes of one warp are ordered by the warp's
// own synchronisations only.
//
// What runs in the asynchronous proxy counts as more warps, its agents: the products of each warpgroup, the
// stores, and the loads of each mbarrier (those that come late share one with an earlier one). Their clocks
// have a tick for each wait that learns of their work: who waited for a product knows of those in front of
// it, and nothing of copies. The other CTAs of the cluster, which can only read, are one more; its clock
// counts the barriers of the cluster.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace gqa::emulator {

struct Clock {
  static constexpr int kSize = 64; ///< 32 warps, 8 warpgroups, stores, peers and loads, in whole vectors
  uint32_t at[kSize] = {};         ///< by warp
  void join(const Clock &other) {
    for (int i = 0; i < kSize; ++i)
      at[i] = at[i] > other.at[i] ? at[i] : other.at[i];
  }
};

/// Lanes in records, beyond 0..31.
enum : uint8_t { kWholeWarp = 32, kSeveralLanes = 33, kDisjointLanes = 34, kAgent = 35, kPeer = 36 };

class SharedMemory {
public:
  /// Valid addresses are [base, end). \param asyncProxy whether the kernel uses it. \param hasPeers whether
  /// other CTAs can read it.
  SharedMemory(uint32_t base, uint32_t end, unsigned warps, bool checks, bool asyncProxy, bool hasPeers);

  struct Access {
    unsigned warp;
    uint8_t lane;
    const Clock *clock;
    bool atomic = false;
  };

  bool contains(uint64_t address, unsigned bytes) const {
    return address >= base && address <= end && bytes <= end - address;
  }
  std::byte *at(uint32_t address) const { return data.get() + address; }

  /// The checks throw Fault. Callers have checked bounds and alignment.
  void read(const Access &access, uint32_t address, unsigned bytes);
  void write(const Access &access, uint32_t address, unsigned bytes, const void *value);

  /// An asynchronous copy: from `launch` to `land` nobody may touch the bytes. The write counts as done by
  /// the waiting thread at the time of its wait.
  void launch(const Access &access, uint32_t address, unsigned bytes);
  void land(const Access &access, uint32_t address, unsigned bytes);
  void poison(uint32_t address, unsigned bytes);

  /// An mbarrier lives in these eight bytes: loads and stores there are faults.
  void reserve(uint32_t address);
  void release(uint32_t address);

  /// The same for the asynchronous proxy, in whole rows of 16 bytes. Writes of threads must have passed a
  /// proxy fence: `fenced` says up to which time of each warp they have.
  void launchBulk(const Access &access, const Clock &fenced, uint32_t address, uint32_t bytes);
  void landBulk(unsigned agent, uint32_t address, uint32_t bytes, uint32_t stamp);
  /// A read by the asynchronous proxy of `count` rows, from its launch to its completion.
  void beginRead(const Access &access, const Clock &fenced, const uint32_t *rows, unsigned count);
  void checkAsyncRead(const Access &access, const Clock &fenced, uint32_t row);
  void endRead(unsigned agent, const uint32_t *rows, unsigned count, uint32_t stamp);
  unsigned products(unsigned warpgroup) const { return warps + warpgroup; }
  unsigned stores() const { return peers - 1; }
  unsigned peer() const { return peers; }
  /// Of the mbarrier with this number.
  unsigned loads(unsigned mbarrier) const { return peers + 1 + mbarrier % (Clock::kSize - peers - 1); }

  /// Lanes that have accessed shared memory since the last time that all lanes of the warp synchronised.
  uint32_t unsynchronised(unsigned warp) const { return recent[warp]; }
  void synchronised(unsigned warp) {
    if (recent)
      recent[warp] = 0;
  }

private:
  struct Word {
    uint32_t clock = 0;
    uint8_t warp = 0, lane = kDisjointLanes;
    uint8_t bytes = 0;        ///< written by that access; high nibble: by atomics
    uint8_t defined : 4 = 0;  ///< bytes that hold a value
    uint8_t inFlight : 4 = 0; ///< bytes that an asynchronous copy is going to write
  };
  /// Last read by one warp: clock << 10 | lane << 4 | bytes.
  using Read = uint32_t;

  bool readRow(const Access &access, uint32_t address);
  bool isRowFree(const Access &access, uint32_t address) const;
  void checkRead(const Access &access, uint32_t word, unsigned bytes, uint32_t address, unsigned size);
  void checkWrite(const Access &access, uint32_t word, unsigned bytes, uint32_t address, unsigned size,
                  bool sameValue);
  void noteRead(const Access &access, uint32_t word, unsigned bytes);
  void checkFenced(const Clock &fenced, uint32_t word, const char *what) const;
  bool isRegionFree(const Access &access, const Clock &fenced, uint32_t address, uint32_t bytes) const;
  void note(const Access &access) {
    if (recent && access.warp < warps)
      recent[access.warp] |= access.lane < 32 ? 1u << access.lane : ~0u;
  }
  [[noreturn]] void busy(uint32_t address, unsigned size, const char *what) const;
  [[noreturn]] void race(const Access &access, uint32_t address, unsigned size, const char *now,
                         const char *before, unsigned warp, unsigned lane) const;

  uint32_t base, end, words;
  unsigned warps, peers, readingAgents; ///< the last: rows of `reads`
  bool checks;
  std::unique_ptr<std::byte[]> data;
  std::unique_ptr<Word[]> writes;
  std::unique_ptr<Read[]> reads;       ///< [warp][word]
  std::unique_ptr<uint16_t[]> readers; ///< by row: reads of the asynchronous proxy that are in flight
  std::unique_ptr<uint32_t[]> recent;  ///< by warp: see unsynchronised()
  std::vector<uint32_t> objects;       ///< mbarriers
};

} // namespace gqa::emulator
