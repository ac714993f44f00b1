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
      : op(op), b(b), s(op.getS()), keys(op.getKeys()),
        none(b.splat(-std::numeric_limits<double>::infinity())), scale(b.splat(op.getScale())) {}

  void build() {
    if (op.getP())
      hideRest();
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
  /// Products of interleaved operands take keys in whole registers.
  void hideRest() {
    Value whole = b.roundUp(keys, tile::kRegisterDepth);
    b.forEach(keys, whole, 1, [&](Value key) {
      b.forEach(b.index(0), b.size(s, 1), b.lanes, [&](Value row) { b.storeVector(none, s, {key, row}); });
    });
    keys = whole;
  }

  /// The rows at `at`, a vector each. Returns `least` with their least scores joined in.
  Value buildVectors(ArrayRef<Value> at, Value least) {
    SmallVector<Value> bounds(at.size(), none);
    bounds.push_back(least);
    bounds = b.fold(b.index(0), keys, 1, bounds, [&](Value key, ValueRange so) {
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

  /// Stores them in place of the scores, or interleaved; returns their sums.
  SmallVector<Value> probabilities(ArrayRef<Value> at, ArrayRef<Value> shifts) {
    Value hidden = b.splat(-0.0);
    SmallVector<Value> zeros(at.size(), b.splat(0.0));
    auto probability = [&](Value key, Value row, Value shift) {
      Value score = b.loadVector(s, {key, row});
      Value p = b.exp(b.subF(score, shift), scale);
      return b.select(b.equal(score, none), hidden, p);
    };
    return b.fold(b.index(0), keys, op.getP() ? 2 : 1, zeros, [&](Value key, ValueRange so) {
      SmallVector<Value> next;
      for (auto [row, shift, sum] : llvm::zip(at, shifts, so)) {
        Value p = probability(key, row, shift), total = b.addF(sum, p);
        if (op.getP()) {
          Value odd = probability(b.add(key, b.index(1)), row, shift);
          total = b.addF(total, odd);
          storePair(key, row, p, odd);
        } else {
          b.storeVector(p, s, {key, row});
        }
        next.push_back(total);
      }
      return next;
    });
  }

  /// Two keys of each row as a word, rounded to the nearest even. A NaN may become any number here: it is in
  /// the row's sum as well, which the row will be divided by.
  void storePair(Value key, Value row, Value even, Value odd) {
    VectorType words = b.vectorOf(b.getI32Type());
    auto constant = [&](int32_t bits) -> Value {
      return arith::ConstantOp::create(b,
                                       DenseElementsAttr::get(words, Attribute(b.getI32IntegerAttr(bits))));
    };
    Value sixteen = constant(16), one = constant(1), bias = constant(0x7fff);
    auto rounded = [&](Value value) -> Value {
      Value bits = arith::BitcastOp::create(b, words, value);
      Value isOdd = arith::AndIOp::create(b, arith::ShRUIOp::create(b, bits, sixteen), one);
      return arith::AddIOp::create(b, bits, arith::AddIOp::create(b, isOdd, bias));
    };
    Value low = arith::ShRUIOp::create(b, rounded(even), sixteen);
    Value high = arith::AndIOp::create(b, rounded(odd), constant(int32_t(0xffff0000)));
    auto halves = VectorType::get(2 * b.lanes, b.getBF16Type());
    Value pair = vector::BitCastOp::create(b, halves, arith::OrIOp::create(b, low, high));
    Value two = b.index(2);
    b.storeVector(pair, op.getP(), {b.div(key, two), b.mul(row, two)});
  }

  tile::SoftmaxStepOp op;
  VectorBuilder &b;
  Value s, keys, none, scale;
};

} // namespace

void lowerSoftmaxStepTransposed(tile::SoftmaxStepOp op, VectorBuilder &b) { SoftmaxStep(op, b).build(); }

} // namespace gqa
