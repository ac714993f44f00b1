// tile.warp.score and tile.warp.mask: every number that a lane holds knows its row and its column, and so its
// query and its key.
#include "TileLowering.h"
#include "Units.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {
namespace {

/// Number `i` of a fragment: the row of the lane's two, and the column behind the lane's first.
int64_t rowOf(size_t i) { return int64_t(i) / 2 % 2; }
int64_t columnOf(size_t i) { return int64_t(i) / 4 * 8 + int64_t(i) % 2; }

class Score {
public:
  using Values = NVVMBuilder::Values;

  Score(tile::WarpScoreOp op, tile::WarpScoreOp::GenericAdaptor<ArrayRef<ValueRange>> operands,
        NVVMBuilder &b)
      : op(op), operands(operands), b(b) {
    scale = operands.getScale().front();
    pair = b.lanePair();
  }

  Values build() {
    bool hasRegion = !op.getScore().empty();
    if (hasRegion)
      bindRows();
    Values scores;
    for (auto [i, s] : llvm::enumerate(operands.getS())) {
      Value x = scaled(s);
      scores.push_back(hasRegion ? elementwise(x, rowOf(i), columnOf(i)) : x);
    }
    return scores;
  }

private:
  /// The head and query of both rows; of the last one for rows that do not exist.
  void bindRows() {
    Value one = b.index(1);
    for (int64_t row = 0; row < kLaneRows; ++row) {
      Value head = b.min(operands.getHead()[row], b.sub(operands.getHeads().front(), one));
      Value query = b.min(operands.getQuery()[row], b.sub(operands.getQueries().front(), one));
      heads.push_back(b.add(operands.getH().front(), head));
      queries.push_back(b.add(operands.getI().front(), query));
    }
    int64_t columns = op.getS().getType().getColumns();
    firstKey = b.add(operands.getJ().front(), b.toIndex(pair));
    if (getConstantIntValue(op.getKeys()) == columns)
      return;
    // Keys that do not exist are hidden later. The last one may be in front of the block: some warps of a
    // task have no key of a last block.
    lastKey = b.toI32(b.min(b.sub(operands.getKeys().front(), one), b.index(columns - 1)));
  }

  /// softcap * tanh(x / softcap) as softcap - 2 softcap / (exp(2 x / softcap) + 1).
  Value scaled(Value s) {
    Value x = b.mulF(s, scale);
    if (std::optional<APFloat> cap = op.getSoftcap()) {
      double value = cap->convertToDouble();
      Value power = b.exp2(b.mulF(x, b.f32(2 * kLog2e / value)));
      Value part = b.reciprocal(b.addF(power, b.f32(1)));
      x = b.fma(part, b.f32(-2 * value), b.f32(value));
    }
    return x;
  }

  Value elementwise(Value x, int64_t row, int64_t column) {
    return inlineRegion(x, {operands.getB().front(), heads[row], queries[row], keyOf(column)});
  }

  Value keyOf(int64_t column) {
    if (!lastKey)
      return b.add(firstKey, b.index(column));
    Value place = b.min(b.add(pair, b.i32(column)), lastKey);
    return b.add(operands.getJ().front(), b.toIndex(place));
  }

  Value inlineRegion(Value x, ArrayRef<Value> at) {
    SmallVector<Value> arguments = {x};
    llvm::append_range(arguments, at);
    SmallVector<Value> yielded = b.cloneBody(op.getScore().front(), arguments);
    return yielded.size() == 1 ? yielded[0] : b.select(yielded[1], yielded[0], b.infinity(true));
  }

  tile::WarpScoreOp op;
  tile::WarpScoreOp::GenericAdaptor<ArrayRef<ValueRange>> operands;
  NVVMBuilder &b;
  Value scale, pair;
  Value firstKey, lastKey; ///< of the lane; of those that exist, in the block, or null if all do
  Values heads, queries;
};

struct LowerScore : WarpPattern<tile::WarpScoreOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpScoreOp op, Adaptor operands, NVVMBuilder &b) const override {
    return {Score(op, operands, b).build()};
  }
};

struct LowerMask : WarpPattern<tile::WarpMaskOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpMaskOp op, Adaptor operands, NVVMBuilder &b) const override {
    int64_t width = op.getS().getType().getColumns();
    Value none = b.infinity(true), pair = b.lanePair();
    // The columns that a row sees are an interval; columns are compared with it as the lane counts them.
    Values low, high;
    auto clamp = [&](Value column) {
      return b.sub(b.toI32(b.min(b.max(column, b.index(0)), b.index(width))), pair);
    };
    for (int64_t row = 0; row < kLaneRows; ++row) {
      Value query = b.add(operands.getI().front(), operands.getQuery()[row]);
      Value diagonal = b.sub(query, operands.getJ().front()), end = operands.getKeys().front();
      if (op.getLast())
        end = b.min(end, b.add(b.add(diagonal, operands.getLast().front()), b.index(1)));
      high.push_back(clamp(end));
      low.push_back(op.getFirst() ? clamp(b.add(diagonal, operands.getFirst().front())) : Value());
    }
    Values scores;
    for (auto [i, s] : llvm::enumerate(operands.getS())) {
      Value column = b.i32(columnOf(i)), begin = low[rowOf(i)];
      Value visible = b.compare(arith::CmpIPredicate::slt, column, high[rowOf(i)]);
      if (begin)
        visible = arith::AndIOp::create(b, visible, b.compare(arith::CmpIPredicate::sge, column, begin));
      scores.push_back(b.select(visible, s, none));
    }
    return {scores};
  }
};

} // namespace

void populateScorePatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerScore, LowerMask>(types, patterns.getContext());
}

} // namespace gqa
