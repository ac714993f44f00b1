// What several families of instructions read from the suffixes of an opcode.
#pragma once
#include "Decode/Match.h"

namespace gqa::emulator {

/// The state space that an opcode names; Generic if it names none.
inline Space spaceOf(const Match &m) {
  if (m.has("shared") || m.has("shared::cta") || m.has("shared::cluster"))
    return Space::Shared;
  if (m.has("global"))
    return Space::Global;
  if (m.has("local"))
    return Space::Local;
  if (m.has("param") || m.has("param::entry"))
    return Space::Param;
  return m.has("const") ? Space::Const : Space::Generic;
}

} // namespace gqa::emulator
