// tile.mask: the band, by writing -inf where it is not.
#include "TileLowering.h"

#include <limits>

using namespace mlir;

namespace gqa {
namespace {

/// Hides what lies outside of the band by storing -inf there: the fewer, the cheaper, and no comparison for
/// what is visible.
class Band {
public:
  Band(tile::MaskOp op, VectorBuilder &b)
      : op(op), b(b), s(op.getS()), none(b.scalar(-std::numeric_limits<double>::infinity())) {}

  /// One key after the other: the queries of a head that see it are an interval.
  void build() {
    Value zero = b.index(0), heads = b.div(b.size(s, 1), op.getQueries());
    // i' + first <= j' and j' <= i' + last, solved for i'.
    Value first = op.getLast() ? b.sub(zero, op.getLast()) : Value();
    Value last = op.getFirst() ? b.sub(zero, op.getFirst()) : Value();
    b.forEach(zero, op.getKeys(), 1, [&](Value key) {
      Value from = b.sub(b.add(op.getJ(), key), op.getI());
      std::pair<Value, Value> seeing = interval(first, last, from, op.getQueries());
      b.forEach(zero, heads, 1, [&](Value head) {
        Value row = b.mul(head, op.getQueries());
        hide(key, row, b.add(row, seeing.first));
        hide(key, b.add(row, seeing.second), b.add(row, op.getQueries()));
      });
    });
  }

private:
  /// [from + first, from + last], cut to [0, size), as a half-open interval.
  std::pair<Value, Value> interval(Value first, Value last, Value from, Value size) {
    Value zero = b.index(0), low = zero, high = size;
    if (last)
      high = b.max(b.min(b.add(b.add(from, last), b.index(1)), size), zero);
    if (first)
      low = b.min(b.max(b.add(from, first), zero), high);
    return {low, high};
  }

  void hide(Value key, Value from, Value to) {
    b.forEach(from, to, 1, [&](Value row) { b.store(none, s, {key, row}); });
  }

  tile::MaskOp op;
  VectorBuilder &b;
  Value s, none;
};

} // namespace

void lowerMask(tile::MaskOp op, const CPUTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getS().getType()).getElementType());
  Band(op, b).build();
  op.erase();
}

} // namespace gqa
