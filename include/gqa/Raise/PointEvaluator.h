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

  /// The one element of a tensor that `expr`, which is constant, is computed from, with nothing else that
  /// follows coordinates; null if it is none.
  static Expr findOnlyLoad(Expr expr);

private:
  std::optional<double> apply(Expr expr) const;
  std::optional<double> floorOfQuotient(Expr quotient) const;
  int64_t evaluate(mlir::AffineExpr affine) const;

  const ExprContext &context;
  unsigned steps = 0;
  llvm::SmallVector<int64_t> coordinates;
  /// Where a load reads, in row-major order: often a sum of coordinates times their strides.
  struct Place {
    ConstantData tensor;
    mlir::AffineExpr position;
    bool isLinear = true;
    int64_t first = 0;
    llvm::SmallVector<std::pair<unsigned, int64_t>> strides;
  };
  double read(const Place &place) const;

  llvm::DenseMap<Expr, Place> places;
};

} // namespace gqa

#endif // GQA_RAISE_POINTEVALUATOR_H
