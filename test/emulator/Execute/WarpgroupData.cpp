// What a product of a warpgroup reads and writes: accumulators and fragments in registers, operands in shared
// memory.
#include "Access.h"
#include "Async.h"
#include "Numbers.h"

#include <bit>
#include <cstring>

namespace gqa::emulator {
namespace {

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

/// Scales are 1 or -1, transposes 0 or 1.
void Warpgroup::checkLiterals(Warp &w, const Insn &insn) const {
  WgmmaShape shape = WgmmaShape::unpack(insn.extra);
  unsigned at = shape.registers() + (shape.fromRegisters ? 6 : 3), count = shape.a >= Format::E4M3 ? 2
                                                                           : shape.fromRegisters   ? 3
                                                                                                   : 4;
  for (unsigned n = 0; n < count; ++n) {
    int32_t value = *w.source<int32_t>(insn.op[at + n]);
    if (n < 2 ? value != 1 && value != -1 : value != 0 && value != 1)
      throw Fault(FaultKind::Wgmma,
                  n < 2 ? "a scale of " + std::to_string(value) + "; expected 1 or -1"
                        : "a transposition of " + std::to_string(value) + "; expected 0 or 1");
  }
}

/// The warp's rows of the sums begin with what its registers hold, which nobody may look at until the wait.
void Warpgroup::collect(Warp &w, const Insn &insn, Sums &sums) {
  WgmmaShape shape = WgmmaShape::unpack(insn.extra);
  float *rows = sums.values.data() + w.index % kWarps * kRows * sums.columns;
  for (unsigned n = 0; n < shape.registers(); ++n) {
    auto *reg = w.result<uint32_t>(insn.op[n]);
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      Cell c = cellOf(n, lane, shape.shortSums);
      float *to = rows + c.row * sums.columns + c.column;
      for (unsigned k = 0; k < c.width; ++k)
        to[k] =
            shape.shortSums ? toFloat(F16{uint16_t(reg[lane] >> 16 * k)}) : std::bit_cast<float>(reg[lane]);
      if (cta.grid.settings.completion != Completion::Eager)
        reg[lane] = ~0u; // NaN
    }
  }
}

/// The warp's rows come to its registers, as far as they still hold what the instruction named.
void Warpgroup::deliver(Warp &w, const Product &p) {
  WgmmaShape shape = WgmmaShape::unpack(p.insn->extra);
  const Sums &sums = *p.sums;
  const float *rows = sums.values.data() + w.index % kWarps * kRows * sums.columns;
  const std::vector<uint32_t> &registers = cta.grid.kernel.tracked[p.insn->tracked - 1].accumulators;
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

} // namespace gqa::emulator
