// tile.softmax_step: everything is elementwise over vectors of rows, or of a few keys of few rows.
#include "TileLowering.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>

using namespace mlir;

namespace gqa {
namespace {

/// The most vectors whose exponentials are computed together, as each is a chain of 16 operations.
constexpr int64_t kWoven = 4;

class SoftmaxStep {
public:
  SoftmaxStep(tile::SoftmaxStepOp op, VectorBuilder &b)
      : op(op), b(b), s(op.getS()), scores(b.flat(s)), rows(b.size(s, 1)), keys(op.getKeys()),
        none(b.splat(-std::numeric_limits<double>::infinity())), scale(b.splat(op.getScale())),
        period(std::min(getConstantIntValue(rows).value_or(b.lanes), b.lanes)), woven(chooseWoven()),
        together(op.getP() && keysOfVector() == 1 ? tile::kRegisterDepth : woven * keysOfVector()) {}

  void build() {
    if (together > 1)
      hideRest();
    Value vectors = b.ceilDiv(op.getRows() ? op.getRows() : rows, b.index(b.lanes));
    SmallVector<Value> least = {b.splat(0.0)};
    least = b.fold(b.index(0), vectors, 1, least, [&](Value vector, ValueRange so) {
      return SmallVector<Value>{buildVector(b.mul(vector, b.index(b.lanes)), so[0])};
    });
    op.getHidden().replaceAllUsesWith(
        vector::ReductionOp::create(b, vector::CombiningKind::OR, b.equal(least[0], none)));
  }

private:
  /// As many as divide a block of keys, so that there is no loop for a rest; whole pairs where probabilities
  /// become pairs.
  int64_t chooseWoven() {
    int64_t blockKeys = cast<MemRefType>(s.getType()).getDimSize(0), count = kWoven;
    if (ShapedType::isDynamic(blockKeys))
      return op.getP() ? 2 : 1;
    int64_t unit = op.getP() ? 2 : 1;
    while (count > unit && blockKeys % (count * keysOfVector()) != 0)
      count -= unit;
    return count;
  }

  /// Makes the keys a multiple of those that are read together.
  void hideRest() {
    Value whole = b.roundUp(keys, together);
    b.forEach(b.mul(keys, rows), b.mul(whole, rows), period,
              [&](Value at) { b.storeVector(b.first(none, period), scores, at); });
    keys = whole;
  }

  /// Keys that share a vector.
  int64_t keysOfVector() const { return b.lanes / period; }

  /// The vector of scores that starts with `row`, `number` vectors behind that of `key`.
  Value at(Value key, int64_t number, Value row) {
    return b.add(b.mul(b.add(key, b.index(number * keysOfVector())), rows), row);
  }

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

  /// A loop over the vectors of keys, `woven` of them in an iteration. `body` gets the first key, and what
  /// has been carried along so far.
  SmallVector<Value> overKeys(ArrayRef<Value> init,
                              function_ref<SmallVector<Value>(Value key, ValueRange so)> body) {
    return b.fold(b.index(0), keys, woven * keysOfVector(), init, body);
  }

  /// The rows from `row` on, a vector of them. Returns `least` with their least scores joined in.
  Value buildVector(Value row, Value least) {
    SmallVector<Value> bounds = overKeys({none, least}, [&](Value key, ValueRange so) {
      SmallVector<Value> vectors;
      for (int64_t j = 0; j < woven; ++j)
        vectors.push_back(b.loadVector(scores, at(key, j, row)));
      Value largest = so[0], lowest = so[1];
      for (Value vector : vectors) {
        largest = b.maxKeepFirst(largest, vector); // NaN comes back as a probability
        lowest = b.minKeepFirst(lowest, vector);
      }
      return SmallVector<Value>{largest, lowest};
    });
    auto larger = [&](Value x, Value y) { return b.maxKeepFirst(x, y); };
    auto sum = [&](Value x, Value y) { return b.addF(x, y); };
    Value old = loadState(op.getM(), row);
    Value maximum = b.maxKeepFirst(old, joinKeys(bounds[0], larger));
    // Where nothing has been seen yet, any finite number does.
    Value shift = b.select(b.equal(maximum, none), b.splat(0.0), maximum);
    Value alpha = b.exp(b.subF(old, shift), scale);
    storeState(maximum, op.getM(), row);
    storeState(alpha, op.getAlpha(), row);
    // From zero, not from l: short sums round less, and l joins them in one step.
    Value added = joinKeys(probabilities(row, shift), sum);
    storeState(b.fma(loadState(op.getL(), row), alpha, added), op.getL(), row);
    return bounds[1];
  }

  /// Stores them in place of the scores, or interleaved; returns their sum.
  Value probabilities(Value row, Value shift) {
    SmallVector<Value> zeros(woven, b.splat(0.0));
    SmallVector<Value> sums = overKeys(zeros, [&](Value key, ValueRange so) {
      SmallVector<Value> places, areHidden, differences, next(so);
      for (int64_t j = 0; j < woven; ++j) {
        places.push_back(at(key, j, row));
        Value score = b.loadVector(scores, places.back());
        areHidden.push_back(b.equal(score, none));
        differences.push_back(b.subF(score, shift));
      }
      SmallVector<Value> ps = b.exp(differences, scale);
      for (auto [p, isHidden, place, total] : llvm::zip(ps, areHidden, places, next)) {
        p = b.select(isHidden, b.splat(-0.0), p);
        total = b.addF(total, p);
        if (!op.getP())
          b.storeVector(p, scores, place);
      }
      for (int64_t j = 0; op.getP() && j < woven; j += 2)
        storePair(b.add(key, b.index(j * keysOfVector())), row, ps[j], ps[j + 1]);
      return next;
    });
    while (sums.size() > 1) {
      Value last = sums.pop_back_val();
      sums.back() = b.addF(sums.back(), last);
    }
    return sums[0];
  }

  /// Two vectors of probabilities as words of two keys of a row. Where a vector has several keys, each is put
  /// next to its neighbour.
  void storePair(Value key, Value row, Value first, Value second) {
    Value two = b.index(2), place[] = {b.div(key, two), b.mul(row, two)};
    if (keysOfVector() == 1)
      return b.storeVector(roundToPairs(first, second), op.getP(), place);
    auto everySecondKey = [&](int64_t from) -> Value {
      auto lanes = llvm::map_to_vector(llvm::seq<int64_t>(b.lanes), [&](int64_t lane) {
        return (2 * (lane / period) + from) * period + lane % period;
      });
      return vector::ShuffleOp::create(b, first, second, lanes);
    };
    Value inRow = b.mul(place[0], b.size(op.getP(), 1)); // all rows are in each vector
    b.storeVector(roundToPairs(everySecondKey(0), everySecondKey(1)), b.flat(op.getP()), inRow);
  }

  /// Numbers of two vectors as pairs of bf16, rounded to the nearest even. A NaN may become any number here:
  /// it is in the row's sum as well, which the row will be divided by.
  Value roundToPairs(Value even, Value odd) {
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
    return vector::BitCastOp::create(b, halves, arith::OrIOp::create(b, low, high));
  }

  tile::SoftmaxStepOp op;
  VectorBuilder &b;
  Value s, scores, rows, keys, none, scale;
  int64_t period;   // rows of a vector
  int64_t woven;    // vectors of an iteration
  int64_t together; // keys of which whole numbers are read
};

} // namespace

void lowerSoftmaxStep(tile::SoftmaxStepOp op, const CPUTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getS().getType()).getElementType());
  SoftmaxStep(op, b).build();
  op.erase();
}

} // namespace gqa
