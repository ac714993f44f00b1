// The part of a tile that a causal attention leaves visible.
#ifndef GQA_LIB_CPU_DIAGONAL_H
#define GQA_LIB_CPU_DIAGONAL_H

#include "VectorBuilder.h"

namespace gqa {

/// The `diagonal` of a product of tiles. Row r is that of query `r mod period`, which sees the keys up to
/// `r mod period + last`; without a period every row sees all `keys`.
class Diagonal {
public:
  using Value = mlir::Value;

  Diagonal(VectorBuilder &b, Value rows, Value keys, Value period, Value last);

  /// The most keys that one of the rows from `row` on, `count` of them, sees.
  Value keysSeen(Value row, int64_t count);

private:
  VectorBuilder &b;
  Value keys, period, last;
  bool isOneHead; // apart from rows that do not count
};

} // namespace gqa

#endif // GQA_LIB_CPU_DIAGONAL_H
