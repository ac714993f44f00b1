#include "Async.h"
#include "Cluster.h"

#include <bit>
#include <cstring>
#include <utility>

namespace gqa::emulator {
namespace {

/// What one lane sees in a special register.
uint32_t specialValue(std::string_view name, const Cta &cta, uint32_t warp, uint32_t lane) {
  const Grid &g = cta.grid;
  auto component = [](const Dim3 &d, char axis) { return axis == 'x' ? d.x : axis == 'y' ? d.y : d.z; };
  if (size_t dot = name.find('.'); dot != name.npos) {
    uint32_t thread = warp * kLanes + lane;
    Dim3 tid{thread % g.block.x, thread / g.block.x % g.block.y, thread / g.block.x / g.block.y};
    std::string_view base = name.substr(0, dot);
    const Dim3 &cluster = cta.cluster.index, &size = g.cluster;
    Dim3 within{cta.index.x % size.x, cta.index.y % size.y, cta.index.z % size.z};
    const std::pair<std::string_view, Dim3> points[] = {{"%tid", tid},
                                                        {"%ntid", g.block},
                                                        {"%ctaid", cta.index},
                                                        {"%nctaid", g.grid},
                                                        {"%clusterid", cluster},
                                                        {"%nclusterid", g.clusters()},
                                                        {"%cluster_ctaid", within},
                                                        {"%cluster_nctaid", size}};
    for (const auto &[known, point] : points)
      if (known == base)
        return component(point, name[dot + 1]);
  }
  const std::pair<std::string_view, uint32_t> values[] = {
      {"%laneid", lane},
      {"%warpid", warp},
      {"%nwarpid", 64},
      {"%smid", (cta.index.x + cta.index.y * g.grid.x) % g.settings.processors},
      {"%nsmid", g.settings.processors},
      {"%lanemask_eq", 1u << lane},
      {"%lanemask_lt", (1u << lane) - 1},
      {"%lanemask_le", (2u << lane) - 1},
      {"%lanemask_gt", ~((2u << lane) - 1)},
      {"%lanemask_ge", ~((1u << lane) - 1)},
      {"%dynamic_smem_size", g.dynamicBytes},
      {"%total_smem_size", g.sharedEnd() - g.kernel.sharedBase},
      {"%cluster_ctarank", cta.rank},
      {"%cluster_nctarank", cta.cluster.size()}};
  for (auto [known, value] : values)
    if (known == name)
      return value;
  return 0; // the decoder lets no other name through
}

} // namespace

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
  for (const Special &s : cta.grid.kernel.specials)
    for (unsigned lane = 0; lane < kLanes; ++lane)
      result<uint32_t>(s.offset)[lane] = specialValue(s.name, cta, index, lane);
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
  if (state == State::Yielding)
    state = State::Ready;
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
  if (!t.sums.empty() && predicate(insn.op[t.scale]) & mask)
    for (auto [at, reg] : t.sums)
      check(at, reg, mask);
  if (!t.touches.empty() && mask && cta.grid.settings.checks)
    cta.async->group(index / 4).touch(*this, t, mask);
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

void Warp::sleep(Obstacle at, uint32_t what) {
  --pc;
  --counters->issued[static_cast<int>(code[pc].pipe)];
  state = State::Sleeping;
  obstacle = at;
  obstacleAddress = what;
}

void Warp::tick() { ++clock.at[index]; }

void Warp::synchronise(uint32_t lanes) {
  tick();
  if (living & ~lanes)
    return;
  synchronisedAt = clock.at[index];
  cta.shared.synchronised(index);
}

Clock Warp::released(uint32_t lanes) const {
  Clock known = clock;
  if (cta.grid.settings.checks && cta.shared.unsynchronised(index) & ~lanes)
    known.at[index] = synchronisedAt - 1;
  return known;
}

Clock Warp::knownTo(unsigned lane) const {
  Clock known = released(1u << lane);
  ++known.at[index]; // of a warp's own accesses, those are known whose time lies before its entry
  return known;
}

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
  if (cta.async)
    cta.async->exitLanes(*this, lanes);
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
