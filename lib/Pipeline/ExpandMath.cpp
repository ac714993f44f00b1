// gqa-expand-math: functions that the vectoriser can see through, and numbers that LLVM has no type for.
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_EXPANDMATH
#include "gqa/Pipeline/Passes.h.inc"

namespace {

/// Upstream's polynomial converts NaN to an integer, which may become anything, and yields e^-87.8 for -inf.
/// Keeps NaN away from it, and decides what lies beyond its range.
void guardExp(math::ExpOp exp) {
  if (!getElementTypeOrSelf(exp.getType()).isF32())
    return;
  ImplicitLocOpBuilder b(exp.getLoc(), exp);
  auto constant = [&](double value) -> Value {
    TypedAttr number = b.getF32FloatAttr(float(value));
    if (auto vector = dyn_cast<VectorType>(exp.getType()))
      number = DenseElementsAttr::get(vector, Attribute(number));
    return arith::ConstantOp::create(b, number);
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

/// The exponent of a power that upstream does not make products of. Its patterns never end on those.
std::optional<int64_t> getLargeExponent(Value exponent) {
  constexpr int64_t kMostUpstream = 8;
  APInt number;
  if (!matchPattern(exponent, m_ConstantInt(&number)) || number.abs().ule(kMostUpstream))
    return std::nullopt;
  return number.getSExtValue();
}

Value constantLike(ImplicitLocOpBuilder &b, Type type, TypedAttr number) {
  auto shaped = dyn_cast<ShapedType>(type);
  return arith::ConstantOp::create(b, shaped ? DenseElementsAttr::get(shaped, Attribute(number)) : number);
}

struct LargePower : OpRewritePattern<math::FPowIOp> {
  LargePower(MLIRContext *context) : OpRewritePattern(context, /*benefit=*/2) {}

  LogicalResult matchAndRewrite(math::FPowIOp op, PatternRewriter &rewriter) const override {
    std::optional<int64_t> exponent = getLargeExponent(op.getRhs());
    if (!exponent)
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type element = getElementTypeOrSelf(op.getType());
    Value real = constantLike(b, op.getType(), b.getFloatAttr(element, double(*exponent)));
    rewriter.replaceOpWithNewOp<math::PowFOp>(op, op.getLhs(), real);
    return success();
  }
};

/// x^n as (x^8)^(n / 8) * x^(n % 8).
struct LargeIntegerPower : OpRewritePattern<math::IPowIOp> {
  LargeIntegerPower(MLIRContext *context) : OpRewritePattern(context, /*benefit=*/2) {}

  LogicalResult matchAndRewrite(math::IPowIOp op, PatternRewriter &rewriter) const override {
    std::optional<int64_t> exponent = getLargeExponent(op.getRhs());
    if (!exponent)
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type element = getElementTypeOrSelf(op.getType());
    auto power = [&](Value x, int64_t n) -> Value {
      return math::IPowIOp::create(b, x, constantLike(b, op.getType(), b.getIntegerAttr(element, n)));
    };
    Value eighths = power(power(op.getLhs(), 8), *exponent / 8);
    rewriter.replaceOpWithNewOp<arith::MulIOp>(op, eighths, power(op.getLhs(), *exponent % 8));
    return success();
  }
};

/// A float of 8 bits, scalar or vector, by way of an f16 that has the same bits further up: LLVM has no such
/// type. f16 and bf16 hold all of its numbers as well.
struct WidenFloat8 : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtFOp op, PatternRewriter &rewriter) const override {
    Value narrow = op.getIn();
    Type element = getElementTypeOrSelf(narrow.getType());
    if (!isa<Float8E4M3FNType, Float8E5M2Type>(element))
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value bytes = arith::BitcastOp::create(b, withElement(narrow.getType(), b.getI8Type()), narrow);
    Value bits = arith::ExtUIOp::create(b, withElement(narrow.getType(), b.getI16Type()), bytes);
    Value wide = isa<Float8E5M2Type>(element) ? halfOf(b, arith::ShLIOp::create(b, bits, integer(b, bits, 8)))
                                              : widenE4M3(b, bits);
    Type type = op.getType();
    unsigned width = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
    if (width > 32)
      wide = arith::ExtFOp::create(b, type, wide);
    else if (width < 32)
      wide = arith::TruncFOp::create(b, type, wide);
    rewriter.replaceOp(op, wide);
    return success();
  }

private:
  static Type withElement(Type like, Type element) {
    auto shaped = dyn_cast<ShapedType>(like);
    return shaped ? Type(shaped.clone(element)) : element;
  }

  static Value integer(ImplicitLocOpBuilder &b, Value like, int64_t number) {
    return constantLike(b, like.getType(), b.getI16IntegerAttr(number));
  }
  static Value real(ImplicitLocOpBuilder &b, Value like, double number) {
    return constantLike(b, like.getType(), b.getF32FloatAttr(float(number)));
  }

  /// The f16 of these bits, as f32.
  static Value halfOf(ImplicitLocOpBuilder &b, Value bits) {
    Value half = arith::BitcastOp::create(b, withElement(bits.getType(), b.getF16Type()), bits);
    return arith::ExtFOp::create(b, withElement(bits.getType(), b.getF32Type()), half);
  }

  /// An exponent that is 8 less than an f16's. There are no infinities, and one NaN of either sign.
  static Value widenE4M3(ImplicitLocOpBuilder &b, Value bits) {
    Value magnitude = arith::AndIOp::create(b, bits, integer(b, bits, 0x7f));
    Value negative = arith::AndIOp::create(b, bits, integer(b, bits, 0x80));
    Value sign = arith::ShLIOp::create(b, negative, integer(b, bits, 8));
    Value moved = arith::ShLIOp::create(b, magnitude, integer(b, bits, 7));
    Value number = halfOf(b, arith::OrIOp::create(b, sign, moved));
    number = arith::MulFOp::create(b, number, real(b, number, 256));
    Value isNaN = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, magnitude, integer(b, bits, 0x7f));
    Value nan = real(b, number, std::numeric_limits<double>::quiet_NaN());
    return arith::SelectOp::create(b, isNaN, nan, number);
  }
};

struct ExpandMathPass : impl::ExpandMathBase<ExpandMathPass> {
  using ExpandMathBase::ExpandMathBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<LargePower, LargeIntegerPower, WidenFloat8>(&getContext());
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
