// A kernel in the form that is executed: registers are offsets into the register file of a warp, literals and
// addresses of variables are constants, branches know where they join again.
#pragma once
#include "Counters.h"
#include "Syntax/Module.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace gqa::emulator {

class Warp;
struct Insn;
/// Executes one instruction for the lanes of the mask, which is not empty.
using Handler = void (*)(Warp &, const Insn &, uint32_t mask);

constexpr unsigned kLanes = 32;
constexpr uint32_t kAllLanes = ~0u;
constexpr uint32_t kNone = ~0u;          ///< no operand, no register, no target
constexpr uint32_t kConstant = 1u << 31; ///< operand: offset into the constants, not the registers
constexpr uint32_t kNegated = 1u << 31;  ///< predicate operand

struct Insn {
  Handler run = nullptr;
  const uint32_t *op = nullptr; ///< operands in the order of the text, vectors flattened
  uint32_t guard = kNone;       ///< predicate, perhaps with kNegated
  uint32_t line = 0;
  uint32_t target = kNone;       ///< of a branch: index of an instruction
  uint32_t join = kNone;         ///< of a branch: where its sides meet
  int64_t offset[3] = {0, 0, 0}; ///< of the memory operands
  Class pipe = Class::Integer;
  Space space = Space::Generic;
  uint8_t vector = 1;      ///< elements of a vector access
  uint8_t count = 0;       ///< operands that are given
  uint8_t wideAddress = 0; ///< bit n: memory operand n has a 64-bit base
  uint8_t wideData = 0;    ///< bit n: operand token n is held in a 64-bit register
  uint16_t tracked = 0;    ///< 1 + index into Kernel::tracked, or 0
  uint32_t extra = 0;      ///< decoded modifiers, meaning private to the handler
};

/// Registers that a thread might read before it writes them; all others are known to be written first.
struct Tracking {
  int guard = -1; ///< index of the guard's mask, or -1
  int guardRegister = -1;
  std::vector<std::pair<uint32_t, int>> reads; ///< index of the register's mask; register for messages
  std::vector<uint32_t> writes;
  std::vector<std::pair<uint32_t, uint32_t>> copies; ///< (from, to): undefined values may be moved, not used
  // Indices into Kernel::asyncRegisters.
  std::vector<uint32_t> touches;                 ///< by an instruction other than wgmma
  std::vector<uint32_t> accumulators, fragments; ///< of a wgmma, in the order of the text
  std::vector<std::pair<uint32_t, int>> sums;    ///< reads that happen only if the operand `scale` holds
  uint32_t scale = kNone;
};

/// A register that some wgmma uses, and the instructions between which its place is its own.
struct AsyncRegister {
  int reg;
  uint32_t first, last;
};

struct Parameter {
  uint32_t offset, size, align;
};

struct Special {
  uint32_t offset; ///< slot in the register file
  std::string name;
};

struct Kernel {
  Kernel() = default;
  Kernel(Kernel &&) = default; // instructions point into `operands`
  Kernel &operator=(Kernel &&) = default;

  std::string name;
  std::vector<Insn> code;
  std::vector<uint32_t> operands;
  std::vector<std::byte> constants;
  std::vector<Tracking> tracked;
  uint32_t trackedRegisters = 0;
  std::vector<AsyncRegister> asyncRegisters;
  std::vector<Special> specials;
  uint32_t registerBytes = 0;
  uint32_t predicates = 0;
  std::vector<Register> registers; ///< as declared, for messages
  std::vector<Parameter> params;
  uint32_t paramBytes = 0;
  uint32_t sharedBase = 0;    ///< first valid address of shared memory
  uint32_t staticShared = 0;  ///< end of the static variables
  uint32_t dynamicShared = 0; ///< where dynamic shared memory starts
  uint32_t staticBytes = 0;   ///< what cuFuncGetAttribute reports
  uint32_t localBytes = 0;
  std::array<unsigned, 3> maxThreads{}, requiredThreads{};
  unsigned minBlocks = 0, maxRegisters = 0, liveRegisters = 0;
  unsigned ptxVersion = 0, sm = 0;
  bool usesAsync = false; ///< mbarriers, bulk copies, wgmma or setmaxnreg

  /// The most registers that the assembler may give to each thread, so that the promised blocks fit in the 64
  /// K of a multiprocessor; 0 if the kernel promises nothing.
  unsigned registersAtLaunch() const {
    const std::array<unsigned, 3> &threads = requiredThreads[0] ? requiredThreads : maxThreads;
    unsigned count = threads[0] * threads[1] * threads[2] * minBlocks;
    return maxRegisters ? maxRegisters : count ? std::min(65536 / count, 255u) / 8 * 8 : 0;
  }
};

} // namespace gqa::emulator
