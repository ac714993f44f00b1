// tile.score and tile.mask: the scale and softcap over vectors; bias, region and mask element by element; the
// band by writing -inf where it is not.
#include "TileLowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include <limits>

using namespace mlir;

namespace gqa {
namespace {

class Score {
public:
  Score(tile::ScoreOp op, VectorBuilder &b) : op(op), b(b), s(op.getS()) {}

  void build() {
    scaleAll();
    if (!op.getBias() && !op.getMask() && op.getScore().empty())
      return;
    Value zero = b.index(0);
    b.forEach(zero, op.getHeads(), 1, [&](Value g) {
      Value head = b.add(op.getH(), g), firstRow = b.mul(g, op.getPeriod());
      auto compute = [&](Value key, Value i) {
        SmallVector<Value> at = {key, b.add(firstRow, i)};
        b.store(elementwise(b.load(s, at), head, b.add(op.getI(), i), key), s, at);
      };
      // In the order of what is read from memory: the scores are in L1, a bias and a mask have rows of keys.
      bool byQueries = op.getBias() || op.getMask();
      Value outer = byQueries ? op.getQueries() : op.getKeys(),
            inner = byQueries ? op.getKeys() : op.getQueries();
      b.forEach(zero, outer, 1, [&](Value x) {
        if (byQueries)
          prefetchNext(head, b.add(op.getI(), x));
        b.forEach(zero, inner, 1, [&](Value y) { byQueries ? compute(y, x) : compute(x, y); });
      });
    });
  }

private:
  /// The scale and the softcap, on all rows of whole vectors.
  void scaleAll() {
    Value scale = b.splat(op.getScale()), scores = b.flat(s);
    Value count = b.mul(op.getKeys(), b.size(s, 1));
    b.forEach(b.index(0), count, b.lanes,
              [&](Value at) { b.storeVector(scaled(b.loadVector(scores, at), scale), scores, at); });
  }

  Value scaled(Value x, Value scale) {
    x = b.mulF(x, scale);
    if (std::optional<APFloat> cap = op.getSoftcap()) {
      Value value = b.splat(cap->convertToDouble());
      x = b.mulF(value, b.tanh(b.divF(x, value)));
    }
    return x;
  }

  /// Brings near what the next block of keys reads for a query: rows are too short for a processor to notice.
  void prefetchNext(Value head, Value query) {
    int64_t keys = cast<MemRefType>(s.getType()).getDimSize(0);
    if (ShapedType::isDynamic(keys))
      return;
    for (Value operand : {op.getBias(), op.getMask()}) {
      if (!operand)
        continue;
      int64_t bits = llvm::alignTo(cast<MemRefType>(operand.getType()).getElementTypeBitWidth(), 8);
      for (int64_t key = keys; key < 2 * keys; key += kLineBits / bits) {
        SmallVector<Value> at = {op.getB(), head, query, b.add(op.getJ(), b.index(key))};
        memref::PrefetchOp::create(b, operand, at, /*isWrite=*/false, /*localityHint=*/2,
                                   /*isDataCache=*/true);
      }
    }
  }

  Value hidden(Value like) { return b.floatLike(like, -std::numeric_limits<double>::infinity()); }

  /// Bias, region and mask of one element.
  Value elementwise(Value x, Value head, Value query, Value key) {
    SmallVector<Value> at = {op.getB(), head, query, b.add(op.getJ(), key)};
    if (op.getBias()) {
      Value bias = b.load(op.getBias(), at);
      x = b.addF(x, bias.getType().isF64() && !b.element.isF64() ? b.narrow(bias, b.element)
                                                                 : b.widen(bias, b.element));
    }
    if (!op.getScore().empty())
      x = cloneRegion(x, at);
    if (op.getMask())
      x = b.select(b.load(op.getMask(), at), x, hidden(x));
    return x;
  }

  Value cloneRegion(Value x, ArrayRef<Value> at) {
    Block &block = op.getScore().front();
    IRMapping mapping;
    mapping.map(block.getArgument(0), x);
    mapping.map(block.getArguments().drop_front(), at);
    for (Operation &inner : block.without_terminator())
      b.clone(inner, mapping);
    ValueRange yielded = block.getTerminator()->getOperands();
    Value result = mapping.lookupOrDefault(yielded[0]);
    if (yielded.size() == 1)
      return result;
    return b.select(mapping.lookupOrDefault(yielded[1]), result, hidden(result));
  }

  tile::ScoreOp op;
  VectorBuilder &b;
  Value s;
};

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

void lowerScore(tile::ScoreOp op, const CPUTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getS().getType()).getElementType());
  Score(op, b).build();
  op.erase();
}

void lowerMask(tile::MaskOp op, const CPUTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getS().getType()).getElementType());
  Band(op, b).build();
  op.erase();
}

} // namespace gqa
