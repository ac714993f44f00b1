// What lib/NVPTX has a lowering for, of the functions of numbers.
#include "gqa/Tile/Target.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace gqa {

/// Powers with an exponent that gqa-expand-math makes products, roots and reciprocals of.
static bool isExpandedPower(Operation &op) {
  if (auto power = dyn_cast<math::FPowIOp>(op)) {
    APInt exponent;
    return matchPattern(power.getRhs(), m_ConstantInt(&exponent)) && exponent.abs().ule(8);
  }
  auto power = dyn_cast<math::PowFOp>(op);
  APFloat exponent(0.0);
  if (!power || !matchPattern(power.getRhs(), m_ConstantFloat(&exponent)))
    return false;
  return llvm::any_of(ArrayRef{0.0, 1.0, -1.0, 2.0, 3.0, 0.5, -0.5, 0.75},
                      [&](double value) { return exponent.convertToDouble() == value; });
}

/// Of f64: what squares of a number are multiplied to. Of f32 the errors of that would be seen.
static bool isPowerOfInteger(Operation &op) {
  auto power = dyn_cast<math::PowFOp>(op);
  auto exponent = power ? power.getRhs().getDefiningOp<arith::SIToFPOp>() : arith::SIToFPOp();
  return exponent && power.getType().isF64() && exponent.getIn().getType().isInteger();
}

/// Those that become arithmetic and functions that the device has.
static bool isComplexForDevice(Operation &op) {
  if (isa<complex::ExpOp>(op)) // by a sine and a cosine
    return cast<ComplexType>(op.getResult(0).getType()).getElementType().isF32();
  return isa<complex::AbsOp, complex::AddOp, complex::ConjOp, complex::ConstantOp, complex::CreateOp,
             complex::DivOp, complex::EqualOp, complex::ImOp, complex::MulOp, complex::NegOp,
             complex::NotEqualOp, complex::ReOp, complex::SubOp>(op);
}

bool hasDeviceLowering(Operation &op) {
  if (isa_and_nonnull<complex::ComplexDialect>(op.getDialect()))
    return isComplexForDevice(op);
  if (!isa_and_nonnull<math::MathDialect>(op.getDialect()))
    return true;
  if (llvm::any_of(op.getOperandTypes(), [](Type type) { return type.isF64(); }))
    return isa<math::AbsFOp, math::CeilOp, math::FloorOp, math::FmaOp, math::SqrtOp>(op) ||
           isPowerOfInteger(op) || isExpandedPower(op);
  return isa<math::AbsFOp, math::AbsIOp, math::CeilOp, math::CopySignOp, math::CosOp, math::ErfOp,
             math::Exp2Op, math::ExpM1Op, math::ExpOp, math::FloorOp, math::FmaOp, math::Log10Op,
             math::Log1pOp, math::Log2Op, math::LogOp, math::PowFOp, math::RoundEvenOp, math::RsqrtOp,
             math::SinOp, math::SqrtOp, math::TanhOp>(op) ||
         isExpandedPower(op);
}

} // namespace gqa
