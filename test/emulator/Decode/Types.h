// What an operand may be, sizes aside.
#pragma once
#include "Syntax/Module.h"

#include <string_view>

namespace gqa::emulator {

/// Registers that a thread only reads, and those of them that change while it runs.
bool isSpecial(std::string_view name);
bool isClock(std::string_view name);

bool isBits(Type type);
bool isFloat(Type type);

/// Whether a register may be an operand of a type, None for any: bits may be anything, integers have a sign
/// or not, and floats are what they are.
bool mayBe(Type have, Type wanted);

} // namespace gqa::emulator
