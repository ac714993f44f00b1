// Parameters known at compile time become attributes; results and dead-row rules that nothing needs leave.
#include "Folds.h"
#include "Verify.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace gqa {
namespace {

struct ConstantScale : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    FloatAttr constant;
    if (!op.getScaleValue() || !matchPattern(op.getScaleValue(), m_Constant(&constant)))
      return failure();
    APFloat scale = constant.getValue();
    if (!isFiniteAs(op.getAccumulatorType(), scale))
      return rewriter.notifyMatchFailure(op, "the attribute cannot hold a scale that is not finite");
    rewriter.modifyOpInPlace(op, [&] {
      op.setScaleAttr(rewriter.getF64FloatAttr(constant.getValueAsDouble()));
      op.getScaleValueMutable().clear();
    });
    return success();
  }
};

struct ConstantOffset : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    auto constant =
        op.getOffsets() ? dyn_cast_if_present<IntegerAttr>(constantSplat(op.getOffsets())) : IntegerAttr();
    if (!constant)
      return failure();
    int64_t offset = constant.getValue().getSExtValue();
    if (offset <= -sizeLimit || offset >= sizeLimit)
      return rewriter.notifyMatchFailure(op, "the attribute cannot hold an offset of this size");
    rewriter.modifyOpInPlace(op, [&] {
      op.setOffset(offset);
      op.getOffsetsMutable().clear();
    });
    return success();
  }
};

/// True if some key is visible to every query, whatever the data: a sink, or nothing but positions hides keys
/// and they leave at least key 0 or the query's own key, `i + offset`.
bool everyRowSees(AttentionOp op) {
  if (op.getSinks())
    return true;
  int64_t queries = op.getNumQueries(), keys = op.getNumKeys();
  if (op.getMask() || op.getBias() || op.getKvLen() || op.hasScore() || ShapedType::isDynamic(keys) ||
      keys < 1)
    return false;
  if (!op.getCausal() && !op.getWindow())
    return true;
  std::optional<int64_t> offset = op.getConstantOffset();
  if (!offset || *offset < 0)
    return false;
  bool seesFirstKey = !op.getWindow() || (*op.getWindow())[0] == -1;
  bool seesOwnKey = !ShapedType::isDynamic(queries) && queries - 1 + *offset < keys;
  return seesFirstKey || seesOwnKey;
}

/// Where no row is dead the rule says nothing, and `zero` is the one that every kernel has.
struct NoDeadRow : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (op.getDeadRow() == DeadRow::Zero || !everyRowSees(op))
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.setDeadRow(DeadRow::Zero); });
    return success();
  }
};

struct UnusedLse : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (!op.getLse() || !op.getLse().use_empty())
      return failure();
    rebuild(rewriter, op, op.getOutput().getType());
    return success();
  }
};

} // namespace

void addParameterFolds(RewritePatternSet &patterns) {
  patterns.add<ConstantScale, ConstantOffset, NoDeadRow, UnusedLse>(patterns.getContext());
}

} // namespace gqa
