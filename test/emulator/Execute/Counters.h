// What one launch did, summed over its warps.
#pragma once
#include <cstdint>
#include <string>

namespace gqa::emulator {

/// The pipe of a GPU that an instruction would go to.
enum class Class : uint8_t {
  Integer,
  Float,
  Special,
  Convert,
  Move,
  Compare,
  Control,
  Shuffle,
  Memory,
  Async,
  Matrix,
  Barrier,
  kCount
};

struct Counters {
  uint64_t issued[static_cast<int>(Class::kCount)] = {}; ///< warp instructions
  uint64_t tensorFlop = 0;                               ///< multiply and add count as two
  uint64_t globalRequests = 0;                           ///< warp instructions that reached global memory
  uint64_t globalSectors = 0;                            ///< distinct 32-byte sectors of each request, summed
  uint64_t globalLoadBytes = 0, globalStoreBytes = 0;    ///< asked for by threads
  uint64_t sharedRequests = 0;
  uint64_t sharedWavefronts = 0; ///< passes that the requests need on 32 banks
  uint64_t sharedIdeal = 0;      ///< passes if no two words of a request shared a bank
  uint64_t sharedBytes = 0;
  uint64_t barriers = 0; ///< arrivals of warps

  Counters &operator+=(const Counters &other);
  std::string json() const;
};

} // namespace gqa::emulator
