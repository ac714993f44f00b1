// tile.score: scale, softcap and the band over vectors; bias, region and mask element by element in between.
#include "TileLowering.h"

#include "mlir/IR/IRMapping.h"
#include <limits>

using namespace mlir;

namespace gqa {
namespace {

class Score {
public:
  Score(tile::ScoreOp op, VectorBuilder &b) : op(op), b(b), s(op.getS()), width(b.size(s, 1)) {}

  void build() {
    Value zero = b.index(0), group = b.div(b.size(s, 0), b.max(op.getQueries(), b.index(1)));
    Value scale = b.splat(op.getScale());
    b.forEach(zero, group, 1, [&](Value g) {
      Value head = b.add(op.getH(), g), firstRow = b.mul(g, op.getQueries());
      b.forEach(zero, op.getQueries(), 1,
                [&](Value i) { buildRow(b.add(firstRow, i), head, b.add(op.getI(), i), scale); });
    });
  }

private:
  void buildRow(Value row, Value head, Value query, Value scale) {
    bool elements = op.getBias() || op.getMask() || !op.getScore().empty();
    bindBand(query);
    b.forEach(b.index(0), width, b.lanes, [&](Value column) {
      Value x = scaled(b.loadVector(s, {row, column}), scale);
      b.storeVector(elements ? x : inBand(x, column), s, {row, column});
    });
    if (!elements)
      return;
    b.forEach(b.index(0), op.getKeys(), 1, [&](Value column) {
      b.store(elementwise(b.load(s, {row, column}), head, query, column), s, {row, column});
    });
    b.forEach(b.index(0), width, b.lanes, [&](Value column) {
      b.storeVector(inBand(b.loadVector(s, {row, column}), column), s, {row, column});
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

  /// The columns that the row of `query` sees: [low, high), within [0, keys].
  void bindBand(Value query) {
    low = b.index(0);
    high = op.getKeys();
    auto columnOf = [&](Value offset) { return b.sub(b.add(query, offset), op.getJ()); };
    if (op.getLast())
      high = b.max(b.min(high, b.add(columnOf(op.getLast()), b.index(1))), b.index(0));
    if (op.getFirst())
      low = b.min(b.max(columnOf(op.getFirst()), low), high);
  }

  /// Hides the columns outside of the band. One unsigned comparison tests both bounds.
  Value inBand(Value x, Value column) {
    Type word = b.getI32Type();
    SmallVector<int32_t> numbers;
    for (int64_t lane = 0; lane < b.lanes; ++lane)
      numbers.push_back(lane);
    Value lane = arith::ConstantOp::create(b, DenseElementsAttr::get(b.vectorOf(word), ArrayRef(numbers)));
    Value start = b.splat(arith::IndexCastOp::create(b, word, b.sub(column, low)));
    Value count = b.splat(arith::IndexCastOp::create(b, word, b.sub(high, low)));
    Value place = arith::AddIOp::create(b, lane, start);
    Value visible = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, place, count);
    return b.select(visible, x, hidden(x));
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
  Value s, width, low, high;
};

} // namespace

void lowerScore(tile::ScoreOp op, const VectorTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getS().getType()).getElementType());
  Score(op, b).build();
  op.erase();
}

} // namespace gqa
