// From a parsed function to a kernel that can be executed.
#pragma once
#include "Execute/Kernel.h"

#include <functional>

namespace gqa::emulator {

/// Where the variables of a module lie: generic addresses of global and constant ones.
using Symbols = std::map<std::string, uint64_t>;

/// \throws PtxError
Kernel decode(const Module &module, const Function &function, const Symbols &symbols);

} // namespace gqa::emulator
