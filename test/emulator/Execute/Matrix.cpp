// mma.sync: D = A * B + C on fragments spread over the lanes of a warp.
//
// In the 16-bit formats a register of all lanes, read as memory, is an 8 x 8 matrix in row-major order: lane
// 4g + t holds row g, columns 2t and 2t + 1. A is four of them (rows 0-7 and 8-15, then the next columns), B
// is two, each the transpose of 8 rows of k. In tf32 a register is 8 x 4: lane 4g + t holds row g, column t.
// The accumulator's f32 registers come in pairs for columns 2t and 2t + 1.
#include "Bind.h"
#include "Choose.h"
#include "WholeWarp.h"

#include <cstring>

namespace gqa::emulator {
namespace {

using Row = float __attribute__((vector_size(32))); // 8 columns of an accumulator

/// The value of each element of one register, `Columns` per row.
template <class T> struct Format;
template <> struct Format<F16> {
  static constexpr unsigned kColumns = 8;
  static void widen(const uint32_t *reg, float *to) {
    uint16_t bits[64];
    std::memcpy(bits, reg, sizeof bits);
    for (unsigned n = 0; n < 64; ++n)
      to[n] = toFloat(F16{bits[n]});
  }
};
template <> struct Format<BF16> {
  static constexpr unsigned kColumns = 8;
  static void widen(const uint32_t *reg, float *to) {
    uint16_t bits[64];
    std::memcpy(bits, reg, sizeof bits);
    for (unsigned n = 0; n < 64; ++n)
      to[n] = toFloat(BF16{bits[n]});
  }
};
struct TF32 {};
template <> struct Format<TF32> {
  static constexpr unsigned kColumns = 4;
  static void widen(const uint32_t *reg, float *to) {
    for (unsigned n = 0; n < 32; ++n)
      to[n] = std::bit_cast<float>(reg[n] & 0xFFFFE000u); // the multiplier reads 10 bits of mantissa
  }
};

/// A register of the accumulator, or a pair: columns 2t and 2t + 1 of row g.
template <class C> void loadAccumulator(const Warp &w, const uint32_t *op, float (&to)[16][8]) {
  for (unsigned half = 0; half < 2; ++half)
    if constexpr (std::is_same_v<C, float>) {
      auto *even = w.source<float>(op[2 * half]), *odd = w.source<float>(op[2 * half + 1]);
      for (unsigned l = 0; l < kLanes; ++l) {
        to[8 * half + l / 4][l % 4 * 2] = even[l];
        to[8 * half + l / 4][l % 4 * 2 + 1] = odd[l];
      }
    } else {
      Format<F16>::widen(w.source<uint32_t>(op[half]), to[8 * half]);
    }
}
template <class D> void storeAccumulator(Warp &w, const uint32_t *op, const float (&from)[16][8]) {
  for (unsigned half = 0; half < 2; ++half)
    if constexpr (std::is_same_v<D, float>) {
      auto *even = w.result<float>(op[2 * half]), *odd = w.result<float>(op[2 * half + 1]);
      for (unsigned l = 0; l < kLanes; ++l) {
        even[l] = from[8 * half + l / 4][l % 4 * 2];
        odd[l] = from[8 * half + l / 4][l % 4 * 2 + 1];
      }
    } else {
      auto *d = w.result<uint32_t>(op[half]);
      for (unsigned l = 0; l < kLanes; ++l) {
        const float *pair = &from[8 * half + l / 4][l % 4 * 2];
        d[l] = toF16(pair[0]).bits | uint32_t(toF16(pair[1]).bits) << 16;
      }
    }
}

/// T: format of A and B, D and C: of the accumulators. Products are exact, sums are rounded to f32 one by
/// one.
template <class T, unsigned K, class D, class C> void multiply(Warp &w, const Insn &i, uint32_t mask) {
  needWholeWarp(mask, "mma.sync");
  constexpr unsigned kColumns = Format<T>::kColumns, kSteps = K / kColumns;
  constexpr unsigned kD = std::is_same_v<D, float> ? 4 : 2;
  const uint32_t *a = i.op + kD, *b = a + 2 * kSteps, *c = b + kSteps;
  alignas(32) float left[kSteps][16][kColumns], right[kSteps][8][kColumns], sums[16][8];
  for (unsigned s = 0; s < kSteps; ++s) {
    Format<T>::widen(w.source<uint32_t>(a[2 * s]), left[s][0]);
    Format<T>::widen(w.source<uint32_t>(a[2 * s + 1]), left[s][8]);
    Format<T>::widen(w.source<uint32_t>(b[s]), right[s][0]);
  }
  loadAccumulator<C>(w, c, sums);
  Row columns[K];
  for (unsigned k = 0; k < K; ++k)
    for (unsigned n = 0; n < 8; ++n)
      columns[k][n] = right[k / kColumns][n][k % kColumns];
  for (unsigned m = 0; m < 16; ++m) {
    Row sum;
    std::memcpy(&sum, sums[m], sizeof sum);
    for (unsigned k = 0; k < K; ++k) {
      float x = left[k / kColumns][m][k % kColumns];
      sum = __builtin_elementwise_fma(Row{x, x, x, x, x, x, x, x}, columns[k], sum);
    }
    std::memcpy(sums[m], &sum, sizeof sum);
  }
  storeAccumulator<D>(w, i.op, sums);
  w.counters->tensorFlop += 2ull * 16 * 8 * K;
}

template <class T, unsigned K> Handler withAccumulators(const Match &m) {
  bool shortD = m.type(0) == Type::F16, shortC = m.type(3) == Type::F16;
  if constexpr (std::is_same_v<T, F16>) {
    if (shortD)
      return shortC ? &multiply<T, K, F16, F16> : &multiply<T, K, F16, float>;
    if (shortC)
      return &multiply<T, K, float, F16>;
  }
  return shortD || shortC ? nullptr : &multiply<T, K, float, float>;
}

} // namespace

namespace bind {

Handler mma(Match &m) {
  if (m.type(1) != m.type(2))
    return nullptr;
  Type t = m.type(1);
  if (m.has("m16n8k16"))
    return t == Type::F16    ? withAccumulators<F16, 16>(m)
           : t == Type::BF16 ? withAccumulators<BF16, 16>(m)
                             : nullptr;
  if (m.has("m16n8k8"))
    return t == Type::F16    ? withAccumulators<F16, 8>(m)
           : t == Type::BF16 ? withAccumulators<BF16, 8>(m)
                             : withAccumulators<TF32, 8>(m);
  return t == Type::TF32 ? withAccumulators<TF32, 4>(m) : nullptr;
}

} // namespace bind
} // namespace gqa::emulator
