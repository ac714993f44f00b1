// A check of instructions that all lanes of a warp execute together (.aligned).
#pragma once
#include "Machine.h"

namespace gqa::emulator {

inline void needWholeWarp(uint32_t mask, const char *what) {
  if (mask != kAllLanes)
    throw Fault(FaultKind::WarpSync, std::string(what) + " by a part of the warp; expected all 32 lanes");
}

} // namespace gqa::emulator
