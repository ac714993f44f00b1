// tile.softmax_step with many rows: lanes are rows, and everything is elementwise.
#include "TileLowering.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>

using namespace mlir;

namespace gqa {
namespace {

class SoftmaxStep {
public:
  SoftmaxStep(tile::SoftmaxStepOp op, VectorBuilder &b)
      : op(op), b(b), s(op.getS()), none(b.splat(-std::numeric_limits<double>::infinity())),
        scale(b.splat(op.getScale())) {}

  void build() {
    Value lanes = b.index(b.lanes), vectors = b.div(b.size(s, 1), lanes), zero = b.index(0);
    SmallVector<Value> least = {b.splat(0.0)};
    Value done = zero;
    if (b.target.registers >= 32) { // two at a time: the exponential of one fills the gaps of the other's
      Value pairs = b.div(vectors, b.index(2));
      least = b.fold(zero, pairs, 1, least, [&](Value pair, ValueRange so) {
        Value row = b.mul(pair, b.index(2 * b.lanes));
        return SmallVector<Value>{buildVectors({row, b.add(row, lanes)}, so[0])};
      });
      done = b.mul(pairs, b.index(2));
    }
    least = b.fold(done, vectors, 1, least, [&](Value vector, ValueRange so) {
      return SmallVector<Value>{buildVectors({b.mul(vector, lanes)}, so[0])};
    });
    Value lowest = vector::ReductionOp::create(b, vector::CombiningKind::MINNUMF, least[0],
                                               arith::FastMathFlags::reassoc);
    op.getHidden().replaceAllUsesWith(b.equal(lowest, b.scalar(-std::numeric_limits<double>::infinity())));
  }

private:
  /// The rows at `at`, a vector each. Returns `least` with their least scores joined in.
  Value buildVectors(ArrayRef<Value> at, Value least) {
    SmallVector<Value> bounds(at.size(), none);
    bounds.push_back(least);
    bounds = b.fold(b.index(0), op.getKeys(), 1, bounds, [&](Value key, ValueRange so) {
      SmallVector<Value> next;
      Value lowest = so.back();
      for (auto [row, maximum] : llvm::zip(at, so)) {
        Value scores = b.loadVector(s, {key, row});
        next.push_back(b.maxKeepFirst(maximum, scores)); // NaN comes back as a probability
        lowest = b.minKeepFirst(lowest, scores);
      }
      next.push_back(lowest);
      return next;
    });
    SmallVector<Value> shifts, alphas;
    for (auto [row, largest] : llvm::zip(at, bounds)) {
      Value old = b.loadVector(op.getM(), row);
      Value maximum = b.maxKeepFirst(old, largest);
      // Where nothing has been seen yet, any finite number does.
      shifts.push_back(b.select(b.equal(maximum, none), b.splat(0.0), maximum));
      alphas.push_back(b.exp(b.subF(old, shifts.back()), scale));
      b.storeVector(maximum, op.getM(), row);
      b.storeVector(alphas.back(), op.getAlpha(), row);
    }
    // From zero, not from l: short sums round less, and l joins them in one step.
    for (auto [row, alpha, sum] : llvm::zip(at, alphas, probabilities(at, shifts)))
      b.storeVector(b.fma(b.loadVector(op.getL(), row), alpha, sum), op.getL(), row);
    return bounds.back();
  }

  /// Stores them in place of the scores; returns their sums.
  SmallVector<Value> probabilities(ArrayRef<Value> at, ArrayRef<Value> shifts) {
    Value hidden = b.splat(-0.0);
    SmallVector<Value> zeros(at.size(), b.splat(0.0));
    return b.fold(b.index(0), op.getKeys(), 1, zeros, [&](Value key, ValueRange so) {
      SmallVector<Value> next;
      for (auto [row, shift, sum] : llvm::zip(at, shifts, so)) {
        Value score = b.loadVector(s, {key, row});
        Value p = b.exp(b.subF(score, shift), scale);
        p = b.select(b.equal(score, none), hidden, p);
        b.storeVector(p, s, {key, row});
        next.push_back(b.addF(sum, p));
      }
      return next;
    });
  }

  tile::SoftmaxStepOp op;
  VectorBuilder &b;
  Value s, none, scale;
};

} // namespace

void lowerSoftmaxStepTransposed(tile::SoftmaxStepOp op, VectorBuilder &b) { SoftmaxStep(op, b).build(); }

} // namespace gqa
