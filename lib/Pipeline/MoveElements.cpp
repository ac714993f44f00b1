#include "MoveElements.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

using namespace mlir;

namespace gqa {
namespace {

/// The place that a number has been extracted from, as a slice; null if it is something else.
Value sliceOf(PatternRewriter &rewriter, Value number) {
  auto extract = number.getDefiningOp<tensor::ExtractOp>();
  if (!extract || !extract->getParentOfType<LoopLikeOpInterface>())
    return nullptr;
  auto type = extract.getTensor().getType();
  SmallVector<OpFoldResult> ones(type.getRank(), rewriter.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(rewriter, extract.getLoc(),
                                        RankedTensorType::get({}, type.getElementType()), extract.getTensor(),
                                        getAsOpFoldResult(extract.getIndices()), ones, ones);
}

struct MoveNumber : OpRewritePattern<tensor::InsertOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::InsertOp op, PatternRewriter &rewriter) const override {
    Value slice = sliceOf(rewriter, op.getScalar());
    if (!slice)
      return failure();
    SmallVector<OpFoldResult> ones(op.getDest().getType().getRank(), rewriter.getIndexAttr(1));
    rewriter.replaceOpWithNewOp<tensor::InsertSliceOp>(op, slice, op.getDest(),
                                                       getAsOpFoldResult(op.getIndices()), ones, ones);
    return success();
  }
};

struct MoveSliceOfOne : OpRewritePattern<tensor::InsertSliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::InsertSliceOp op, PatternRewriter &rewriter) const override {
    auto made = op.getSource().getDefiningOp<tensor::FromElementsOp>();
    Value slice = made && made.getElements().size() == 1 ? sliceOf(rewriter, made.getElements()[0]) : Value();
    if (!slice)
      return failure();
    rewriter.replaceOpWithNewOp<tensor::InsertSliceOp>(op, slice, op.getDest(), op.getMixedOffsets(),
                                                       op.getMixedSizes(), op.getMixedStrides());
    return success();
  }
};

struct MoveElementsPass : PassWrapper<MoveElementsPass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(MoveElementsPass)

  StringRef getName() const override { return "MoveElements"; }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<MoveNumber, MoveSliceOfOne>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};

} // namespace

std::unique_ptr<Pass> createMoveElements() { return std::make_unique<MoveElementsPass>(); }

} // namespace gqa
