// Running one kernel on a grid.
#pragma once
#include "Fault.h"
#include "Machine.h"

#include <optional>

namespace gqa::emulator {

struct Outcome {
  Counters counters;
  std::optional<FaultKind> fault;
  std::string message; ///< of the fault: kernel, line, block, thread, what was wrong
};

/// Runs all CTAs of the grid on the host's threads and returns when they are done or one of them went wrong.
Outcome runGrid(Grid &grid);

} // namespace gqa::emulator
