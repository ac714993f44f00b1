// tile.init, and tile.softmax_step with few rows: one row after the other, lanes along its keys.
#include "TileLowering.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>

using namespace mlir;

namespace gqa {

void lowerSoftmaxStepTransposed(tile::SoftmaxStepOp op, VectorBuilder &b);

static constexpr double kHidden = -std::numeric_limits<double>::infinity();

static Value reduce(VectorBuilder &b, vector::CombiningKind kind, Value vector) {
  return vector::ReductionOp::create(b, kind, vector, arith::FastMathFlags::reassoc);
}

void lowerInit(tile::InitOp op, const CPUTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getO().getType()).getElementType());
  Value zero = b.index(0), none = b.scalar(kHidden), empty = b.splat(0.0);
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

namespace {

class SoftmaxStep {
public:
  SoftmaxStep(tile::SoftmaxStepOp op, VectorBuilder &b) : op(op), b(b), s(op.getS()) {}

  void build() {
    end = b.roundUp(op.getKeys(), b.lanes);
    none = b.scalar(kHidden);
    Value rows = b.size(s, 0);
    least = b.splat(0.0);
    // Several rows at a time: each is one long chain of dependent operations.
    int64_t together = b.target.registers >= 32 ? 4 : 2;
    int64_t known = getConstantIntValue(rows).value_or(0), whole = known / together * together;
    buildRows(b.index(0), b.index(whole), together);
    if (known)
      buildRows(b.index(whole), rows, known - whole);
    else
      buildRows(b.index(0), rows, 1);
    Value lowest = reduce(b, vector::CombiningKind::MINNUMF, least);
    op.getHidden().replaceAllUsesWith(b.equal(lowest, none));
  }

private:
  using Values = SmallVector<Value>;

  /// The rows from `begin` to `end`, `count` at a time.
  void buildRows(Value begin, Value end, int64_t count) {
    if (count == 0 || begin == end || getConstantIntValue(begin) == getConstantIntValue(end))
      return;
    least = b.fold(begin, end, count, least, [&](Value row, ValueRange so) {
      Values rows;
      for (int64_t i = 0; i < count; ++i)
        rows.push_back(b.add(row, b.index(i)));
      return Values{buildGroup(rows, so[0])};
    })[0];
  }

  /// Returns `lowest` with the least scores of the rows joined in.
  Value buildGroup(ArrayRef<Value> rows, Value lowest) {
    Values bounds(rows.size(), b.splat(none));
    bounds.push_back(lowest);
    bounds = b.fold(b.index(0), end, b.lanes, bounds, [&](Value column, ValueRange so) {
      Values next;
      Value smallest = so.back();
      for (auto [row, largest] : llvm::zip(rows, so)) {
        // NaN is left out of the maximum: it comes back as a NaN probability, and so in the sum.
        Value scores = b.loadVector(s, {row, column});
        next.push_back(b.maxKeepFirst(largest, scores));
        smallest = b.minKeepFirst(smallest, scores);
      }
      next.push_back(smallest);
      return next;
    });
    Values shifts, alphas;
    for (auto [row, largest] : llvm::zip(rows, bounds)) {
      Value old = b.load(op.getM(), row);
      Value maximum = b.maxKeepFirst(old, reduce(b, vector::CombiningKind::MAXNUMF, largest));
      // Where nothing has been seen yet, any finite number does.
      Value shift = b.select(b.equal(maximum, none), b.scalar(0.0), maximum);
      alphas.push_back(b.exp(b.subF(old, shift), op.getScale()));
      shifts.push_back(b.splat(shift));
      b.store(maximum, op.getM(), row);
      b.store(alphas.back(), op.getAlpha(), row);
    }
    for (auto [row, alpha, sums] : llvm::zip(rows, alphas, probabilities(rows, shifts))) {
      Value total = reduce(b, vector::CombiningKind::ADD, sums);
      b.store(b.fma(b.load(op.getL(), row), alpha, total), op.getL(), row);
    }
    return bounds.back();
  }

  /// Stores them in place of the scores; returns their sums.
  Values probabilities(ArrayRef<Value> rows, ArrayRef<Value> shifts) {
    Value hiddenScore = b.splat(none), hidden = b.splat(-0.0), scale = b.splat(op.getScale());
    Values zeros(rows.size(), b.splat(0.0));
    return b.fold(b.index(0), end, b.lanes, zeros, [&](Value column, ValueRange so) {
      Values next;
      for (auto [row, shift, sum] : llvm::zip(rows, shifts, so)) {
        Value score = b.loadVector(s, {row, column});
        Value p = b.exp(b.subF(score, shift), scale);
        p = b.select(b.equal(score, hiddenScore), hidden, p);
        b.storeVector(p, s, {row, column});
        next.push_back(b.addF(sum, p));
      }
      return next;
    });
  }

  tile::SoftmaxStepOp op;
  VectorBuilder &b;
  Value s, end, none, least;
};

} // namespace

void lowerSoftmaxStep(tile::SoftmaxStepOp op, const CPUTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getS().getType()).getElementType());
  if (op.getTransposed())
    lowerSoftmaxStepTransposed(op, b);
  else
    SoftmaxStep(op, b).build();
  op.erase();
}

} // namespace gqa
