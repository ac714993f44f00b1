#include "Warpgroup.h"

#include "Access.h"
#include "Async.h"
#include "Numbers.h"

#include <algorithm>
#include <bit>
#include <cstring>

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

/// Row and column, in the warp's 16 rows, of what a lane holds in register n of an accumulator, and how many
/// columns.
struct Cell {
  unsigned row, column, width;
};
Cell cellOf(unsigned n, unsigned lane, bool isShort) {
  if (isShort)
    return {n % 2 * 8 + lane / 4, n / 2 * 8 + lane % 4 * 2, 2};
  return {n / 2 % 2 * 8 + lane / 4, n / 4 * 8 + lane % 4 * 2 + n % 2, 1};
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

/// The product that this warp issues now: a new one, or one that other warps of the group have issued before.
Warpgroup::Product &Warpgroup::productOf(Warp &w, const Insn &insn, Member &m) {
  WgmmaShape shape = WgmmaShape::unpack(insn.extra);
  const uint32_t *op = insn.op + shape.registers();
  uint64_t a = shape.fromRegisters ? 0 : *w.source<uint64_t>(op[0]);
  op += shape.fromRegisters ? 4 : 1;
  uint64_t b = *w.source<uint64_t>(op[0]);
  bool accumulates = w.predicate(op[1]) & 1;
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

/// Scales are 1 or -1, transposes 0 or 1.
void Warpgroup::checkLiterals(Warp &w, const Insn &insn) const {
  WgmmaShape shape = WgmmaShape::unpack(insn.extra);
  unsigned at = shape.registers() + (shape.fromRegisters ? 6 : 3), count = shape.a >= Format::E4M3 ? 2
                                                                           : shape.fromRegisters   ? 3
                                                                                                   : 4;
  for (unsigned n = 0; n < count; ++n) {
    int32_t value = *w.source<int32_t>(insn.op[at + n]);
    if (n < 2 ? value != 1 && value != -1 : value != 0 && value != 1)
      fail(n < 2 ? "a scale of " + std::to_string(value) + "; expected 1 or -1"
                 : "a transposition of " + std::to_string(value) + "; expected 0 or 1");
  }
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
    p.sums = std::make_shared<Sums>(Sums{shape.columns, std::vector<float>(64 * shape.columns), insn.op});
  Sums &sums = *p.sums;
  if (!sums.users[warp]++) {
    float *rows = sums.values.data() + warp * kRows * sums.columns;
    for (unsigned n = 0; n < registers; ++n) {
      auto *reg = w.result<uint32_t>(insn.op[n]);
      for (unsigned lane = 0; lane < kLanes; ++lane) {
        Cell c = cellOf(n, lane, shape.shortSums);
        float *to = rows + c.row * sums.columns + c.column;
        for (unsigned k = 0; k < c.width; ++k)
          to[k] =
              shape.shortSums ? toFloat(F16{uint16_t(reg[lane] >> 16 * k)}) : std::bit_cast<float>(reg[lane]);
        if (cta.grid.settings.completion != Completion::Eager)
          reg[lane] = ~0u; // NaN until the wait
      }
    }
  }
  const Tracking &t = trackingOf(w, insn);
  for (uint32_t n : t.accumulators)
    m.state[n] |= kSum;
  for (uint32_t n : t.fragments) {
    m.state[n] |= kFragment;
    ++m.reads[n];
  }
}

/// A register of all lanes, read as memory, is 8 rows of 16 bytes: rows 0-7 and 8-15 of the first half of K,
/// then of the second.
void Warpgroup::takeFragments(Warp &w, const Insn &insn, Product &p) {
  WgmmaShape shape = WgmmaShape::unpack(insn.extra);
  std::byte *rows = p.fragments.data() + w.index % kWarps * kRows * 32;
  for (unsigned n = 0; n < 4; ++n) {
    auto *reg = w.source<uint32_t>(insn.op[shape.registers() + n]);
    for (unsigned row = 0; row < 8; ++row)
      std::memcpy(rows + (n % 2 * 8 + row) * 32 + n / 2 * 16, reg + 4 * row, 16);
  }
}

/// The first warp looks at all of the operands, the others only at where they begin.
void Warpgroup::readShared(Warp &w, Product &p, bool isFirst) {
  WgmmaShape shape = WgmmaShape::unpack(p.insn->extra);
  SharedMemory &shared = cta.shared;
  const uint32_t *transposed = p.insn->op + shape.registers() + (shape.fromRegisters ? 8 : 5);
  auto isTransposed = [&](unsigned n) {
    bool short8 = shape.a >= Format::E4M3;
    return !short8 && *w.source<uint32_t>(transposed[n]) == 1;
  };
  auto look = [&](std::vector<uint32_t> &rows, uint64_t descriptor, bool across, unsigned size) {
    if (isFirst) {
      rows = WgmmaOperand::decode(descriptor, across).rows(size);
      for (uint32_t row : rows)
        if (!shared.contains(row, 16))
          outOfShared(w, 0, row, 16, "wgmma");
      shared.beginRead(w.access(kWholeWarp), w.fenced, rows.data(), rows.size());
    } else {
      shared.checkAsyncRead(w.access(kWholeWarp), w.fenced, rows.front());
    }
  };
  if (!shape.fromRegisters)
    look(p.rowsA, p.a, isTransposed(0), 64);
  look(p.rowsB, p.b, isTransposed(shape.fromRegisters ? 0 : 1), shape.columns);
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
  unsigned warp = w.index % kWarps;
  run(p);
  if (!p.waited) {
    p.stamp = ++cta.async->stamp;
    cta.shared.endRead(p.rowsA.data(), p.rowsA.size(), p.stamp);
    cta.shared.endRead(p.rowsB.data(), p.rowsB.size(), p.stamp);
  }
  uint32_t &agent = w.clock.at[cta.shared.agent()];
  agent = std::max(agent, p.stamp);
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

/// The warp's rows come to its registers, as far as they still hold what the instruction named.
void Warpgroup::deliver(Warp &w, const Product &p) {
  WgmmaShape shape = WgmmaShape::unpack(p.insn->extra);
  const Sums &sums = *p.sums;
  const float *rows = sums.values.data() + w.index % kWarps * kRows * sums.columns;
  const std::vector<uint32_t> &registers = trackingOf(w, *p.insn).accumulators;
  for (unsigned n = 0; n < shape.registers(); ++n) {
    const AsyncRegister &r = cta.grid.kernel.asyncRegisters[registers[n]];
    if (w.at() < r.first || w.at() > r.last)
      continue;
    auto *reg = w.result<uint32_t>(p.insn->op[n]);
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      Cell c = cellOf(n, lane, shape.shortSums);
      const float *from = rows + c.row * sums.columns + c.column;
      reg[lane] = shape.shortSums ? toF16(from[0]).bits | uint32_t(toF16(from[1]).bits) << 16
                                  : std::bit_cast<uint32_t>(from[0]);
    }
  }
}

/// Runs the product and those before it.
void Warpgroup::run(Product &last) {
  for (Product &p : products) {
    if (!p.done) {
      p.done = true;
      WgmmaShape shape = WgmmaShape::unpack(p.insn->extra);
      unsigned k = 2 * elementsOf(shape.a), n = shape.columns;
      thread_local std::vector<float> a(64 * kMostK), b(256 * kMostK);
      multiplyProduct(p, a.data(), b.data(), k, n);
    }
    if (&p == &last)
      return;
  }
}

void Warpgroup::multiplyProduct(Product &p, float *a, float *b, unsigned k, unsigned n) {
  WgmmaShape shape = WgmmaShape::unpack(p.insn->extra);
  Warp &any = *cta.running;
  const uint32_t *op = p.insn->op + shape.registers() + (shape.fromRegisters ? 6 : 3);
  auto literal = [&](unsigned at) { return static_cast<int32_t>(*any.source<uint32_t>(op[at])); };
  bool isShort8 = shape.a >= Format::E4M3;
  bool acrossA = !isShort8 && !shape.fromRegisters && literal(2);
  bool acrossB = !isShort8 && literal(shape.fromRegisters ? 2 : 3);
  std::vector<const std::byte *> rows;
  if (shape.fromRegisters)
    for (unsigned at = 0; at < p.fragments.size(); at += 16)
      rows.push_back(p.fragments.data() + at);
  for (uint32_t row : p.rowsA)
    rows.push_back(cta.shared.at(row));
  widenByRow(rows, shape.a, acrossA, 64, float(literal(0)), a);
  rows.clear();
  for (uint32_t row : p.rowsB)
    rows.push_back(cta.shared.at(row));
  widenByColumn(rows, shape.b, acrossB, n, float(literal(1)), b);
  std::vector<float> &sums = p.sums->values;
  if (!p.accumulates)
    std::fill(sums.begin(), sums.end(), 0.0f);
  multiplyAdd(a, b, sums.data(), 64, n, k);
  if (shape.shortSums)
    for (float &s : sums)
      s = toFloat(toF16(s));
  any.counters->tensorFlop += 2ull * 64 * n * k;
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
