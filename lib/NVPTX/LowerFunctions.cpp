// Functions that have an instruction, or a short sequence of them, where LLVM would call a library or a
// subroutine.
#include "TileLowering.h"
#include "Units.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

#include <cmath>

using namespace mlir;

namespace gqa {
namespace {

constexpr double kLog10Of2 = 0.30102999566398120;

/// Logarithms by the one to the base 2.
Value lowerLogarithm(Operation *op, double factor) {
  NVVMBuilder b(op->getLoc(), op);
  return b.mulF(b.log2(op->getOperand(0)), b.f32(factor));
}

/// A division of the full range to 2 ulp, in line; the one that rounds correctly is a call.
Value lowerDivision(arith::DivFOp op) {
  OpBuilder b(op);
  auto name = b.getStringAttr("llvm.nvvm.div.full");
  return LLVM::CallIntrinsicOp::create(b, op.getLoc(), op.getType(), name, op.getOperands()).getResult(0);
}

/// A number of f64 to the power of an integer, such as the slopes of ALiBi: of its squares, those that bits
/// of the exponent stand for, multiplied.
Value lowerPowerOfInteger(math::PowFOp op) {
  auto exponent = op.getRhs().getDefiningOp<arith::SIToFPOp>();
  if (!exponent)
    return nullptr;
  NVVMBuilder b(op.getLoc(), op);
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
Value lowerPowerOfConstant(math::PowFOp op) {
  APFloat base(0.0);
  if (!op.getType().isF32() || !matchPattern(op.getLhs(), m_ConstantFloat(&base)))
    return nullptr;
  NVVMBuilder b(op.getLoc(), op);
  double logarithm = std::log2(base.convertToDouble());
  Value y = op.getRhs(), high = b.f32(float(logarithm)), low = b.f32(logarithm - double(float(logarithm)));
  Value exponent = b.mulF(y, high);
  Value rest = math::FmaOp::create(b, y, high, arith::NegFOp::create(b, exponent));
  rest = math::FmaOp::create(b, y, low, rest);
  Value factor = math::FmaOp::create(b, rest, b.f32(kLn2), b.f32(1));
  Value size = math::AbsFOp::create(b, exponent);
  Value isUsual = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, size, b.f32(256)); // no infinity
  return b.mulF(b.exp2(exponent), arith::SelectOp::create(b, isUsual, factor, b.f32(1)));
}

Value lower(Operation *op) {
  if (auto power = dyn_cast<math::PowFOp>(op))
    return power.getType().isF64() ? lowerPowerOfInteger(power) : lowerPowerOfConstant(power);
  if (op->getNumResults() != 1 || !op->getResult(0).getType().isF32())
    return nullptr;
  if (isa<math::LogOp>(op))
    return lowerLogarithm(op, kLn2);
  if (isa<math::Log2Op>(op))
    return lowerLogarithm(op, 1.0);
  if (isa<math::Log10Op>(op))
    return lowerLogarithm(op, kLog10Of2);
  if (auto division = dyn_cast<arith::DivFOp>(op))
    return lowerDivision(division);
  return lowerTrigonometry(op);
}

} // namespace

void lowerFunctions(Operation *kernels) {
  kernels->walk([](Operation *op) {
    if (Value value = lower(op)) {
      op->getResult(0).replaceAllUsesWith(value);
      op->erase();
    }
  });
}

} // namespace gqa
