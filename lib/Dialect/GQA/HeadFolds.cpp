// Sharing key/value heads: an attention that reads repeated heads reads the heads underneath.
#include "Folds.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;

namespace gqa {
namespace {

/// The repeat in block order that `value`, laid out as `layout`, comes from; null if it repeats something
/// else.
RepeatHeadsOp blockRepeat(Value value, StringRef layout) {
  auto repeat = value.getDefiningOp<RepeatHeadsOp>();
  // Of the two layouts only the place of the heads matters: the rest is copied as it stands.
  if (!repeat || repeat.getOrder() != HeadOrder::Block ||
      dimOf(repeat.getLayout(), 'h') != dimOf(layout, 'h'))
    return {};
  return repeat;
}

/// A result type may promise a number of heads that `groups` copies cannot make: such code never runs, leave
/// it.
bool isConsistent(RepeatHeadsOp repeat) {
  int64_t heads = sizeOf(repeat.getOutput(), repeat.getLayout(), 'h');
  return ShapedType::isDynamic(heads) || heads % static_cast<int64_t>(repeat.getGroups()) == 0;
}

/// The operand of `repeat` with `1 / factor` of its result's heads: itself, or repeated less often.
Value repeatLess(PatternRewriter &rewriter, RepeatHeadsOp repeat, int64_t factor) {
  auto type = cast<RankedTensorType>(repeat.getOutput().getType());
  SmallVector<int64_t> shape(type.getShape());
  int64_t &heads = shape[dimOf(repeat.getLayout(), 'h')];
  if (!ShapedType::isDynamic(heads))
    heads /= factor;
  int64_t groups = repeat.getGroups() / factor;
  if (groups == 1)
    return withSizes(rewriter, repeat.getX(), shape);
  return RepeatHeadsOp::create(rewriter, repeat.getLoc(), type.clone(shape), repeat.getX(), groups,
                               repeat.getOrder(), repeat.getLayout());
}

/// k and v in block order, repeated by gk and gv: the attention's own head map, `h floordiv G`, takes over
/// the common factor. The larger factor keeps a smaller repeat, because k and v must have the same number of
/// heads.
struct ShareRepeatedHeads : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    RepeatHeadsOp k = blockRepeat(op.getK(), op.getKLayout()), v = blockRepeat(op.getV(), op.getVLayout());
    if (!k || !v || !isConsistent(k) || !isConsistent(v))
      return rewriter.notifyMatchFailure(op, "k and v are not both repeated in block order");
    int64_t factor = std::gcd<int64_t, int64_t>(k.getGroups(), v.getGroups());
    if (factor == 1)
      return rewriter.notifyMatchFailure(op, "k and v are not repeated by a common factor");
    Value sharedK = repeatLess(rewriter, k, factor), sharedV = repeatLess(rewriter, v, factor);
    rewriter.modifyOpInPlace(op, [&] {
      op.getKMutable().assign(sharedK);
      op.getVMutable().assign(sharedV);
    });
    return success();
  }
};

/// Two repeats in the same order are one: `(h / b) / a = h / (a b)` and `(h mod a H) mod H = h mod H`.
struct MergeRepeats : OpRewritePattern<RepeatHeadsOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(RepeatHeadsOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getX().getDefiningOp<RepeatHeadsOp>();
    int64_t groups;
    if (!inner || inner.getOrder() != op.getOrder() ||
        dimOf(inner.getLayout(), 'h') != dimOf(op.getLayout(), 'h') ||
        llvm::MulOverflow<int64_t>(inner.getGroups(), op.getGroups(), groups))
      return failure();
    rewriter.modifyOpInPlace(op, [&] {
      op.getXMutable().assign(inner.getX());
      op.setGroups(groups);
    });
    return success();
  }
};

/// Of a single head every copy is the same, so that the order says nothing.
struct OrderOfOneHead : OpRewritePattern<RepeatHeadsOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(RepeatHeadsOp op, PatternRewriter &rewriter) const override {
    if (op.getOrder() == HeadOrder::Block || sizeOf(op.getX(), op.getLayout(), 'h') != 1)
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.setOrder(HeadOrder::Block); });
    return success();
  }
};

/// Where the types differ the folder cannot remove a repeat by one.
struct RepeatByOne : OpRewritePattern<RepeatHeadsOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(RepeatHeadsOp op, PatternRewriter &rewriter) const override {
    if (op.getGroups() != 1)
      return failure();
    rewriter.replaceOpWithNewOp<tensor::CastOp>(op, op.getOutput().getType(), op.getX());
    return success();
  }
};

} // namespace

void addHeadFolds(RewritePatternSet &patterns) { patterns.add<ShareRepeatedHeads>(patterns.getContext()); }

void RepeatHeadsOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<MergeRepeats, OrderOfOneHead, RepeatByOne>(context);
}

} // namespace gqa
