// Powers, by what is known of the base or the exponent, or in f64 where nothing is.
#include "TileLowering.h"
#include "Units.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace gqa {
namespace {

/// A number of f64 to the power of an integer, such as the slopes of ALiBi: of its squares, those that bits
/// of the exponent stand for, multiplied.
Value lowerPowerOfInteger(math::PowFOp op) {
  auto exponent = op.getRhs().getDefiningOp<arith::SIToFPOp>();
  if (!exponent)
    return nullptr;
  NVVMBuilder b(op->getLoc(), op);
  Value n = exponent.getIn();
  auto integer = cast<IntegerType>(n.getType());
  Value zero = arith::ConstantOp::create(b, b.getIntegerAttr(integer, 0));
  Value one = arith::ConstantOp::create(b, b.getF64FloatAttr(1));
  Value isNegative = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, n, zero);
  Value bits = arith::SelectOp::create(b, isNegative, arith::SubIOp::create(b, zero, n), n);
  auto loop = scf::ForOp::create(b, b.index(0), b.index(integer.getWidth()), b.index(1),
                                 ValueRange{one, op.getLhs()});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value result = loop.getRegionIterArg(0), square = loop.getRegionIterArg(1);
    Value place = arith::IndexCastOp::create(b, integer, loop.getInductionVar());
    Value bit = arith::TruncIOp::create(b, b.getI1Type(), arith::ShRUIOp::create(b, bits, place));
    Value more = arith::MulFOp::create(b, result, square);
    scf::YieldOp::create(b, ValueRange{arith::SelectOp::create(b, bit, more, result),
                                       arith::MulFOp::create(b, square, square)});
  }
  Value power = loop.getResult(0);
  return arith::SelectOp::create(b, isNegative, arith::DivFOp::create(b, one, power), power);
}

/// A positive constant to the power of y, such as the frequencies of RoPE: 2^(y log2 c), where what f32
/// cannot hold of the exponent becomes a factor.
Value lowerPowerOfConstant(math::PowFOp op, double base) {
  NVVMBuilder b(op->getLoc(), op);
  double logarithm = std::log2(base);
  Value y = op.getRhs(), high = b.f32(float(logarithm)), low = b.f32(logarithm - double(float(logarithm)));
  Value exponent = b.mulF(y, high);
  Value rest = math::FmaOp::create(b, y, high, arith::NegFOp::create(b, exponent));
  rest = math::FmaOp::create(b, y, low, rest);
  Value factor = math::FmaOp::create(b, rest, b.f32(kLn2), b.f32(1));
  Value size = math::AbsFOp::create(b, exponent);
  Value isUsual = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, size, b.f32(256)); // no infinity
  return b.mulF(b.exp2(exponent), arith::SelectOp::create(b, isUsual, factor, b.f32(1)));
}

/// x^y of f32, neither of which is known: 2^(y log2 |x|), whose exponent is computed in f64. What C says of
/// zeros, infinities, NaN and negative bases holds.
class Power {
public:
  explicit Power(math::PowFOp op) : b(op->getLoc(), op), x(op.getLhs()), y(op.getRhs()) {}

  Value build() {
    Value size = math::AbsFOp::create(b, x), one = b.f32(1);
    Value exponent = b.mulF(wide(y), logarithm(size));
    exponent = b.select(b.equal(size, one), f64(0), exponent); // infinite powers of -1 are 1
    Value result = withSign(exp2(exponent));
    using Predicate = arith::CmpFPredicate;
    Value isNaN = arith::CmpFOp::create(b, Predicate::UNO, x, y);
    result = b.select(isNaN, b.f32(std::numeric_limits<double>::quiet_NaN()), result);
    Value isOne = arith::OrIOp::create(b, b.equal(x, one), b.equal(y, b.f32(0)));
    return b.select(isOne, one, result);
  }

private:
  Value f64(double value) { return arith::ConstantOp::create(b, b.getF64FloatAttr(value)); }
  Value i64(int64_t value) { return arith::ConstantIntOp::create(b, value, 64); }
  Value wide(Value number) { return arith::ExtFOp::create(b, b.getF64Type(), number); }

