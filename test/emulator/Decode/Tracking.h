// What the machine watches about registers while a kernel runs: see Tracking in Execute/Kernel.h.
#pragma once
#include "Flow.h"
#include "Operands.h"

namespace gqa::emulator {

/// One instruction on its way: which form it has, and its operands before registers have places.
struct Pending {
  Insn insn;
  Match match;
  std::vector<Slot> slots;
};

inline bool isWgmma(const Pending &p) { return p.match.form->pattern.starts_with("wgmma mma_async"); }

/// The predicate behind the accumulators of a wgmma says whether they are read. Compilers often set it to a
/// constant right before, so that the accumulators need no value.
bool readsSums(const Pending &wgmma, const std::vector<Pending> &code);

/// Registers that may be read before they are written carry a mask of defined lanes; so do the targets of
/// moves from them, since undefined values may be moved about.
void trackUndefined(std::vector<Pending> &code, const Flow &flow, Kernel &kernel);

/// Registers of wgmma carry what is in flight: every instruction that uses one of them says so.
void trackWgmma(std::vector<Pending> &code, const Flow &flow, Kernel &kernel);

} // namespace gqa::emulator
