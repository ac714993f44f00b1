// How much of a multiprocessor a kernel takes.
#pragma once
#include "Driver.h"

namespace gqa::emulator {

/// Dynamic shared memory that a launch may use without cuFuncSetAttribute.
constexpr int kSharedWithoutAsking = 48 * 1024;

/// An estimate from lifetimes; only an assembler knows the number.
inline int registersOf(const Kernel &k) {
  int live = std::min(255u, k.liveRegisters + 8);
  int most = k.registersAtLaunch();
  return most ? std::min(live, most) : live;
}
inline int maxThreads(const Kernel &k) {
  auto product = [](const std::array<unsigned, 3> &d) { return static_cast<int>(d[0] * d[1] * d[2]); };
  int most = product(k.requiredThreads) ? product(k.requiredThreads)
             : product(k.maxThreads)    ? product(k.maxThreads)
                                        : 1024;
  return std::min(most, 1024);
}

} // namespace gqa::emulator
