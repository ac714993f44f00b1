// gqa-expand-math: functions that the vectoriser can see through.
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_EXPANDMATH
#include "gqa/Pipeline/Passes.h.inc"

namespace {

/// Upstream's polynomial converts NaN to an integer, which may become anything, and yields e^-87.8 for -inf.
/// Keeps NaN away from it, and decides what lies beyond its range.
void guardExp(math::ExpOp exp) {
  if (!exp.getType().isF32())
    return;
  ImplicitLocOpBuilder b(exp.getLoc(), exp);
  auto constant = [&](double value) -> Value {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(float(value)));
  };
  Value x = exp.getOperand(), zero = constant(0);
  Value nan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x);
  Value small = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x,
                                      constant(-0x1.5d589ep6)); // ln of the least normal
  Value large =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, constant(0x1.62e42ep6)); // ln of the largest
  exp->setOperand(0, arith::SelectOp::create(b, nan, zero, x));
  b.setInsertionPointAfter(exp);
  Value infinity = constant(std::numeric_limits<double>::infinity());
  Value inRange = arith::SelectOp::create(b, small, zero, exp.getResult());
  Value bounded = arith::SelectOp::create(b, large, infinity, inRange);
  Value result = arith::SelectOp::create(b, nan, x, bounded);
  exp.getResult().replaceUsesWithIf(
      result, [&](OpOperand &use) { return use.getOwner() != inRange.getDefiningOp(); });
}

struct ExpandMathPass : impl::ExpandMathBase<ExpandMathPass> {
  using ExpandMathBase::ExpandMathBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateMathAlgebraicSimplificationPatterns(patterns);
    math::populateExpansionPatterns(patterns, {"rsqrt", "ceilf", "clampf"});
    if (polynomials) {
      getOperation()->walk(guardExp);
      populateMathPolynomialApproximationPatterns(patterns, [](StringRef name) {
        return llvm::is_contained({math::ExpOp::getOperationName(), math::ExpM1Op::getOperationName(),
                                   math::TanhOp::getOperationName(), math::ErfOp::getOperationName(),
                                   math::Log1pOp::getOperationName()},
                                  name);
      });
    }
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace gqa
