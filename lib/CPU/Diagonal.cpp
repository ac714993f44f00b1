// Keys that need not be multiplied, as the mask hides them from a whole block of rows.
#include "Diagonal.h"

using namespace mlir;

namespace gqa {

Diagonal::Diagonal(VectorBuilder &b, Value rows, Value keys, Value period, Value last)
    : b(b), keys(keys), period(period), last(last) {
  std::optional<int64_t> all = getConstantIntValue(rows);
  std::optional<int64_t> ofHead = period ? getConstantIntValue(period) : std::nullopt;
  isOneHead = all && ofHead && 2 * *ofHead > *all;
}

Value Diagonal::keysSeen(Value row, int64_t count) {
  if (!period)
    return keys;
  Value query = b.add(row, b.index(count - 1));
  if (!isOneHead) // the query of the last row, or the last one of a head that ends among them
    query = b.min(b.add(b.rem(row, period), b.index(count - 1)), b.sub(period, b.index(1)));
  return b.min(b.max(b.add(query, b.add(last, b.index(1))), b.index(0)), keys);
}

} // namespace gqa
