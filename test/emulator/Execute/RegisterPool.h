// The registers of a CTA, which setmaxnreg moves from one warpgroup to another.
#pragma once
#include <cstdint>
#include <vector>

namespace gqa::emulator {

class Cta;
class Warp;

class RegisterPool {
public:
  explicit RegisterPool(const Cta &cta);

  /// setmaxnreg. \returns false if the warp must wait until there are enough. \throws Fault
  bool change(Warp &w, uint32_t count, bool increase);
  uint32_t free() const { return freeRegisters; }
  /// The warps of a warpgroup must have executed the same. \throws Fault
  void finish() const;

private:
  uint32_t atLaunch = 0; ///< of a thread; 0: nobody knows
  uint32_t freeRegisters = 0;
  std::vector<std::vector<uint32_t>> changes; ///< by warp: what it asked for, one after the other
};

} // namespace gqa::emulator
