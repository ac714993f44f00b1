// The number that an expression of constants and coordinates is at one point.
#ifndef GQA_RAISE_POINTEVALUATOR_H
#define GQA_RAISE_POINTEVALUATOR_H

#include "gqa/Raise/ConstantData.h"
#include "gqa/Raise/Expr.h"

namespace gqa {

/// Computes in doubles, which is exact for conditions, integers below 2^53 and f32 without rounding;
/// operations that would round are not known here.
class PointEvaluator {
public:
  explicit PointEvaluator(const ExprContext &context) : context(context) {}

  /// Whether all of `expr` is made of constants (read inside of their tensors) and coordinates, not too many.
  bool isConstant(Expr expr);

  void set(unsigned variable, int64_t value) {
    if (coordinates.size() <= variable)
      coordinates.resize(variable + 1, 0);
    coordinates[variable] = value;
  }

  /// None at operations that are not known.
  std::optional<double> evaluate(Expr expr) const;

private:
  std::optional<double> apply(Expr expr) const;
  std::optional<double> floorOfQuotient(Expr quotient) const;
  int64_t evaluate(mlir::AffineExpr affine) const;

  const ExprContext &context;
  unsigned steps = 0;
  llvm::SmallVector<int64_t> coordinates;
  llvm::DenseMap<mlir::Value, ConstantData> tensors;
  llvm::DenseMap<Expr, mlir::AffineExpr> positions; ///< of loads, in row-major order
};

} // namespace gqa

#endif // GQA_RAISE_POINTEVALUATOR_H
