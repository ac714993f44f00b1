// Upstream's patterns and passes, as any pipeline might run them.
#include "Scramble.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace gqa::roundtrip {
namespace {

template <typename Populate> bool applyPatterns(Scrambler &s, Populate populate) {
  RewritePatternSet patterns(s.function.getContext());
  populate(patterns);
  bool changed = false;
  return succeeded(applyPatternsGreedily(s.function, std::move(patterns), {}, &changed)) && changed;
}

template <typename Create> bool runPass(Scrambler &s, Create create) {
  PassManager manager(s.function.getContext(), func::FuncOp::getOperationName());
  manager.addPass(create());
  return succeeded(manager.run(s.function));
}

bool canonicalize(Scrambler &s) {
  return runPass(s, [] { return createCanonicalizerPass(); });
}

bool eliminateCommon(Scrambler &s) {
  return runPass(s, [] { return createCSEPass(); });
}

bool generalize(Scrambler &s) {
  auto isNamed = [](linalg::LinalgOp op) { return !isa<linalg::GenericOp>(op); };
  bool changed = false;
  for (linalg::LinalgOp op : s.all<linalg::LinalgOp>())
    if (isNamed(op) && s.random.oneIn(2)) {
      s.rewriter.setInsertionPoint(op);
      changed |= succeeded(linalg::generalizeNamedOp(s.rewriter, op));
    }
  return changed;
}

bool specialize(Scrambler &s) {
  bool changed = false;
  // Upstream takes a contraction with several batch dimensions, or with one that an operand does not have,
  // for a batch_matmul.
  auto isSafe = [](linalg::GenericOp op) { return op.getNumReductionLoops() == 0 || op.getNumLoops() <= 3; };
  for (linalg::GenericOp op : s.all<linalg::GenericOp>())
    if (isSafe(op) && s.random.oneIn(2)) {
      s.rewriter.setInsertionPoint(op);
      changed |= succeeded(linalg::specializeGenericOp(s.rewriter, op));
    }
  return changed;
}

bool decompose(Scrambler &s) {
  return applyPatterns(
      s, [](RewritePatternSet &patterns) { linalg::populateDecomposeLinalgOpsPattern(patterns); });
}

bool fuse(Scrambler &s) {
  return applyPatterns(s, [](RewritePatternSet &patterns) {
    linalg::populateElementwiseOpsFusionPatterns(patterns, [](OpOperand *) { return true; });
  });
}

bool fuseSome(Scrambler &s) {
  size_t least = 1 + s.random.below(4);
  return applyPatterns(s, [=](RewritePatternSet &patterns) {
    linalg::populateElementwiseOpsFusionPatterns(patterns, [=](OpOperand *operand) {
      return operand->get().hasOneUse() && operand->getOwner()->getNumOperands() > least;
    });
  });
}

/// Reshapes move through elementwise operations; those that come from sizes that are not known stay.
bool isStatic(OpOperand *operand) {
  return cast<RankedTensorType>(operand->get().getType()).hasStaticShape();
}

bool expandLoops(Scrambler &s) {
  return applyPatterns(s, [](RewritePatternSet &patterns) {
    linalg::populateFoldReshapeOpsByExpansionPatterns(patterns, isStatic);
  });
}

bool collapseReshapes(Scrambler &s) {
  return applyPatterns(s, [](RewritePatternSet &patterns) {
    linalg::populateFoldReshapeOpsByCollapsingPatterns(patterns, isStatic);
  });
}

bool foldUnitDims(Scrambler &s) {
  return applyPatterns(s, [](RewritePatternSet &patterns) {
    linalg::ControlDropUnitDims control;
    linalg::populateFoldUnitExtentDimsPatterns(patterns, control);
  });
}

bool inlineConstants(Scrambler &s) {
  return applyPatterns(
      s, [](RewritePatternSet &patterns) { linalg::populateInlineConstantOperandsPatterns(patterns); });
}

bool tensorsToLoops(Scrambler &s) {
  return applyPatterns(s, [](RewritePatternSet &patterns) {
    linalg::populateElementwiseToLinalgConversionPatterns(patterns);
  });
}

bool eraseUnused(Scrambler &s) {
  return applyPatterns(s, [](RewritePatternSet &patterns) {
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
  });
}

/// A loop over one operation as that operation on whole tensors.
bool loopsToTensors(Scrambler &s) {
  auto isOnTensors = [](linalg::GenericOp op) {
    Block *body = op.getBody();
    if (op.getNumResults() != 1 || op.getNumReductionLoops() != 0 || body->getOperations().size() != 2)
      return false;
    Operation &inner = body->front();
    auto isElement = [&](Value value) {
      auto argument = dyn_cast<BlockArgument>(value);
      return argument && argument.getOwner() == body && argument.getArgNumber() < op.getNumDpsInputs() &&
             isa<RankedTensorType>(op.getInputs()[argument.getArgNumber()].getType());
    };
    return OpTrait::hasElementwiseMappableTraits(&inner) &&
           body->getTerminator()->getOperand(0).getDefiningOp() == &inner &&
           llvm::all_of(inner.getOperands(), isElement) &&
           llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) { return map.isIdentity(); });
  };
  auto op = s.pick<linalg::GenericOp>(isOnTensors);
  if (!op)
    return false;
  Operation &inner = op.getBody()->front();
  SmallVector<Value> operands;
  for (Value operand : inner.getOperands())
    operands.push_back(op.getInputs()[cast<BlockArgument>(operand).getArgNumber()]);
  s.rewriter.setInsertionPoint(op);
  OperationState state(op.getLoc(), inner.getName(), operands, op.getResultTypes(),
                       inner.getAttrDictionary().getValue());
  s.rewriter.replaceOp(op, s.rewriter.create(state));
  return true;
}

} // namespace

ArrayRef<Rewrite> upstreamRewrites() {
  static const Rewrite rewrites[] = {{"canonicalize", canonicalize},
                                     {"cse", eliminateCommon},
                                     {"generalize", generalize},
                                     {"specialize", specialize},
                                     {"decompose", decompose},
                                     {"fuse", fuse},
                                     {"fuse-some", fuseSome},
                                     {"expand-loops", expandLoops},
                                     {"collapse-reshapes", collapseReshapes},
                                     {"fold-unit-dims", foldUnitDims},
                                     {"inline-constants", inlineConstants},
                                     {"tensors-to-loops", tensorsToLoops},
                                     {"loops-to-tensors", loopsToTensors},
                                     {"erase-unused", eraseUnused}};
  return rewrites;
}

ArrayRef<Rewrite> generalRewrites() {
  static const SmallVector<Rewrite> all = [] {
    SmallVector<Rewrite> all;
    for (ArrayRef<Rewrite> part : {movementRewrites(), scalarRewrites(), upstreamRewrites()})
      all.append(part.begin(), part.end());
    return all;
  }();
  return all;
}

} // namespace gqa::roundtrip
