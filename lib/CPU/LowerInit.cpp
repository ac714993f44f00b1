// tile.init: no key seen yet, or one with the score of a sink.
#include "TileLowering.h"

#include <limits>

using namespace mlir;

namespace gqa {

void lowerInit(tile::InitOp op, const CPUTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getO().getType()).getElementType());
  Value zero = b.index(0), none = b.scalar(-std::numeric_limits<double>::infinity()), empty = b.splat(0.0);
  b.forEach(zero, b.size(op.getO(), 0), 1, [&](Value line) {
    b.forEach(zero, b.size(op.getO(), 1), b.lanes,
              [&](Value at) { b.storeVector(empty, op.getO(), {line, at}); });
  });
  b.forEach(zero, b.size(op.getM(), 0), 1, [&](Value row) {
    b.store(none, op.getM(), row);
    b.store(b.scalar(0.0), op.getL(), row);
  });
  if (Value sinks = op.getSinks())
    b.forEach(zero, b.size(sinks, 0), 1, [&](Value head) {
      Value sink = b.load(sinks, head), first = b.mul(head, op.getQueries());
      sink = sink.getType().getIntOrFloatBitWidth() > b.element.getWidth() ? b.narrow(sink, b.element)
                                                                           : b.widen(sink, b.element);
      Value sum = b.select(b.equal(sink, none), b.scalar(0.0), b.scalar(1.0));
      Value maximum = b.divF(sink, op.getScale());
      b.forEach(first, b.add(first, op.getQueries()), 1, [&](Value row) {
        b.store(maximum, op.getM(), row);
        b.store(sum, op.getL(), row);
      });
    });
  op.erase();
}

} // namespace gqa
