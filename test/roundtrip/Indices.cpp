// Affine functions of indices.
#include "Indices.h"

using namespace mlir;

namespace gqa::roundtrip {

int64_t valueOf(AffineExpr expr, ArrayRef<int64_t> dims) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t left = valueOf(binary.getLHS(), dims), right = valueOf(binary.getRHS(), dims);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return left + right;
  case AffineExprKind::Mul:
    return left * right;
  case AffineExprKind::FloorDiv:
    return left / right; // of coordinates, which are not negative
  default:
    return left % right;
  }
}

int64_t valueOf(affine::AffineApplyOp apply, ArrayRef<double> operands) {
  AffineMap map = apply.getAffineMap();
  SmallVector<AffineExpr> symbols; // as further dimensions
  for (unsigned n = 0; n < map.getNumSymbols(); ++n)
    symbols.push_back(getAffineDimExpr(map.getNumDims() + n, apply.getContext()));
  Shape numbers(operands.begin(), operands.end());
  return valueOf(map.getResult(0).replaceSymbols(symbols), numbers);
}

} // namespace gqa::roundtrip
