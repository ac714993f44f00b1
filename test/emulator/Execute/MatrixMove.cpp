// ldmatrix, stmatrix, movmatrix: 8 x 8 matrices of 16-bit elements between shared memory and registers. A
// register of all lanes, read as memory, is such a matrix in row-major order; lane 8n + r gives the address
// of row r of matrix n.
#include "Access.h"
#include "Bind.h"
#include "Lanes.h"
#include "Suffixes.h"
#include "WholeWarp.h"

namespace gqa::emulator {
namespace {

struct Matrix {
  uint16_t at[8][8];
  Matrix transposed() const {
    Matrix t;
    for (unsigned r = 0; r < 8; ++r)
      for (unsigned c = 0; c < 8; ++c)
        t.at[c][r] = at[r][c];
    return t;
  }
};
static_assert(sizeof(Matrix) == kLanes * sizeof(uint32_t));

/// The shared address of a row, which a generic pointer may also give.
uint32_t rowAddress(Warp &w, const Insn &i, unsigned lane, uint64_t address, const char *what) {
  w.faultLane = lane;
  Place place = resolve(w, i.space, address);
  if (place.space != Space::Shared)
    throw Fault(FaultKind::OutOfBounds, std::string(what) + " of a row that is not in shared memory");
  if (place.address % 16)
    misaligned(w, lane, place.address, 16, what);
  if (!w.cta.shared.contains(place.address, 16))
    outOfShared(w, lane, place.address, 16, what);
  return place.address;
}

void countRows(Warp &w, const uint64_t *rows, unsigned matrices) {
  for (unsigned n = 0; n < matrices; ++n)
    w.counters->sharedWavefronts += wavefrontsOfRows(rows + 8 * n, 8);
  w.counters->sharedIdeal += matrices;
  ++w.counters->sharedRequests;
  w.counters->sharedBytes += 128 * matrices;
}

template <bool Transpose> void loadMatrices(Warp &w, const Insn &i, uint32_t mask) {
  needWholeWarp(mask, "ldmatrix");
  uint64_t address[kLanes];
  unsigned matrices = i.vector;
  addresses(w, i, matrices, 0, address);
  SharedMemory &shared = w.cta.shared;
  SharedMemory::Access access = w.access(kWholeWarp);
  for (unsigned n = 0; n < matrices; ++n) {
    Matrix m;
    for (unsigned r = 0; r < 8; ++r) {
      uint32_t from = rowAddress(w, i, 8 * n + r, address[8 * n + r], "ldmatrix");
      shared.read(access, from, 16);
      std::memcpy(m.at[r], shared.at(from), 16);
    }
    if (Transpose)
      m = m.transposed();
    std::memcpy(w.result<uint32_t>(i.op[n]), &m, sizeof m);
  }
  countRows(w, address, matrices);
}

template <bool Transpose> void storeMatrices(Warp &w, const Insn &i, uint32_t mask) {
  needWholeWarp(mask, "stmatrix");
  uint64_t address[kLanes];
  addresses(w, i, 0, 0, address);
  unsigned matrices = i.vector;
  for (unsigned n = 0; n < matrices; ++n) {
    Matrix m;
    std::memcpy(&m, w.source<uint32_t>(i.op[1 + n]), sizeof m);
    if (Transpose)
      m = m.transposed();
    for (unsigned r = 0; r < 8; ++r) {
      uint32_t to = rowAddress(w, i, 8 * n + r, address[8 * n + r], "stmatrix");
      w.cta.shared.write(w.access(kWholeWarp), to, 16, m.at[r]);
    }
  }
  countRows(w, address, matrices);
}

unsigned matricesOf(const Match &m) { return m.has("x4") ? 4 : m.has("x2") ? 2 : 1; }

} // namespace

namespace bind {

Handler ldmatrix(Match &m) {
  m.insn->vector = matricesOf(m);
  m.insn->space = spaceOf(m);
  return m.has("trans") ? &loadMatrices<true> : &loadMatrices<false>;
}
Handler stmatrix(Match &m) {
  m.insn->vector = matricesOf(m);
  m.insn->space = spaceOf(m);
  return m.has("trans") ? &storeMatrices<true> : &storeMatrices<false>;
}
Handler movmatrix(Match &) {
  return [](Warp &w, const Insn &i, uint32_t mask) {
    needWholeWarp(mask, "movmatrix");
    Matrix m;
    std::memcpy(&m, w.source<uint32_t>(i.op[1]), sizeof m);
    m = m.transposed();
    std::memcpy(w.result<uint32_t>(i.op[0]), &m, sizeof m);
  };
}

} // namespace bind
} // namespace gqa::emulator
