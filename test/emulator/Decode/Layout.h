// Where shared and local variables and parameters lie.
#pragma once
#include "Decoder.h"

namespace gqa::emulator {

/// Fills the sizes and offsets of the kernel and returns the address of each name in its space. \throws
/// PtxError
Symbols layOut(const Module &module, const Function &function, Kernel &kernel);

} // namespace gqa::emulator
