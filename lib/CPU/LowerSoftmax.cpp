// tile.init and tile.softmax_step: the running maximum and sum of the rows of a tile.
#include "TileLowering.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>

using namespace mlir;

namespace gqa {

static constexpr double kHidden = -std::numeric_limits<double>::infinity();

static Value reduce(VectorBuilder &b, vector::CombiningKind kind, Value vector) {
  return vector::ReductionOp::create(b, kind, vector, arith::FastMathFlags::reassoc);
}

void lowerInit(tile::InitOp op, const VectorTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getO().getType()).getElementType());
  Value zero = b.index(0), rows = b.size(op.getO(), 0), none = b.scalar(kHidden), empty = b.splat(0.0);
  b.forEach(zero, rows, 1, [&](Value row) {
    b.forEach(zero, b.size(op.getO(), 1), b.lanes,
              [&](Value d) { b.storeVector(empty, op.getO(), {row, d}); });
    if (op.getSinks())
      return;
    b.store(none, op.getM(), row);
    b.store(b.scalar(0.0), op.getL(), row);
  });
  if (Value sinks = op.getSinks()) {
    Value heads = b.size(sinks, 0), queries = b.div(rows, b.max(heads, b.index(1)));
    b.forEach(zero, heads, 1, [&](Value head) {
      Value sink = b.load(sinks, head), first = b.mul(head, queries);
      sink = sink.getType().getIntOrFloatBitWidth() > b.element.getWidth() ? b.narrow(sink, b.element)
                                                                           : b.widen(sink, b.element);
      Value sum = b.select(b.equal(sink, none), b.scalar(0.0), b.scalar(1.0));
      b.forEach(first, b.add(first, queries), 1, [&](Value row) {
        b.store(sink, op.getM(), row);
        b.store(sum, op.getL(), row);
      });
    });
  }
  op.erase();
}

namespace {

class SoftmaxStep {
public:
  SoftmaxStep(tile::SoftmaxStepOp op, VectorBuilder &b) : op(op), b(b), s(op.getS()) {}

  void build() {
    end = b.roundUp(op.getKeys(), b.lanes);
    b.forEach(b.index(0), b.size(s, 0), 1, [&](Value row) { buildRow(row); });
  }

private:
  void buildRow(Value row) {
    Value old = b.load(op.getM(), row), none = b.scalar(kHidden);
    // NaN is left out of the maximum: it comes back as a NaN probability, and so in the sum.
    Value maxima = b.fold(b.index(0), end, b.lanes, b.splat(none), [&](Value column, ValueRange so) {
      return SmallVector<Value>{b.maxKeepFirst(so[0], b.loadVector(s, {row, column}))};
    })[0];
    Value maximum = b.maxKeepFirst(old, reduce(b, vector::CombiningKind::MAXNUMF, maxima));
    // Where nothing has been seen yet, any finite number does.
    Value shift = b.select(b.equal(maximum, none), b.scalar(0.0), maximum);
    Value alpha = b.exp(b.subF(old, shift));
    Value sums = probabilities(row, b.splat(shift));
    Value total = reduce(b, vector::CombiningKind::ADD, sums);
    b.store(b.fma(b.load(op.getL(), row), alpha, total), op.getL(), row);
    b.store(maximum, op.getM(), row);
    b.store(alpha, op.getAlpha(), row);
  }

  Value probabilities(Value row, Value shift) {
    Value none = b.splat(kHidden), hidden = b.splat(-0.0);
    return b.fold(b.index(0), end, b.lanes, b.splat(0.0), [&](Value column, ValueRange sum) {
      Value score = b.loadVector(s, {row, column});
      Value p = b.select(b.equal(score, none), hidden, b.exp(b.subF(score, shift)));
      b.storeVector(p, s, {row, column});
      return SmallVector<Value>{b.addF(sum[0], p)};
    })[0];
  }

  tile::SoftmaxStepOp op;
  VectorBuilder &b;
  Value s, end;
};

} // namespace

void lowerSoftmaxStep(tile::SoftmaxStepOp op, const VectorTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getS().getType()).getElementType());
  SoftmaxStep(op, b).build();
  op.erase();
}

} // namespace gqa
