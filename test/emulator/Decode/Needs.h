// Which target and which version of PTX have an instruction.
#pragma once
#include "Syntax/Module.h"

#include <string_view>
#include <vector>

namespace gqa::emulator {

/// The least of both; 7.8 is 78. What only `sm_90a` has is no part of later chips.
struct Needs {
  unsigned sm = 0, version = 0;
  bool onlyThere = false;
};

/// \throws PtxError saying what `what` needs and what the module has instead.
void check(const Needs &needs, const Module &module, const std::string &what, unsigned line);

/// What suffixes of an opcode ask for, beyond what its form in the table of instructions does.
void checkSuffixes(const std::vector<std::string_view> &suffixes, const Module &module,
                   const std::string &opcode, unsigned line);

} // namespace gqa::emulator
