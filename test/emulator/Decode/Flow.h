// Control flow of a function: blocks, where divergent branches meet again, and how long registers live.
#pragma once
#include "Syntax/Module.h"

#include <cstdint>
#include <vector>

namespace gqa::emulator {

/// What one instruction does to registers and to control.
struct Effects {
  std::vector<int> defines, uses; ///< registers; a guarded definition is listed as a use as well
  uint32_t target = ~0u;          ///< of a branch
  bool isBranch = false, isExit = false, isGuarded = false;
};

class Flow {
public:
  Flow(const std::vector<Effects> &code, unsigned registers);

  /// First instruction of the block where all paths from the end of the block of `at` meet; ~0 if only exits
  /// do.
  uint32_t join(uint32_t at) const;

  struct Range {
    uint32_t first = ~0u, last = 0; ///< instructions; first > last: never used
  };
  const std::vector<Range> &ranges() const { return live; }
  /// Registers that some path from the entry may read before it writes them.
  const std::vector<bool> &undefinedAtEntry() const { return undefined; }

private:
  struct Block {
    uint32_t first, last; ///< instructions, both included
    std::vector<uint32_t> next, previous;
  };
  void findBlocks(const std::vector<Effects> &code);
  void findPostDominators(const std::vector<Effects> &code);
  void findRanges(const std::vector<Effects> &code, unsigned registers);

  std::vector<Block> blocks;
  std::vector<uint32_t> blockOf;       ///< by instruction
  std::vector<uint32_t> postDominator; ///< immediate, by block; the number of blocks is the exit
  std::vector<Range> live;
  std::vector<bool> undefined;
};

} // namespace gqa::emulator
