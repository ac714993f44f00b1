// gqa-fuse-elementwise, gqa-separate-fills and gqa-relax-reductions: the loops of everything that is not
// attention.
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_FUSEELEMENTWISE
#define GEN_PASS_DEF_RELAXREDUCTIONS
#define GEN_PASS_DEF_SEPARATEFILLS
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

bool isExpensive(linalg::LinalgOp op) {
  return llvm::any_of(op->getRegion(0).front(), [](Operation &inner) {
    return isa<arith::DivFOp, arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, tensor::ExtractOp>(inner) ||
           inner.getName().getDialectNamespace() == "math";
  });
}

bool worthFusing(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::LinalgOp>();
  auto consumer = dyn_cast<linalg::LinalgOp>(operand->getOwner());
  if (!producer || !consumer || !producer->hasOneUse())
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
    separateWidenings(getOperation());
    RewritePatternSet patterns(context);
    patterns.add<Generalize>(context);
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

struct SeparateFillsPass : impl::SeparateFillsBase<SeparateFillsPass> {
  void runOnOperation() override {
    SmallVector<linalg::FillOp> fills;
    getOperation()->walk([&](linalg::FillOp fill) { fills.push_back(fill); });
    for (linalg::FillOp fill : fills) {
      auto empty = fill.getOutputs()[0].getDefiningOp<tensor::EmptyOp>();
      if (!empty || !fill.hasPureTensorSemantics())
        continue;
      for (OpOperand &use : llvm::make_early_inc_range(fill->getUses())) {
        auto user = dyn_cast<DestinationStyleOpInterface>(use.getOwner());
        if (!user || !user.isDpsInit(&use) || fill->hasOneUse())
          continue;
        OpBuilder builder(user);
        IRMapping mapping;
        builder.clone(*empty, mapping);
        use.set(builder.clone(*fill, mapping)->getResult(0));
        ++numSeparated;
      }
    }
  }
};

/// Marks the last addition or multiplication of the accumulator, if that is how it is combined.
void relax(linalg::GenericOp op) {
  Block &body = op.getRegion().front();
  for (auto [index, yielded] : llvm::enumerate(body.getTerminator()->getOperands())) {
    Operation *combine = yielded.getDefiningOp();
    if (!isa_and_present<arith::AddFOp, arith::MulFOp>(combine))
      continue;
    BlockArgument accumulator = body.getArgument(op.getNumDpsInputs() + unsigned(index));
    if (!llvm::is_contained(combine->getOperands(), accumulator))
      continue;
    combine->setAttr("fastmath",
                     arith::FastMathFlagsAttr::get(op.getContext(), arith::FastMathFlags::reassoc));
  }
}

struct RelaxReductionsPass : impl::RelaxReductionsBase<RelaxReductionsPass> {
  void runOnOperation() override {
    getOperation()->walk([](linalg::GenericOp op) {
      if (op.getNumReductionLoops())
        relax(op);
    });
  }
};

} // namespace
} // namespace gqa