  /// To the base 2: of the exponent, which every f32 has in f64, and of a mantissa between the roots of 1/2
  /// and 2, by the series of the area tangent, whose first term left out is 2e-12 of it.
  Value logarithm(Value size) {
    constexpr int64_t kMantissaBits = 52, kBias = 1023, kRootOf2 = 0x6A09E667F3BCD;
    Value bits = arith::BitcastOp::create(b, b.getI64Type(), wide(size));
    Value fraction = arith::AndIOp::create(b, bits, i64((int64_t(1) << kMantissaBits) - 1));
    Value isLarge = b.compare(arith::CmpIPredicate::sgt, fraction, i64(kRootOf2));
    Value more = arith::ExtUIOp::create(b, b.getI64Type(), isLarge);
    Value power = arith::AddIOp::create(b, arith::ShRUIOp::create(b, bits, i64(kMantissaBits)), more);
    Value place = arith::ShLIOp::create(b, arith::SubIOp::create(b, i64(kBias), more), i64(kMantissaBits));
    Value mantissa = arith::BitcastOp::create(b, b.getF64Type(), arith::OrIOp::create(b, fraction, place));
    Value t = arith::DivFOp::create(b, b.subF(mantissa, f64(1)), b.addF(mantissa, f64(1)));
    Value square = b.mulF(t, t), sum = f64(1.0 / 13);
    for (int64_t n = 11; n > 0; n -= 2)
      sum = LLVM::FMAOp::create(b, sum, square, f64(1.0 / double(n)));
    Value whole = arith::SIToFPOp::create(b, b.getF64Type(), arith::SubIOp::create(b, power, i64(kBias)));
    Value result = LLVM::FMAOp::create(b, b.mulF(t, f64(2 / double(kLn2))), sum, whole);
    double infinity = std::numeric_limits<double>::infinity();
    result = b.select(b.equal(size, b.f32(0)), f64(-infinity), result);
    return b.select(b.equal(size, b.infinity(false)), f64(infinity), result);
  }

  /// In f64 what is no normal number of f32 is rounded once.
  Value exp2(Value exponent) {
    constexpr double kMost = 400; // beyond, a result is 0 or infinite
    Value bounded = b.select(less(exponent, f64(-kMost)), f64(-kMost), exponent);
    bounded = b.select(less(f64(kMost), bounded), f64(kMost), bounded); // of NaN too, which is left out later
    bounded =
        b.select(arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, exponent, exponent), f64(0), bounded);
    Value whole = math::RoundEvenOp::create(b, bounded);
    Value rest = arith::TruncFOp::create(b, b.getF32Type(), b.subF(bounded, whole));
    Value n = arith::FPToSIOp::create(b, b.getI64Type(), whole);
    Value bits = arith::ShLIOp::create(b, arith::AddIOp::create(b, n, i64(1023)), i64(52));
    Value power = arith::BitcastOp::create(b, b.getF64Type(), bits);
    return arith::TruncFOp::create(b, b.getF32Type(), b.mulF(wide(b.exp2(rest)), power));
  }

  Value less(Value a, Value c) { return arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, a, c); }

  /// Negative bases have powers of integers alone, and odd ones are negative. From 2^24 on all are even.
  Value withSign(Value power) {
    Value isSmall = less(math::AbsFOp::create(b, y), b.f32(0x1p24));
    Value whole = arith::FPToSIOp::create(b, b.getI32Type(), b.select(isSmall, y, b.f32(0)));
    Value isWhole =
        b.equal(arith::SIToFPOp::create(b, b.getF32Type(), whole), b.select(isSmall, y, b.f32(0)));
    Value isOdd = b.compare(arith::CmpIPredicate::ne, b.bitAnd(whole, 1), b.i32(0));
    Value bits = arith::BitcastOp::create(b, b.getI32Type(), x);
    Value isNegative = b.compare(arith::CmpIPredicate::slt, bits, b.i32(0)); // a zero may be
    Value turns = arith::AndIOp::create(b, isNegative, arith::AndIOp::create(b, isWhole, isOdd));
    Value signedPower = b.select(turns, arith::NegFOp::create(b, power), power);
    Value yes = arith::ConstantOp::create(b, b.getBoolAttr(true));
    Value isBelow = arith::AndIOp::create(b, less(x, b.f32(0)), less(b.infinity(true), x));
    Value isNone = arith::AndIOp::create(b, isBelow, arith::XOrIOp::create(b, isWhole, yes));
    return b.select(isNone, b.f32(std::numeric_limits<double>::quiet_NaN()), signedPower);
  }

  NVVMBuilder b;
  Value x, y;
};

} // namespace

Value lowerPower(Operation *op) {
  auto power = dyn_cast<math::PowFOp>(op);
  if (!power)
    return nullptr;
  if (power.getType().isF64())
    return lowerPowerOfInteger(power);
  if (!power.getType().isF32())
    return nullptr;
  APFloat base(0.0);
  bool isKnown = matchPattern(power.getLhs(), m_ConstantFloat(&base)) && base.isFiniteNonZero() &&
                 !base.isNegative() && base.convertToDouble() != 1;
  if (isKnown)
    return lowerPowerOfConstant(power, base.convertToDouble());
  return Power(power).build();
}

} // namespace gqa
