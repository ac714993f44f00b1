// Attention over K and V that are repeated in tiled order.
#include "Patterns.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {
namespace {

/// Heads of `value` along `dim`, `outer * inner` of them, in the order in which `inner` varies slowest.
Value swapHeadOrder(OpBuilder &builder, Location loc, Value value, unsigned dim, int64_t outer,
                    int64_t inner) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<ReassociationIndices> groups;
  SmallVector<int64_t> split, permutation;
  for (unsigned k = 0; k < type.getRank(); ++k) {
    groups.emplace_back();
    for (int64_t size :
         k == dim ? SmallVector<int64_t>{outer, inner} : SmallVector<int64_t>{type.getDimSize(k)}) {
      groups.back().push_back(split.size());
      permutation.push_back(split.size());
      split.push_back(size);
    }
  }
  std::swap(permutation[dim], permutation[dim + 1]);
  Value expanded = tensor::ExpandShapeOp::create(
      builder, loc, RankedTensorType::get(split, type.getElementType()), value, groups);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, expanded);
  std::swap(sizes[dim], sizes[dim + 1]);
  Value empty = tensor::EmptyOp::create(builder, loc, sizes, type.getElementType());
  Value swapped = linalg::TransposeOp::create(builder, loc, expanded, empty, permutation)->getResult(0);
  return tensor::CollapseShapeOp::create(builder, loc, type, swapped, groups);
}

/// True if the broadcast operand, if there is one, has one value for all heads.
bool sameForAllHeads(Value broadcast) {
  if (!broadcast)
    return true;
  auto type = cast<RankedTensorType>(broadcast.getType());
  return type.getRank() < 3 || type.getDimSize(type.getRank() - 3) == 1;
}

struct ShareTiledHeads : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op, PatternRewriter &rewriter) const override {
    auto k = op.getK().getDefiningOp<RepeatHeadsOp>(), v = op.getV().getDefiningOp<RepeatHeadsOp>();
    if (!k || !v || k.getOrder() != HeadOrder::Tiled || v.getOrder() != HeadOrder::Tiled ||
        k.getGroups() != v.getGroups() || k.getLayout() != op.getKLayout() ||
        v.getLayout() != op.getVLayout())
      return rewriter.notifyMatchFailure(op, "k and v are not repeated alike in tiled order");
    if (dependsOnHead(op))
      return rewriter.notifyMatchFailure(op, "sinks, mask, bias or score depend on the head");
    int64_t groups = k.getGroups(), heads = sizeOf(k.getX(), k.getLayout(), 'h');
    if (ShapedType::isDynamic(heads) || op.getQueryHeads() != groups * heads)
      return rewriter.notifyMatchFailure(op, "the number of heads is not known, or there are groups already");
    Location loc = op.getLoc();
    Value q = swapHeadOrder(rewriter, loc, op.getQ(), dimOf(op.getQLayout(), 'h'), groups, heads);
    rewriter.modifyOpInPlace(op, [&] {
      op.getQMutable().assign(q);
      op.getKMutable().assign(k.getX());
      op.getVMutable().assign(v.getX());
    });
    rewriter.setInsertionPointAfter(op);
    restore(rewriter, op.getOutput(), dimOf(op.getOLayout(), 'h'), heads, groups);
    if (op.getLse())
      restore(rewriter, op.getLse(), 1, heads, groups);
    return success();
  }

  /// All users of a result see its heads in the order they had.
  static void restore(PatternRewriter &rewriter, Value result, unsigned dim, int64_t outer, int64_t inner) {
    SmallVector<OpOperand *> uses =
        llvm::map_to_vector(result.getUses(), [](OpOperand &use) { return &use; });
    Value restored = swapHeadOrder(rewriter, result.getLoc(), result, dim, outer, inner);
    for (OpOperand *use : uses)
      rewriter.modifyOpInPlace(use->getOwner(), [&] { use->set(restored); });
  }
};

} // namespace

bool dependsOnHead(AttentionOp op) {
  return op.getSinks() || op.hasScore() || !sameForAllHeads(op.getMask()) || !sameForAllHeads(op.getBias());
}

void populateTiledOrderPatterns(RewritePatternSet &patterns) {
  patterns.add<ShareTiledHeads>(patterns.getContext());
}

} // namespace gqa
