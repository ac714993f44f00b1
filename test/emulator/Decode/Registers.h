// Places for registers in the register file of a warp: registers whose lives do not overlap share one, so
// that the file stays in the cache.
#pragma once
#include "Flow.h"

namespace gqa::emulator {

class RegisterFile {
public:
  RegisterFile(const std::vector<Register> &registers, const Flow &flow);

  /// Byte offset, or number of a predicate.
  uint32_t place(int reg) const { return places[reg]; }
  uint32_t bytes() const { return end; }
  uint32_t predicates() const { return predicateCount; }
  /// 32-bit registers that are live at once, at most.
  uint32_t registers() const { return end / 128; }

private:
  std::vector<uint32_t> places;
  uint32_t end = 0, predicateCount = 0;
};

} // namespace gqa::emulator
