// Computing a product in emulated memory.
#pragma once
#include "Form.h"

#include "Driver/Extension.h"

namespace gqa::emulator::blas {

struct Places {
  uint64_t a, b, c, d, workspace;
  uint64_t workspaceBytes;
  double alpha, beta;
  bool roundsParts; ///< of a sum, to the type of the result
};

/// Checks the memory, byte by byte where it is read, and multiplies. Sums of f16 and bf16 are of f32, in the
/// order of k, the others of f64; each result is rounded once, unless parts are.
std::optional<Fault> multiply(const Form &form, const Places &places, DeviceMemory &memory);

} // namespace gqa::emulator::blas
