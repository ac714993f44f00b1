#include "Machine.h"

#include <bit>
#include <cstring>
#include <utility>

namespace gqa::emulator {

Warp::Warp(Cta &cta, unsigned index)
    : cta(cta), index(index), code(cta.grid.kernel.code.data()), constants(cta.grid.kernel.constants.data()),
      predicates(cta.grid.kernel.predicates), defined(cta.grid.kernel.trackedRegisters),
      localBytes(cta.grid.kernel.localBytes) {
  const Kernel &kernel = cta.grid.kernel;
  uint64_t first = uint64_t(index) * kLanes, threads = cta.grid.block.count();
  living = threads - first >= kLanes ? kAllLanes : (1u << (threads - first)) - 1;
  current = {0, kNone, living};
  constexpr size_t kAlign = 64;
  registerFile.reset(new std::byte[kernel.registerBytes + kAlign]);
  std::memset(registerFile.get(), 0xFF, kernel.registerBytes + kAlign);
  auto start = reinterpret_cast<uintptr_t>(registerFile.get());
  registers = registerFile.get() + ((start + kAlign - 1) / kAlign * kAlign - start);
  if (localBytes) {
    localMemory.reset(new std::byte[size_t(localBytes) * kLanes]);
    std::memset(localMemory.get(), 0xFF, size_t(localBytes) * kLanes);
    localStates.reset(new uint8_t[size_t(localBytes) * kLanes]());
  }
  clock.at[index] = 1;
  fillSpecials();
}

void Warp::fillSpecials() {
  const Grid &g = cta.grid;
  auto value = [&](std::string_view name, uint32_t lane) -> uint64_t {
    uint32_t thread = index * kLanes + lane;
    if (name == "%tid.x")
      return thread % g.block.x;
    if (name == "%tid.y")
      return thread / g.block.x % g.block.y;
    if (name == "%tid.z")
      return thread / g.block.x / g.block.y;
    if (name == "%ntid.x" || name == "%ntid.y" || name == "%ntid.z")
      return name[6] == 'x' ? g.block.x : name[6] == 'y' ? g.block.y : g.block.z;
    if (name == "%ctaid.x" || name == "%ctaid.y" || name == "%ctaid.z")
      return name[7] == 'x' ? cta.index.x : name[7] == 'y' ? cta.index.y : cta.index.z;
    if (name == "%nctaid.x" || name == "%nctaid.y" || name == "%nctaid.z")
      return name[8] == 'x' ? g.grid.x : name[8] == 'y' ? g.grid.y : g.grid.z;
    if (name == "%laneid")
      return lane;
    if (name == "%warpid")
      return index;
    if (name == "%nwarpid")
      return 64;
    if (name == "%smid")
      return (cta.index.x + cta.index.y * g.grid.x) % g.settings.processors;
    if (name == "%nsmid")
      return g.settings.processors;
    if (name == "%gridid")
      return g.id;
    if (name == "%lanemask_eq")
      return 1u << lane;
    if (name == "%lanemask_lt")
      return (1u << lane) - 1;
    if (name == "%lanemask_le")
      return (2u << lane) - 1;
    if (name == "%lanemask_gt")
      return ~((2u << lane) - 1);
    if (name == "%lanemask_ge")
      return ~((1u << lane) - 1);
    if (name == "%dynamic_smem_size")
      return g.dynamicBytes;
    return g.sharedEnd() - g.kernel.sharedBase; // %total_smem_size
  };
  for (const Special &s : g.kernel.specials)
    for (unsigned lane = 0; lane < kLanes; ++lane)
      result<uint32_t>(s.offset)[lane] = value(s.name, lane);
}

void Warp::run(Worker &by, uint64_t steps) {
  worker = &by;
  counters = &by.counters;
  while (steps-- && state == State::Ready) {
    if (pc == current.join) {
      rejoin();
      continue;
    }
    const Insn &insn = code[pc++];
    uint32_t mask = current.mask;
    if (insn.guard != kNone)
      mask &= predicate(insn.guard);
    ++counters->issued[static_cast<int>(insn.pipe)];
    if (insn.tracked)
      checkTracked(insn, mask);
    if (!mask)
      continue;
    insn.run(*this, insn, mask);
  }
}

/// A guard is read by all lanes, operands by those for which it holds.
void Warp::checkTracked(const Insn &insn, uint32_t mask) {
  const Tracking &t = cta.grid.kernel.tracked[insn.tracked - 1];
  auto check = [&](uint32_t at, int reg, uint32_t readers) {
    uint32_t missing = readers & ~defined[at];
    if (!missing || !cta.grid.settings.checks)
      return;
    faultLane = std::countr_zero(missing);
    throw Fault(FaultKind::UninitialisedRegister,
                "register " + cta.grid.kernel.registers[reg].name + " is read before it is written");
  };
  if (t.guard >= 0)
    check(t.guard, t.guardRegister, current.mask);
  for (auto [at, reg] : t.reads)
    check(at, reg, mask);
  for (auto [from, to] : t.copies)
    defined[to] = (defined[to] & ~mask) | (defined[from] & mask);
  for (uint32_t at : t.writes)
    defined[at] |= mask;
}

void Warp::deliver(unsigned votes, unsigned threads) {
  bool holds = reduction.kind == Reduction::Kind::All ? votes == threads : votes != 0;
  switch (std::exchange(reduction.kind, Reduction::Kind::None)) {
  case Reduction::Kind::None:
    return;
  case Reduction::Kind::Count:
    for (unsigned lane = 0; lane < kLanes; ++lane)
      if (reduction.mask >> lane & 1)
        result<uint32_t>(reduction.result)[lane] = votes;
    return;
  default:
    setPredicate(reduction.result, holds ? kAllLanes : 0, reduction.mask);
  }
}

void Warp::tick() { ++clock.at[index]; }

/// The stack holds, innermost last, the lanes that wait for others. Lanes that go straight to the join wait
/// in the level that was pushed for it.
void Warp::branch(const Insn &insn, uint32_t taken) {
  uint32_t stay = current.mask & ~taken;
  if (!stay) {
    pc = insn.target;
    return;
  }
  uint32_t join = insn.join;
  if (join != current.join)
    outer.push_back({join, current.join, current.mask});
  current.join = join;
  if (insn.target == join) {
    current.mask = stay;
  } else if (pc == join) {
    current.mask = taken;
    pc = insn.target;
  } else {
    outer.push_back({pc, join, stay});
    current.mask = taken;
    pc = insn.target;
  }
}

void Warp::rejoin() {
  do {
    current = outer.back();
    outer.pop_back();
    current.mask &= living;
  } while (!current.mask && !outer.empty());
  pc = current.pc;
}

void Warp::exitLanes(uint32_t lanes) {
  for (const PendingCopies &c : copies)
    if (uint32_t leaked = c.lanes & lanes; leaked && cta.grid.settings.checks) {
      faultLane = std::countr_zero(leaked);
      throw Fault(FaultKind::LeakedCopy,
                  "the thread exits while its cp.async of line " + std::to_string(c.line) +
                      " is in flight; expected cp.async.wait_all or a wait for its group");
    }
  living &= ~lanes;
  current.mask &= living;
  if (!living) {
    state = State::Done;
    cta.warpDone(*this);
  } else if (!current.mask) {
    rejoin();
  }
}

} // namespace gqa::emulator
