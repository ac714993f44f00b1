// cp.async: when the bytes of a copy move, and when that becomes known to the thread that asked for it.
#pragma once
#include "Machine.h"

namespace gqa::emulator {

/// Completes the copies of these lanes whose group is older than the `pending` newest, with `all` also the
/// uncommitted ones.
void completeCopies(Warp &warp, uint32_t lanes, uint32_t pending, bool all);

/// Under Completion::Random: some copies that nobody waits for arrive.
void moveSomeCopies(Warp &warp);

} // namespace gqa::emulator
