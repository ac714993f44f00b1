// tile.merge: the states of two parts of the keys become one.
#include "TileLowering.h"

#include <limits>

using namespace mlir;

namespace gqa {

void lowerMerge(tile::MergeOp op, const CPUTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getO().getType()).getElementType());
  Value none = b.scalar(-std::numeric_limits<double>::infinity());
  b.forEach(b.index(0), b.size(op.getO(), 0), 1, [&](Value row) {
    Value m = b.load(op.getM(), row), m0 = b.load(op.getM0(), row);
    Value maximum = b.maxKeepFirst(m, m0);
    // Where neither has seen a key, any finite number does.
    Value shift = b.select(b.equal(maximum, none), b.scalar(0.0), maximum);
    auto weightOf = [&](Value x) { return b.exp(b.subF(x, shift), op.getScale()); };
    Value weight = weightOf(m), weight0 = weightOf(m0);
    b.store(maximum, op.getM(), row);
    Value sum = b.mulF(b.load(op.getL0(), row), weight0);
    b.store(b.fma(b.load(op.getL(), row), weight, sum), op.getL(), row);
    Value weights = b.splat(weight), weights0 = b.splat(weight0);
    b.forEach(b.index(0), b.size(op.getO(), 1), b.lanes, [&](Value d) {
      Value part = b.mulF(b.loadVector(op.getO0(), {row, d}), weights0);
      b.storeVector(b.fma(b.loadVector(op.getO(), {row, d}), weights, part), op.getO(), {row, d});
    });
  });
  op.erase();
}

} // namespace gqa
