// tile.score and tile.mask: the scale and softcap over vectors; bias, region and mask element by element; the
// band by writing -inf where it is not.
#include "TileLowering.h"

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
      auto element = [&](Value i, Value column) {
        Value row = b.add(firstRow, i), query = b.add(op.getI(), i);
        auto at = op.getTransposed() ? SmallVector<Value>{column, row} : SmallVector<Value>{row, column};
        b.store(elementwise(b.load(s, at), head, query, column), s, at);
      };
      if (op.getTransposed()) // neighbours in memory are queries
        b.forEach(zero, op.getKeys(), 1, [&](Value column) {
          b.forEach(zero, op.getQueries(), 1, [&](Value i) { element(i, column); });
        });
      else
        b.forEach(zero, op.getQueries(), 1, [&](Value i) {
          b.forEach(zero, op.getKeys(), 1, [&](Value column) { element(i, column); });
        });
    });
  }

private:
  /// The scale and the softcap, on all rows and whole vectors.
  void scaleAll() {
    Value scale = b.splat(op.getScale()), zero = b.index(0);
    Value lines = op.getTransposed() ? op.getKeys() : b.size(s, 0);
    Value width = op.getTransposed() ? b.size(s, 1) : b.roundUp(op.getKeys(), b.lanes);
    b.forEach(zero, lines, 1, [&](Value line) {
      b.forEach(zero, width, b.lanes,
                [&](Value at) { b.storeVector(scaled(b.loadVector(s, {line, at}), scale), s, {line, at}); });
    });
  }

  Value scaled(Value x, Value scale) {
    x = b.mulF(x, scale);
    if (std::optional<APFloat> cap = op.getSoftcap()) {
      Value value = b.splat(cap->convertToDouble());
      x = b.mulF(value, b.tanh(b.divF(x, value)));
    }
    return x;
  }

  Value hidden(Value like) { return b.floatLike(like, -std::numeric_limits<double>::infinity()); }

  /// Bias, region and mask of one element.
  Value elementwise(Value x, Value head, Value query, Value column) {
    Value key = b.add(op.getJ(), column);
    SmallVector<Value> at = {op.getB(), head, query, key};
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

  /// One row of a tile after the other: its visible columns are an interval.
  void buildRows() {
    Value width = b.roundUp(op.getKeys(), b.lanes);
    b.forEach(b.index(0), b.size(s, 0), 1, [&](Value row) {
      Value query = b.add(op.getI(), b.rem(row, op.getQueries()));
      auto [low, high] = interval(op.getFirst(), op.getLast(), b.sub(query, op.getJ()), op.getKeys());
      hide(row, b.index(0), low);
      hide(row, high, width);
    });
  }

  /// One key after the other: the queries of a head that see it are an interval.
  void buildColumns() {
    Value zero = b.index(0), heads = b.div(b.size(s, 1), op.getQueries());
    // i' + first <= j' and j' <= i' + last, solved for i'.
    Value first = op.getLast() ? b.sub(zero, op.getLast()) : Value();
    Value last = op.getFirst() ? b.sub(zero, op.getFirst()) : Value();
    b.forEach(zero, op.getKeys(), 1, [&](Value column) {
      Value key = b.add(op.getJ(), column);
      std::pair<Value, Value> seeing = interval(first, last, b.sub(key, op.getI()), op.getQueries());
      b.forEach(zero, heads, 1, [&](Value head) {
        Value row = b.mul(head, op.getQueries());
        hide(column, row, b.add(row, seeing.first));
        hide(column, b.add(row, seeing.second), b.add(row, op.getQueries()));
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

  void hide(Value line, Value from, Value to) {
    b.forEach(from, to, 1, [&](Value at) { b.store(none, s, {line, at}); });
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
  Band band(op, b);
  if (op.getTransposed())
    band.buildColumns();
  else
    band.buildRows();
  op.erase();
}

} // namespace gqa
