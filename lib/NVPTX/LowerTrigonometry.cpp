// Sine and cosine of f32. The device's instructions know small angles only, and positions are large ones: a
// quarter turn is taken off in f64, where that is exact enough up to 2^50, and a polynomial computes the
// rest.
#include "TileLowering.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr double kTwoOverPi = 0.63661977236758134, kHalfPi = 1.5707963267948966,
                 kHalfPiRest = 6.123233995736766e-17;

/// Coefficients of Cephes (S. L. Moshier, sinf.c) for angles up to pi / 4: of r^7, r^5 and r^3, and of r^8,
/// r^6 and r^4.
constexpr double kSine[] = {-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1};
constexpr double kCosine[] = {2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2};

class Trigonometry {
public:
  explicit Trigonometry(Operation *op) : b(op->getLoc(), op), x(op->getOperand(0)) {}

  /// Of the angle and so many quarter turns.
  Value sineOf(int64_t quarters) {
    Value wide = arith::ExtFOp::create(b, b.getF64Type(), x);
    Value turns = math::RoundEvenOp::create(b, b.mulF(wide, f64(kTwoOverPi)));
    Value rest = LLVM::FMAOp::create(b, turns, f64(-kHalfPi), wide);
    rest = LLVM::FMAOp::create(b, turns, f64(-kHalfPiRest), rest);
    Value r = arith::TruncFOp::create(b, b.getF32Type(), rest), square = b.mulF(r, r);
    Value sine = b.fma(b.mulF(polynomial(square, kSine), square), r, r);
    Value cosine =
        b.fma(b.mulF(polynomial(square, kCosine), square), square, b.fma(square, b.f32(-0.5), b.f32(1)));
    Value count = arith::FPToSIOp::create(b, b.getI64Type(), turns);
    Value quarter = arith::TruncIOp::create(b, b.getI32Type(), count);
    quarter = arith::AddIOp::create(b, quarter, b.i32(quarters));
    Value isOdd = b.compare(arith::CmpIPredicate::ne, b.bitAnd(quarter, 1), b.i32(0));
    Value isNegative = b.compare(arith::CmpIPredicate::ne, b.bitAnd(quarter, 2), b.i32(0));
    Value result = b.select(isOdd, cosine, sine);
    return b.select(isNegative, arith::NegFOp::create(b, result), result);
  }

private:
  Value f64(double value) { return arith::ConstantOp::create(b, b.getF64FloatAttr(value)); }

  Value polynomial(Value square, ArrayRef<double> coefficients) {
    Value sum = b.f32(coefficients.front());
    for (double coefficient : coefficients.drop_front())
      sum = b.fma(sum, square, b.f32(coefficient));
    return sum;
  }

  NVVMBuilder b;
  Value x;
};

} // namespace

Value lowerTrigonometry(Operation *op) {
  if (isa<math::SinOp>(op))
    return Trigonometry(op).sineOf(0);
  return isa<math::CosOp>(op) ? Trigonometry(op).sineOf(1) : Value();
}

} // namespace gqa
