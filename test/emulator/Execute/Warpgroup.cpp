#include "Warpgroup.h"

#include "Async.h"

#include <algorithm>
#include <bit>

namespace gqa::emulator {
namespace {

[[noreturn]] void fail(const std::string &text) { throw Fault(FaultKind::Wgmma, text); }

const Tracking &trackingOf(const Warp &w, const Insn &insn) {
  return w.cta.grid.kernel.tracked[insn.tracked - 1];
}

const std::string &nameOf(const Warp &w, uint32_t asyncRegister) {
  const Kernel &k = w.cta.grid.kernel;
  return k.registers[k.asyncRegisters[asyncRegister].reg].name;
}

} // namespace

Warpgroup::Member &Warpgroup::member(Warp &w) {
  Member &m = members[w.index % kWarps];
  if (m.state.empty()) {
    m.state.resize(cta.grid.kernel.asyncRegisters.size());
    m.reads.resize(m.state.size());
  }
  return m;
}

void Warpgroup::fence(Warp &w) {
  Member &m = member(w);
  m.fenced = true;
  for (uint8_t &s : m.state)
    s &= ~kTouched;
}

void Warpgroup::touch(Warp &w, const Tracking &t, uint32_t mask) {
  Member &m = member(w);
  for (uint32_t n : t.touches) {
    uint8_t &s = m.state[n];
    if (s & (kSum | kFragment)) {
      w.faultLane = std::countr_zero(mask);
      throw Fault(FaultKind::InFlight, "register " + nameOf(w, n) + " is used while a wgmma that " +
                                           (s & kSum ? "adds to" : "reads") +
                                           " it is in flight; expected wgmma.wait_group before");
    }
    s |= kTouched;
  }
}

/// The descriptor in an operand. All lanes give the same.
uint64_t Warpgroup::descriptorOf(Warp &w, uint32_t op) const {
  auto *lanes = w.source<uint64_t>(op);
  if (std::any_of(lanes, lanes + kLanes, [=](uint64_t d) { return d != lanes[0]; }))
    fail("a matrix descriptor differs within the warp");
  return lanes[0];
}

/// The product that this warp issues now: a new one, or one that other warps of the group have issued before.
Warpgroup::Product &Warpgroup::productOf(Warp &w, const Insn &insn, Member &m) {
  WgmmaShape shape = WgmmaShape::unpack(insn.extra);
  const uint32_t *op = insn.op + shape.registers();
  uint64_t a = shape.fromRegisters ? 0 : descriptorOf(w, op[0]);
  op += shape.fromRegisters ? 4 : 1;
  uint64_t b = descriptorOf(w, op[0]);
  bool accumulates = w.predicate(op[1]);
  if (accumulates && ~w.predicate(op[1]))
    fail("scale-d differs within the warp");
  if (m.issued - first == products.size()) {
    products.emplace_back();
    Product &p = products.back();
    p.insn = &insn;
    p.a = a;
    p.b = b;
    p.accumulates = accumulates;
    checkLiterals(w, insn);
    return p;
  }
  Product &p = products[m.issued - first];
  if (p.insn != &insn || p.a != a || p.b != b || p.accumulates != accumulates)
    fail("the warps of a warpgroup issue different wgmma: this one and line " + std::to_string(p.insn->line) +
         "; expected the same instruction, descriptors and scale-d");
  return p;
}

/// Registers that other instructions have used need a wgmma.fence in between; those of products in flight may
/// only be added to by products of the same shape.
void Warpgroup::checkRegisters(Warp &w, const Insn &insn, Member &m, const Product &p) {
  if (!cta.grid.settings.checks)
    return;
  if (!m.fenced)
    fail("the first wgmma of a warp without a wgmma.fence before");
  const Tracking &t = trackingOf(w, insn);
  for (const std::vector<uint32_t> *list : {&t.accumulators, &t.fragments})
    for (uint32_t n : *list) {
      if (m.state[n] & kTouched)
        fail("register " + nameOf(w, n) +
             " was used by another instruction since the last wgmma.fence; expected one between them");
      if (list == &t.accumulators ? m.state[n] & kFragment || (m.state[n] & kSum && !p.sums)
                                  : m.state[n] & kSum)
        fail("register " + nameOf(w, n) +
             " belongs to a wgmma of another shape or role in flight; expected "
             "wgmma.wait_group before");
    }
}

/// The sums that the product adds to: those of products in flight with the same registers, or new ones.
void Warpgroup::attachSums(Warp &w, const Insn &insn, Member &m, Product &p) {
  WgmmaShape shape = WgmmaShape::unpack(insn.extra);
  unsigned registers = shape.registers(), warp = w.index % kWarps;
  if (!p.sums) {
    for (uint64_t n = m.issued; !p.sums && n-- > m.waited;) {
      const Product &older = products[n - first];
      if (WgmmaShape::unpack(older.insn->extra).registers() == registers &&
          std::equal(insn.op, insn.op + registers, older.insn->op))
        p.sums = older.sums;
    }
  }
  checkRegisters(w, insn, m, p);
  if (!p.sums)
    p.sums = std::make_shared<Sums>(Sums{shape.columns, std::vector<float>(64 * shape.columns)});
  Sums &sums = *p.sums;
  if (!sums.users[warp]++)
    collect(w, insn, sums);
  const Tracking &t = trackingOf(w, insn);
  for (uint32_t n : t.accumulators)
    m.state[n] |= kSum;
  for (uint32_t n : t.fragments) {
    m.state[n] |= kFragment;
    ++m.reads[n];
  }
}

void Warpgroup::issue(Warp &w, const Insn &insn) {
  Member &m = member(w);
  Product &p = productOf(w, insn, m);
  bool isFirst = !p.issued;
  attachSums(w, insn, m, p);
  if (WgmmaShape::unpack(insn.extra).fromRegisters)
    takeFragments(w, insn, p);
  readShared(w, p, isFirst);
  ++m.issued;
  p.issued |= 1u << w.index % kWarps;
  if (p.issued != 15)
    return;
  Completion policy = cta.grid.settings.completion;
  if (policy == Completion::Eager || (policy == Completion::Random && cta.random() % 3 == 0))
    run(p);
  cta.wake(Obstacle::Warpgroup);
}

void Warpgroup::commit(Warp &w) {
  Member &m = member(w);
  m.groups.push_back(m.issued);
}

bool Warpgroup::wait(Warp &w, uint32_t pending) {
  Member &m = member(w);
  if (m.groups.size() <= pending)
    return true;
  uint64_t until = m.groups[m.groups.size() - 1 - pending];
  for (uint64_t n = m.waited; n < until; ++n)
    if (products[n - first].issued != 15)
      return false;
  m.groups.erase(m.groups.begin(), m.groups.end() - pending);
  for (; m.waited < until; ++m.waited)
    finishFor(w, m, products[m.waited - first]);
  while (!products.empty() && products.front().waited == 15) {
    products.pop_front();
    ++first;
  }
  return true;
}

void Warpgroup::finishFor(Warp &w, Member &m, Product &p) {
  unsigned warp = w.index % kWarps, agent = cta.shared.products(w.index / kWarps);
  run(p);
  if (!p.waited) {
    p.stamp = ++cta.async->stamp;
    cta.shared.endRead(agent, p.rowsA.data(), p.rowsA.size(), p.stamp);
    cta.shared.endRead(agent, p.rowsB.data(), p.rowsB.size(), p.stamp);
  }
  w.clock.at[agent] = std::max(w.clock.at[agent], p.stamp);
  p.waited |= 1u << warp;
  const Tracking &t = trackingOf(w, *p.insn);
  for (uint32_t n : t.fragments)
    if (!--m.reads[n])
      m.state[n] &= ~kFragment;
  if (--p.sums->users[warp])
    return;
  for (uint32_t n : t.accumulators)
    m.state[n] &= ~kSum;
  deliver(w, p);
}

void Warpgroup::moveSome() {
  for (Product &p : products)
    if (!p.done && p.issued == 15 && cta.random() % 4 == 0)
      return run(p);
}

void Warpgroup::exit(Warp &w) const {
  const Member &m = members[w.index % kWarps];
  if (m.waited != m.issued && cta.grid.settings.checks)
    throw Fault(FaultKind::LeakedCopy, "the warp exits while its wgmma of line " +
                                           std::to_string(products[m.waited - first].insn->line) +
                                           " is in flight; expected wgmma.commit_group and wgmma.wait_group");
}

} // namespace gqa::emulator
