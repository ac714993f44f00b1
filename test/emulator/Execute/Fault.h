// What a kernel did wrong. Handlers throw it; the launch turns it into a line of text and a driver error.
#pragma once
#include <stdexcept>
#include <string>

namespace gqa::emulator {

enum class FaultKind {
  OutOfBounds,
  UseAfterFree,
  Misaligned,
  UninitialisedRegister,
  UninitialisedMemory,
  Race,
  InFlight,
  Barrier,
  Deadlock,
  LeakedCopy,
  WarpSync,
  MBarrier,
  Proxy,
  Wgmma,
  TensorMap,
  Registers,
  Trap,
  Steps,
};

/// Short name for reports, such as `out-of-bounds`.
const char *nameOf(FaultKind kind);

struct Fault : std::runtime_error {
  Fault(FaultKind kind, const std::string &message) : std::runtime_error(message), kind(kind) {}
  FaultKind kind;
};

} // namespace gqa::emulator
