// Integers that are partly coordinates and partly data: `i + position[b]`.
#ifndef GQA_RAISE_INTEGERFORM_H
#define GQA_RAISE_INTEGERFORM_H

#include "gqa/Raise/Evaluator.h"

namespace gqa {

/// `affine + sum coefficient * data`, data being integers that no coordinate tells.
struct IntegerForm {
  mlir::AffineExpr affine;
  llvm::SmallVector<std::pair<Expr, int64_t>> data;

  /// Adds `factor * expr`; what is no sum is data.
  void accumulate(Evaluator &evaluator, Expr expr, int64_t factor, unsigned depth = 0);
  void addData(Expr expr, int64_t coefficient);
  void addAffine(ExprContext &context, mlir::AffineExpr expr, int64_t factor);
  bool hasSameData(const IntegerForm &other, int64_t factor) const;
};

/// `condition`, or its opposite, as "this form is not negative"; none if it is no comparison of integers of
/// 64 bits, of which sums are taken not to wrap around.
std::optional<IntegerForm> matchNotNegative(Evaluator &evaluator, Expr condition, bool negated);

} // namespace gqa

#endif // GQA_RAISE_INTEGERFORM_H
