#include "WgmmaOperand.h"

#include "Fault.h"
#include "Numbers.h"
#include "TensorMap.h"

#include <cstring>

namespace gqa::emulator {
namespace {

using Row = float __attribute__((vector_size(32)));

/// Sixteen bytes to 8 or 16 floats.
template <Format F> [[gnu::always_inline]] inline void widen(const std::byte *from, float scale, float *to) {
  if constexpr (F == Format::F16 || F == Format::BF16) {
    uint16_t bits[8];
    std::memcpy(bits, from, sizeof bits);
    for (unsigned n = 0; n < 8; ++n)
      to[n] = scale * (F == Format::F16 ? toFloat(F16{bits[n]}) : toFloat(BF16{bits[n]}));
  } else {
    const std::array<float, 256> &values = byteValues<F == Format::E4M3 ? 4 : 5>();
    for (unsigned n = 0; n < 16; ++n)
      to[n] = scale * values[static_cast<uint8_t>(from[n])];
  }
}

/// Eight rows of eight floats to eight columns.
inline void transpose(const float (&rows)[8][16], unsigned from, float *to, size_t pitch) {
  Row r[8], s[8];
  for (unsigned n = 0; n < 8; ++n)
    std::memcpy(&r[n], &rows[n][from], sizeof r[n]);
  for (unsigned n = 0; n < 8; n += 2) {
    s[n] = __builtin_shufflevector(r[n], r[n + 1], 0, 8, 2, 10, 4, 12, 6, 14);
    s[n + 1] = __builtin_shufflevector(r[n], r[n + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  }
  for (unsigned n = 0; n < 8; n += 4)
    for (unsigned k = 0; k < 2; ++k) {
      r[n + k] = __builtin_shufflevector(s[n + k], s[n + k + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      r[n + k + 2] = __builtin_shufflevector(s[n + k], s[n + k + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  for (unsigned n = 0; n < 4; ++n) {
    s[n] = __builtin_shufflevector(r[n], r[n + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    s[n + 4] = __builtin_shufflevector(r[n], r[n + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
  for (unsigned n = 0; n < 8; ++n)
    std::memcpy(to + n * pitch, &s[n], sizeof s[n]);
}

/// The matrix whose rows have `length` elements, one row behind the other in `rows`.
template <Format F> void widenAlong(const std::vector<const std::byte *> &rows, float scale, float *to) {
  constexpr unsigned kElements = F <= Format::BF16 ? 8 : 16;
  for (size_t n = 0; n < rows.size(); ++n)
    widen<F>(rows[n], scale, to + n * kElements);
}

/// Its transpose. There are `perRow` rows of 16 bytes for each row of the matrix.
template <Format F>
void widenAcross(const std::vector<const std::byte *> &rows, unsigned perRow, float scale, float *to) {
  constexpr unsigned kElements = F <= Format::BF16 ? 8 : 16;
  size_t count = rows.size() / perRow;
  for (size_t first = 0; first < count; first += 8)
    for (unsigned c = 0; c < perRow; ++c) {
      alignas(32) float block[8][16];
      for (unsigned n = 0; n < 8; ++n)
        widen<F>(rows[(first + n) * perRow + c], scale, block[n]);
      for (unsigned e = 0; e < kElements; e += 8)
        transpose(block, e, to + (c * kElements + e) * count + first, count);
    }
}

void widenTo(const std::vector<const std::byte *> &rows, Format format, bool across, unsigned perRow,
             float scale, float *to) {
  auto with = [&]<Format F>() {
    across ? widenAcross<F>(rows, perRow, scale, to) : widenAlong<F>(rows, scale, to);
  };
  switch (format) {
  case Format::F16:
    return with.operator()<Format::F16>();
  case Format::BF16:
    return with.operator()<Format::BF16>();
  case Format::E4M3:
    return with.operator()<Format::E4M3>();
  case Format::E5M2:
    return with.operator()<Format::E5M2>();
  }
}

/// Four rows of a and 8 * Vectors columns: the sums stay in registers.
template <unsigned Vectors>
[[gnu::always_inline]] inline void multiplyBlock(const float *a, const float *b, float *d, unsigned n,
                                                 unsigned k) {
  Row sums[4][Vectors];
  for (unsigned r = 0; r < 4; ++r)
    for (unsigned v = 0; v < Vectors; ++v)
      std::memcpy(&sums[r][v], d + r * n + 8 * v, sizeof(Row));
  for (unsigned at = 0; at < k; ++at) {
    Row columns[Vectors];
    std::memcpy(columns, b + at * n, sizeof columns);
    for (unsigned r = 0; r < 4; ++r) {
      float x = a[r * k + at];
      for (unsigned v = 0; v < Vectors; ++v)
        sums[r][v] = __builtin_elementwise_fma(Row{x, x, x, x, x, x, x, x}, columns[v], sums[r][v]);
    }
  }
  for (unsigned r = 0; r < 4; ++r)
    for (unsigned v = 0; v < Vectors; ++v)
      std::memcpy(d + r * n + 8 * v, &sums[r][v], sizeof(Row));
}

} // namespace

WgmmaOperand WgmmaOperand::decode(uint64_t descriptor, bool transposed) {
  constexpr uint64_t kReserved = 0x3FF1C000C000C000u;
  auto field = [&](unsigned at) { return static_cast<uint32_t>(descriptor >> at & 0x3FFF) << 4; };
  auto fail = [&](const char *what) {
    char text[32];
    std::snprintf(text, sizeof text, "0x%016llx", static_cast<unsigned long long>(descriptor));
    throw Fault(FaultKind::Wgmma, std::string("the matrix descriptor ") + text + " has " + what);
  };
  if (descriptor & kReserved)
    fail("bits outside of its fields; expected an address and offsets below 2^18 bytes");
  if (descriptor >> 49 & 7)
    fail("a base offset, which is not modelled; expected a pattern that starts where it repeats");
  constexpr unsigned kSpans[] = {0, 128, 64, 32};
  return {field(0), field(16), field(32), kSpans[descriptor >> 62], transposed};
}

std::vector<uint32_t> WgmmaOperand::rows(unsigned size) const {
  std::vector<uint32_t> addresses;
  unsigned pitch = span ? span : 16, lines = transposed ? 16 : size, perLine = transposed ? size / 8 : 2;
  unsigned wide = span / 16; // rows of 16 bytes in a line of the pattern
  addresses.reserve(lines * perLine);
  for (unsigned line = 0; line < lines; ++line)
    for (unsigned c = 0; c < perLine; ++c) {
      uint32_t at = start + line % 8 * pitch;
      if (!transposed)
        at += line / 8 * stride + (span ? c * 16 : c * leading);
      else if (span)
        at += line / 8 * stride + c / wide * leading + c % wide * 16;
      else
        at += line / 8 * leading + c * stride;
      addresses.push_back(swizzled(at, span));
    }
  return addresses;
}

void widenByRow(const std::vector<const std::byte *> &rows, Format format, bool transposed, unsigned size,
                float scale, float *to) {
  widenTo(rows, format, transposed, size / 8, scale, to);
}

void widenByColumn(const std::vector<const std::byte *> &rows, Format format, bool transposed, unsigned,
                   float scale, float *to) {
  widenTo(rows, format, !transposed, 2, scale, to);
}

void multiplyAdd(const float *a, const float *b, float *d, unsigned m, unsigned n, unsigned k) {
  unsigned at = 0;
  for (; at + 16 <= n; at += 16)
    for (unsigned row = 0; row < m; row += 4)
      multiplyBlock<2>(a + row * k, b + at, d + row * n + at, n, k);
  for (unsigned row = 0; at < n && row < m; row += 4)
    multiplyBlock<1>(a + row * k, b + at, d + row * n + at, n, k);
}

} // namespace gqa::emulator
