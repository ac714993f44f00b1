// Masks, biases and positions that hide nothing leave. Dropping them is exact for every `dead_row`: a mask
// that hides no key neither makes a row dead nor changes what a dead row averages.
#include "Folds.h"

using namespace mlir;

namespace gqa {
namespace {

struct NeutralMask : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (!op.getMask())
      return failure();
    auto keep = dyn_cast_if_present<IntegerAttr>(constantSplat(op.getMask()));
    if (!keep || keep.getValue().isZero())
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.getMaskMutable().clear(); });
    return success();
  }
};

/// Adding zero changes nothing but the sign of a zero, which only a score region could tell.
struct ZeroBias : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (!op.getBias())
      return failure();
    auto bias = dyn_cast_if_present<FloatAttr>(constantSplat(op.getBias()));
    if (!bias || !bias.getValue().isZero() || (op.hasScore() && !bias.getValue().isNegative()))
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.getBiasMutable().clear(); });
    return success();
  }
};

struct FullLength : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (!op.getKvLen() || ShapedType::isDynamic(op.getNumKeys()))
      return failure();
    auto length = dyn_cast_if_present<IntegerAttr>(constantSplat(op.getKvLen()));
    if (!length || length.getValue().getSExtValue() < op.getNumKeys())
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.getKvLenMutable().clear(); });
    return success();
  }
};

/// `j <= i + offset` holds for all j < Skv and i >= 0 if `Skv - 1 <= offset`.
struct NeutralCausal : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    std::optional<int64_t> offset = op.getConstantOffset();
    int64_t keys = op.getNumKeys();
    if (!op.getCausal() || !offset || ShapedType::isDynamic(keys) || keys - 1 > *offset)
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.setCausal(false); });
    return success();
  }
};

/// Each side of a window is neutral if it is unbounded or reaches past the last key from every query; the
/// right side also if `causal` hides those keys anyway.
struct NeutralWindow : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (!op.getWindow())
      return failure();
    int64_t left = (*op.getWindow())[0], right = (*op.getWindow())[1];
    int64_t queries = op.getNumQueries(), keys = op.getNumKeys();
    std::optional<int64_t> offset = op.getConstantOffset();
    bool leftNeutral =
        left == -1 || (offset && !ShapedType::isDynamic(queries) && queries - 1 + *offset <= left);
    bool rightNeutral = right == -1 || op.getCausal() ||
                        (offset && !ShapedType::isDynamic(keys) && keys - 1 <= *offset + right);
    if (!leftNeutral || !rightNeutral)
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.removeWindowAttr(); });
    return success();
  }
};

/// Only causal and window ask where the queries stand.
struct UnusedOffset : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    if (op.getCausal() || op.getWindow() || (!op.getOffset() && !op.getOffsets()))
      return failure();
    rewriter.modifyOpInPlace(op, [&] {
      op.removeOffsetAttr();
      op.getOffsetsMutable().clear();
    });
    return success();
  }
};

} // namespace

void addMaskFolds(RewritePatternSet &patterns) {
  patterns.add<NeutralMask, ZeroBias, FullLength, NeutralCausal, NeutralWindow, UnusedOffset>(
      patterns.getContext());
}

} // namespace gqa
