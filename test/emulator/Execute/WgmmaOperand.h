// Operands of wgmma in shared memory: what a matrix descriptor says, where the rows of 16 bytes lie, and the
// matrix as floats.
//
// K is always 32 bytes: two rows of 16. An operand is K-major (each row or column of the product has its K
// elements side by side) or MN-major (for each k the M or N elements lie side by side, the operand is
// transposed). Without swizzling the unit is a core matrix of 8 rows of 16 bytes, with it 8 rows of the
// pattern's 32, 64 or 128 bytes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gqa::emulator {

enum class Format : uint8_t { F16, BF16, E4M3, E5M2 };
inline unsigned elementsOf(Format f) { return f <= Format::BF16 ? 8 : 16; } ///< of 16 bytes

struct WgmmaOperand {
  uint32_t start = 0, leading = 0, stride = 0; ///< bytes
  unsigned span = 0;                           ///< of the swizzling pattern, 0 for none
  bool transposed = false;                     ///< MN-major

  /// \throws Fault for what the ISA does not define or the emulator does not model.
  static WgmmaOperand decode(uint64_t descriptor, bool transposed);
  /// Addresses of the rows of 16 bytes of an operand with `size` rows (A) or columns (B): [size][2], or of a
  /// transposed one [16][size / 8].
  std::vector<uint32_t> rows(unsigned size) const;
};

/// Rows of 16 bytes in that order to floats times `scale`: as [size][K], K = 2 * elementsOf(format) ...
void widenByRow(const std::vector<const std::byte *> &rows, Format format, bool transposed, unsigned size,
                float scale, float *to);
/// ... or as [K][size].
void widenByColumn(const std::vector<const std::byte *> &rows, Format format, bool transposed, unsigned size,
                   float scale, float *to);

/// d += a * b for `m` rows of [m][k], [k][n], [m][n]; products are exact, sums are rounded one by one in the
/// order of k.
void multiplyAdd(const float *a, const float *b, float *d, unsigned m, unsigned n, unsigned k);

} // namespace gqa::emulator
