// tile.softmax_step: everything is elementwise over vectors of rows, or of a few keys of few rows.
#include "TileLowering.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>

using namespace mlir;

namespace gqa {
namespace {

class SoftmaxStep {
public:
  SoftmaxStep(tile::SoftmaxStepOp op, VectorBuilder &b)
      : op(op), b(b), s(op.getS()), scores(b.flat(s)), rows(b.size(s, 1)), keys(op.getKeys()),
        none(b.splat(-std::numeric_limits<double>::infinity())), scale(b.splat(op.getScale())),
        period(std::min(getConstantIntValue(rows).value_or(b.lanes), b.lanes)),
        together(op.getP() ? tile::kRegisterDepth : b.lanes / period) {}

  void build() {
    if (together > 1)
      hideRest();
    Value lanes = b.index(b.lanes), vectors = b.ceilDiv(rows, lanes), zero = b.index(0);
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
  /// Makes the keys a multiple of those that are read together.
  void hideRest() {
    Value whole = b.roundUp(keys, together);
    b.forEach(b.mul(keys, rows), b.mul(whole, rows), period,
              [&](Value at) { b.storeVector(b.first(none, period), scores, at); });
    keys = whole;
  }

  /// Keys that share a vector.
  int64_t keysOfVector() { return b.lanes / period; }

  /// The vector of scores that starts with `row` of `key`.
  Value at(Value key, Value row) { return b.add(b.mul(key, rows), row); }

  /// A number of each row, as often as a vector has keys.
  Value loadState(Value state, Value row) {
    if (keysOfVector() == 1)
      return b.loadVector(state, row);
    auto type = VectorType::get(period, b.element);
    return b.repeat(vector::LoadOp::create(b, type, state, row));
  }

  void storeState(Value value, Value state, Value row) { b.storeVector(b.first(value, period), state, row); }

  /// Joins the keys of a vector, so that every lane has the result of its row.
  Value joinKeys(Value vector, function_ref<Value(Value, Value)> join) {
    for (int64_t distance = b.lanes / 2; distance >= period; distance /= 2)
      vector = join(vector, b.rotate(vector, distance));
    return vector;
  }

  /// The rows at `rowsAt`, a vector each. Returns `least` with their least scores joined in.
  Value buildVectors(ArrayRef<Value> rowsAt, Value least) {
    SmallVector<Value> bounds(rowsAt.size(), none);
    bounds.push_back(least);
    bounds = b.fold(b.index(0), keys, keysOfVector(), bounds, [&](Value key, ValueRange so) {
      SmallVector<Value> next;
      Value lowest = so.back();
      for (auto [row, maximum] : llvm::zip(rowsAt, so)) {
        Value vector = b.loadVector(scores, at(key, row));
        next.push_back(b.maxKeepFirst(maximum, vector)); // NaN comes back as a probability
        lowest = b.minKeepFirst(lowest, vector);
      }
      next.push_back(lowest);
      return next;
    });
    SmallVector<Value> shifts, alphas;
    auto larger = [&](Value x, Value y) { return b.maxKeepFirst(x, y); };
    auto sum = [&](Value x, Value y) { return b.addF(x, y); };
    for (auto [row, largest] : llvm::zip(rowsAt, bounds)) {
      Value old = loadState(op.getM(), row);
      Value maximum = b.maxKeepFirst(old, joinKeys(largest, larger));
      // Where nothing has been seen yet, any finite number does.
      shifts.push_back(b.select(b.equal(maximum, none), b.splat(0.0), maximum));
      alphas.push_back(b.exp(b.subF(old, shifts.back()), scale));
      storeState(maximum, op.getM(), row);
      storeState(alphas.back(), op.getAlpha(), row);
    }
    // From zero, not from l: short sums round less, and l joins them in one step.
    for (auto [row, alpha, added] : llvm::zip(rowsAt, alphas, probabilities(rowsAt, shifts)))
      storeState(b.fma(loadState(op.getL(), row), alpha, joinKeys(added, sum)), op.getL(), row);
    return bounds.back();
  }

  /// Stores them in place of the scores, or interleaved; returns their sums.
  SmallVector<Value> probabilities(ArrayRef<Value> rowsAt, ArrayRef<Value> shifts) {
    Value hidden = b.splat(-0.0);
    SmallVector<Value> zeros(rowsAt.size(), b.splat(0.0));
    auto probability = [&](Value key, Value row, Value shift) {
      Value score = b.loadVector(scores, at(key, row));
      Value p = b.exp(b.subF(score, shift), scale);
      return b.select(b.equal(score, none), hidden, p);
    };
    int64_t step = op.getP() ? 2 : keysOfVector();
    return b.fold(b.index(0), keys, step, zeros, [&](Value key, ValueRange so) {
      SmallVector<Value> next;
      for (auto [row, shift, sum] : llvm::zip(rowsAt, shifts, so)) {
        Value p = probability(key, row, shift), total = b.addF(sum, p);
        if (op.getP()) {
          Value odd = probability(b.add(key, b.index(1)), row, shift);
          total = b.addF(total, odd);
          storePair(key, row, p, odd);
        } else {
          b.storeVector(p, scores, at(key, row));
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
  Value s, scores, rows, keys, none, scale;
  int64_t period;   // rows of a vector
  int64_t together; // keys that are read together
};

} // namespace

void lowerSoftmaxStep(tile::SoftmaxStepOp op, const CPUTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getS().getType()).getElementType());
  SoftmaxStep(op, b).build();
  op.erase();
}

} // namespace gqa
