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

/// True if no row's keys are all hidden, whatever the data: nothing but positions hides keys, and they leave
/// at least key 0 or the query's own key, `i + offset`.
bool everyRowSees(AttentionOp op) {
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

/// With a sink no row is dead. Without one infinite inputs may make all scores -inf, although no key is
/// hidden: `nan` stays. So does not `uniform`, the trace of a finite fill: nothing was filled in, and softmax
/// makes NaN of such a row; the kernels need not look for it.
struct NoDeadRow : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    DeadRow rule = op.getDeadRow();
    if (op.getSinks())
      rule = DeadRow::Zero;
    else if (rule == DeadRow::Uniform && everyRowSees(op))
      rule = DeadRow::NaN;
    if (rule == op.getDeadRow())
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.setDeadRow(rule); });
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
