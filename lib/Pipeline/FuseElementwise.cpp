// gqa-fuse-elementwise: the loops of everything that is not attention.
#include "GroupedProduct.h"
#include "WriteSlices.h"
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_FUSEELEMENTWISE
#include "gqa/Pipeline/Passes.h.inc"

namespace {

/// Named operations that stay: products go to the runtime, fills fold into what reads them.
bool staysNamed(linalg::LinalgOp op) {
  return isa<linalg::GenericOp, linalg::FillOp, linalg::MatmulOp, linalg::BatchMatmulOp, linalg::MatvecOp,
             linalg::VecmatOp, linalg::DotOp, linalg::BatchMatvecOp>(op.getOperation());
}

struct Generalize : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(linalg::LinalgOp op, PatternRewriter &rewriter) const override {
    if (staysNamed(op) || op->getNumRegions() != 1)
      return failure();
    return linalg::generalizeNamedOp(rewriter, op);
  }
};

/// A softmax, say, which recognition has not taken apart: it is none of the named operations, and has no
/// loops of its own.
struct TakeApart : OpInterfaceRewritePattern<linalg::AggregatedOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(linalg::AggregatedOpInterface op, PatternRewriter &rewriter) const override {
    FailureOr<SmallVector<Value>> results = op.decomposeOperation(rewriter);
    if (failed(results))
      return failure();
    rewriter.replaceOp(op, *results);
    return success();
  }
};

bool isExpensive(linalg::LinalgOp op) {
  return llvm::any_of(op->getRegion(0).front(), [](Operation &inner) {
    return isa<arith::DivFOp, arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, tensor::ExtractOp>(inner) ||
           inner.getName().getDialectNamespace() == "math";
  });
}

/// What the descriptors of an operation's tensors have, in words of 8 bytes: kernels of GPUs have them as
/// parameters.
int64_t countWords(linalg::LinalgOp op) {
  int64_t words = 0;
  for (Value operand : op->getOperands())
    if (auto type = dyn_cast<RankedTensorType>(operand.getType()))
      words += 3 + 2 * type.getRank();
  return words;
}

int64_t countOperations(linalg::LinalgOp op) { return int64_t(op.getBlock()->getOperations().size()); }

bool worthFusing(OpOperand *operand) {
  constexpr int64_t kMostWords = 440;       // a kernel has room for 544, with sizes
  constexpr int64_t kMostOperations = 1024; // memory is not what takes the time of so many

  auto producer = operand->get().getDefiningOp<linalg::LinalgOp>();
  auto consumer = dyn_cast<linalg::LinalgOp>(operand->getOwner());
  if (!producer || !consumer || !producer->hasOneUse() || takesMatrices(consumer) ||
      countWords(producer) + countWords(consumer) > kMostWords ||
      countOperations(producer) + countOperations(consumer) > kMostOperations)
    return false;
  return producer.getNumLoops() >= consumer.getNumLoops() || !isExpensive(producer);
}

/// Whether `op` only widens the elements of a tensor, by an instruction.
bool isWidening(linalg::GenericOp op) {
  Block &body = *op.getBody();
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      !llvm::hasSingleElement(body.without_terminator()))
    return false;
  Operation &inner = body.front();
  return isa<arith::ExtFOp, arith::ExtSIOp, arith::ExtUIOp>(inner) &&
         inner.getOperand(0) == body.getArgument(0) &&
         inner.getOperand(0).getType().getIntOrFloatBitWidth() >= 16;
}

/// Each reader gets a widening of its own: reading the narrow numbers again takes less than writing wide
/// ones.
void separateWidenings(Operation *root) {
  SmallVector<linalg::GenericOp> widenings;
  root->walk([&](linalg::GenericOp op) {
    if (op.hasPureTensorSemantics() && isWidening(op))
      widenings.push_back(op);
  });
  for (linalg::GenericOp op : widenings)
    for (OpOperand &use : llvm::make_early_inc_range(op.getResult(0).getUses()))
      if (isa<linalg::LinalgOp>(use.getOwner()) && !op->hasOneUse()) {
        OpBuilder builder(use.getOwner());
        use.set(builder.clone(*op)->getResult(0));
      }
}

struct FuseElementwisePass : impl::FuseElementwiseBase<FuseElementwisePass> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    if (failed(writeSlices(getOperation())))
      return signalPassFailure();
    separateWidenings(getOperation());
    RewritePatternSet patterns(context);
    patterns.add<Generalize, TakeApart>(context);
    linalg::populateElementwiseOpsFusionPatterns(patterns, [this](OpOperand *operand) {
      bool fuse = worthFusing(operand);
      numFused += fuse;
      return fuse;
    });
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    linalg::GenericOp::getCanonicalizationPatterns(patterns, context);
    affine::AffineApplyOp::getCanonicalizationPatterns(patterns, context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace gqa
