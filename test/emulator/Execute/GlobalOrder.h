// What one CTA has done to global memory, by words: two accesses to a byte, one of them a write, are a race
// unless the CTA's own barriers order them, as in shared memory. Other CTAs, atomics and asynchronous copies
// are not looked at. It takes long, so it is done if the settings ask.
#pragma once
#include "SharedMemory.h"

#include <unordered_map>

namespace gqa::emulator {

class GlobalOrder {
public:
  using Access = SharedMemory::Access;

  /// Both throw Fault. Bounds and alignment have been checked.
  void read(const Access &access, uint64_t address, unsigned size);
  /// \param same whether the value is there already: several threads may write it.
  void write(const Access &access, uint64_t address, unsigned size, bool same);

private:
  struct Stamp {
    uint32_t clock = 0;
    uint8_t warp = 0, lane = 0;
    uint8_t bytes = 0; ///< of the word
  };
  struct Word {
    Stamp write;
    std::vector<Stamp> reads; ///< since the write, the last one of each warp
  };

  static bool knows(const Access &access, const Stamp &earlier);
  template <class Visit> void forWords(uint64_t address, unsigned size, Visit visit);

  std::unordered_map<uint64_t, Word> words;
};

} // namespace gqa::emulator
