#include "Tracking.h"

#include <algorithm>

namespace gqa::emulator {
namespace {

bool isPredicate(const Slot &s) {
  return s.kind == Slot::Kind::Truth || (s.kind == Slot::Kind::Register && s.isPredicate);
}

/// The entry of an instruction, which is made if there is none yet.
Tracking &trackingOf(Pending &p, Kernel &kernel) {
  if (!p.insn.tracked) {
    if (kernel.tracked.size() == 0xFFFF)
      throw PtxError(p.insn.line, "too many uses of registers that may be undefined or belong to wgmma");
    kernel.tracked.emplace_back();
    p.insn.tracked = kernel.tracked.size();
  }
  return kernel.tracked[p.insn.tracked - 1];
}

} // namespace

bool readsSums(const Pending &wgmma, const std::vector<Pending> &code) {
  const Slot &scale = *std::find_if(wgmma.slots.begin(), wgmma.slots.end(), isPredicate);
  if (scale.kind == Slot::Kind::Truth)
    return scale.bits != 0;
  const Pending *setter = nullptr;
  for (const Pending &p : code)
    for (const Slot &s : p.slots)
      if (s.kind == Slot::Kind::Register && s.defines && s.reg == scale.reg) {
        if (setter)
          return true; // set more than once
        setter = &p;
      }
  bool constant = setter && setter->insn.guard == kNone && setter->slots.size() == 4 &&
                  setter->slots[2].kind == Slot::Kind::Constant &&
                  setter->slots[3].kind == Slot::Kind::Constant;
  if (!constant || !(setter->match.has("eq") || setter->match.has("ne")) || setter->match.types.size() != 1)
    return true;
  bool equal = setter->slots[2].bits == setter->slots[3].bits;
  return (equal == setter->match.has("eq")) != scale.negated;
}

void trackUndefined(std::vector<Pending> &code, const Flow &flow, Kernel &kernel) {
  std::vector<bool> tracked = flow.undefinedAtEntry();
  auto moves = [](const Pending &p) {
    std::string_view pattern = p.match.form->pattern;
    return pattern.starts_with("mov ") && p.slots.size() == 2 && p.slots[1].kind == Slot::Kind::Register;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (const Pending &p : code)
      if (moves(p) && tracked[p.slots[1].reg] && !tracked[p.slots[0].reg])
        changed = tracked[p.slots[0].reg] = true;
  }
  std::vector<uint32_t> index(tracked.size());
  for (size_t r = 0; r < tracked.size(); ++r)
    if (tracked[r])
      index[r] = kernel.trackedRegisters++;
  if (!kernel.trackedRegisters)
    return;
  for (Pending &p : code) {
    Tracking t;
    bool copy = moves(p) && tracked[p.slots[1].reg];
    if (copy)
      t.copies.push_back({index[p.slots[1].reg], index[p.slots[0].reg]});
    if (p.insn.guard != kNone && tracked[p.insn.guard & ~kNegated]) {
      t.guard = index[p.insn.guard & ~kNegated];
      t.guardRegister = p.insn.guard & ~kNegated;
    }
    for (const Slot &s : p.slots)
      if (s.kind == Slot::Kind::Register && tracked[s.reg] && !copy) {
        if (s.defines)
          t.writes.push_back(index[s.reg]);
        else
          t.reads.push_back({index[s.reg], s.reg});
        if (s.updates)
          t.sums.push_back({index[s.reg], s.reg});
      }
    if (!t.sums.empty())
      t.scale = std::find_if(p.slots.begin(), p.slots.end(), isPredicate) - p.slots.begin();
    if (t.guard < 0 && t.reads.empty() && t.writes.empty() && t.copies.empty())
      continue;
    trackingOf(p, kernel) = std::move(t);
  }
}

void trackWgmma(std::vector<Pending> &code, const Flow &flow, Kernel &kernel) {
  std::vector<uint32_t> index(kernel.registers.size(), kNone);
  auto isOperand = [](const Slot &s) { return s.kind == Slot::Kind::Register && !s.isPredicate && !s.wide; };
  for (const Pending &p : code)
    if (isWgmma(p))
      for (const Slot &s : p.slots)
        if (isOperand(s) && index[s.reg] == kNone) {
          index[s.reg] = kernel.asyncRegisters.size();
          Flow::Range range = flow.ranges()[s.reg];
          if (flow.undefinedAtEntry()[s.reg])
            range = {0, ~0u};
          kernel.asyncRegisters.push_back({s.reg, range.first, range.last});
        }
  if (kernel.asyncRegisters.empty())
    return;
  for (Pending &p : code) {
    for (const Slot &s : p.slots) {
      if (!isOperand(s) || index[s.reg] == kNone)
        continue;
      Tracking &t = trackingOf(p, kernel);
      (!isWgmma(p) ? t.touches : s.updates ? t.accumulators : t.fragments).push_back(index[s.reg]);
    }
  }
}

} // namespace gqa::emulator
