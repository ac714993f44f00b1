// gqa-expand-math: functions that the vectoriser can see through.
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_EXPANDMATH
#include "gqa/Pipeline/Passes.h.inc"

namespace {

struct ExpandMathPass : impl::ExpandMathBase<ExpandMathPass> {
  using ExpandMathBase::ExpandMathBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateMathAlgebraicSimplificationPatterns(patterns);
    math::populateExpansionPatterns(patterns, {"rsqrt", "ceilf", "clampf"});
    if (polynomials)
      populateMathPolynomialApproximationPatterns(patterns, [](StringRef name) {
        return llvm::is_contained({math::ExpOp::getOperationName(), math::ExpM1Op::getOperationName(),
                                   math::TanhOp::getOperationName(), math::ErfOp::getOperationName(),
                                   math::LogOp::getOperationName(), math::Log1pOp::getOperationName(),
                                   math::Log2Op::getOperationName(), math::AtanOp::getOperationName()},
                                  name);
      });
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace gqa
