// Divisors in affine expressions.
#ifndef GQA_LIB_RAISE_DIVISORS_H
#define GQA_LIB_RAISE_DIVISORS_H

#include "mlir/IR/AffineExpr.h"

namespace gqa {

/// c of `x floordiv c` or `x mod c`; null if `expr` is nothing of that kind, or c a number that is not above
/// 0.
inline mlir::AffineExpr anyDivisorOf(mlir::AffineExpr expr, mlir::AffineExprKind kind) {
  auto binary = llvm::dyn_cast<mlir::AffineBinaryOpExpr>(expr);
  mlir::AffineExpr divisor = expr.getKind() == kind ? binary.getRHS() : mlir::AffineExpr();
  auto number = llvm::dyn_cast_if_present<mlir::AffineConstantExpr>(divisor);
  return number && number.getValue() <= 0 ? mlir::AffineExpr() : divisor;
}

/// The divisor of `x floordiv c` or `x mod c` with a constant above 0; 0 if `expr` is nothing of that kind.
inline int64_t divisorOf(mlir::AffineExpr expr, mlir::AffineExprKind kind) {
  auto divisor = llvm::dyn_cast_if_present<mlir::AffineConstantExpr>(anyDivisorOf(expr, kind));
  return divisor ? divisor.getValue() : 0;
}

} // namespace gqa

#endif // GQA_LIB_RAISE_DIVISORS_H
