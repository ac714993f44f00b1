// For libraries that stand in for NVIDIA's on the emulated device: work of their own in the order of a
// stream.
#pragma once
#include "Cuda.h"
#include "Execute/Fault.h"
#include "Memory/DeviceMemory.h"

#include <functional>
#include <optional>
#include <string>

namespace gqa::emulator {

/// Queued once, run whenever the stream gets there: in a captured stream, by every launch of the graph.
struct Work {
  std::string name;  ///< for messages: "cublasLtMatmul"
  std::string facts; ///< members of the report's object, as JSON: "\"m\": 3"
  std::function<std::optional<Fault>(DeviceMemory &)> run;
};

} // namespace gqa::emulator

/// What is wrong in the work is told by the next call that asks, as it is of a kernel.
EMULATOR_API CUresult cuEmulatorQueue(CUstream stream, const gqa::emulator::Work &work);

/// An error if a capture forbids this thread what might wait or allocate; that ends the capture.
EMULATOR_API CUresult cuEmulatorMayWait();
