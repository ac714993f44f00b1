// gqa-slice-in-place: parts of a tensor that are taken, changed, and put back where they were.
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Affine/ViewLikeInterfaceUtils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_SLICEINPLACE
#include "gqa/Pipeline/Passes.h.inc"

namespace {

/// Whether both are known to write no element that the other one writes.
bool areDisjoint(tensor::InsertSliceOp a, tensor::InsertSliceOp b) {
  auto isApart = [&](int64_t dim) {
    auto isKnown = [&](tensor::InsertSliceOp op) {
      return !op.isDynamicOffset(dim) && !op.isDynamicSize(dim) && !op.isDynamicStride(dim) &&
             op.getStaticStride(dim) == 1;
    };
    auto endsBefore = [&](tensor::InsertSliceOp first, tensor::InsertSliceOp second) {
      return first.getStaticOffset(dim) + first.getStaticSize(dim) <= second.getStaticOffset(dim);
    };
    return isKnown(a) && isKnown(b) && (endsBefore(a, b) || endsBefore(b, a));
  };
  return llvm::any_of(llvm::seq<int64_t>(0, a.getDestType().getRank()), isApart);
}

/// Whether the part was taken from where it is put back, and only has elements written to it.
bool isTaken(tensor::InsertSliceOp insert) {
  Value part = insert.getSource();
  while (auto result = dyn_cast<OpResult>(part)) {
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(result.getOwner()))
      return slice.getSource() == insert.getDest() && slice.isSameAs(insert, std::equal_to<OpFoldResult>());
    if (auto write = dyn_cast<DestinationStyleOpInterface>(result.getOwner()))
      part = write.getTiedOpOperand(result)->get();
    else if (auto inner = dyn_cast<tensor::InsertSliceOp>(result.getOwner()))
      part = inner.getDest();
    else
      return false;
  }
  return false;
}

/// Where the parts of a part lie in the whole.
struct Composed {
  SmallVector<OpFoldResult> offsets, sizes, strides;
};

template <typename Whole, typename Part>
FailureOr<Composed> compose(OpBuilder &builder, Whole whole, Part part) {
  Composed both;
  if (failed(affine::mergeOffsetsSizesAndStrides(builder, part.getLoc(), whole, part, whole.getDroppedDims(),
                                                 both.offsets, both.sizes, both.strides)))
    return failure();
  return both;
}

/// What is put into a part just taken, of which nobody reads more, is put into the whole. An unrolled loop
/// over rows takes and puts back each of them, and bufferization compares each read with each write.
struct PutIntoWhole : OpRewritePattern<tensor::InsertSliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::InsertSliceOp whole, PatternRewriter &rewriter) const override {
    auto inner = whole.getSource().getDefiningOp<tensor::InsertSliceOp>();
    if (!inner || !inner->hasOneUse() || !inner.getDest().getDefiningOp<tensor::ExtractSliceOp>() ||
        !isTaken(whole))
      return failure();
    auto both = compose(rewriter, whole, inner);
    if (failed(both))
      return failure();
    rewriter.replaceOpWithNewOp<tensor::InsertSliceOp>(whole, inner.getSource(), whole.getDest(),
                                                       both->offsets, both->sizes, both->strides);
    return success();
  }
};

/// One element is taken with a step of 1: subviews that drop a dimension are told apart by their strides, and
/// MLIR 22 crashes where a step that is never made has changed one.
template <typename Slice> struct StepOfOne : OpRewritePattern<Slice> {
  using OpRewritePattern<Slice>::OpRewritePattern;

  LogicalResult matchAndRewrite(Slice slice, PatternRewriter &rewriter) const override {
    SmallVector<int64_t> steps(slice.getStaticStrides());
    for (auto [size, step] : llvm::zip(slice.getStaticSizes(), steps))
      if (size == 1 && !ShapedType::isDynamic(step))
        step = 1;
    if (ArrayRef(steps) == slice.getStaticStrides())
      return failure();
    rewriter.modifyOpInPlace(slice, [&] { slice.setStaticStrides(steps); });
    return success();
  }
};

/// Parts of a part that nobody writes to are taken from the whole.
struct TakeFromWhole : OpRewritePattern<tensor::ExtractSliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExtractSliceOp part, PatternRewriter &rewriter) const override {
    auto whole = part.getSource().getDefiningOp<tensor::ExtractSliceOp>();
    if (!whole || !llvm::all_of(whole->getUsers(), llvm::IsaPred<tensor::ExtractSliceOp>))
      return failure();
    auto both = compose(rewriter, whole, part);
    if (failed(both))
      return failure();
    rewriter.replaceOpWithNewOp<tensor::ExtractSliceOp>(part, part.getType(), whole.getSource(),
                                                        both->offsets, both->sizes, both->strides);
    return success();
  }
};

/// The next part that is put into what `insert` makes, if that is another one.
tensor::InsertSliceOp nextPart(tensor::InsertSliceOp insert, tensor::InsertSliceOp first) {
  for (Operation *user : insert->getUsers()) {
    auto next = dyn_cast<tensor::InsertSliceOp>(user);
    if (next && next.getDest() == insert.getResult() && next->getBlock() == insert->getBlock())
      return areDisjoint(first, next) ? next : tensor::InsertSliceOp();
  }
  return nullptr;
}

/// What reads the part behind the place where others were put beside it reads it out of all of them: else the
/// part would have to stay as it was, for all that bufferization knows.
void readBehind(tensor::InsertSliceOp insert) {
  for (OpOperand &use : llvm::make_early_inc_range(insert.getSource().getUses())) {
    Operation *user = use.getOwner();
    if (user == insert || user->getBlock() != insert->getBlock())
      continue;
    tensor::InsertSliceOp last = insert;
    for (auto next = insert; next && next->isBeforeInBlock(user); next = nextPart(next, insert))
      last = next;
    if (last == insert)
      continue;
    OpBuilder builder(user);
    use.set(tensor::ExtractSliceOp::create(builder, insert.getLoc(), insert.getSourceType(), last.getResult(),
                                           insert.getMixedOffsets(), insert.getMixedSizes(),
                                           insert.getMixedStrides()));
  }
}

struct SliceInPlacePass : impl::SliceInPlaceBase<SliceInPlacePass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    tensor::populateReassociativeReshapeFoldingPatterns(patterns);
    patterns.add<PutIntoWhole, TakeFromWhole, StepOfOne<tensor::ExtractSliceOp>,
                 StepOfOne<tensor::InsertSliceOp>>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    getOperation()->walk([](tensor::InsertSliceOp insert) {
      if (isTaken(insert))
        readBehind(insert);
    });
  }
};

} // namespace
} // namespace gqa
