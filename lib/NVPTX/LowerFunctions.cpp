// Functions that have an instruction, or a short sequence of them, where LLVM would call a library or a
// subroutine.
#include "TileLowering.h"
#include "Units.h"

#include "mlir/Dialect/Math/IR/Math.h"

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

Value lower(Operation *op) {
  if (isa<math::PowFOp>(op))
    return lowerPower(op);
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
