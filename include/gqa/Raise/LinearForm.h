// Affine expressions as sums of products.
#ifndef GQA_RAISE_LINEARFORM_H
#define GQA_RAISE_LINEARFORM_H

#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/SmallVector.h"

namespace gqa {

/// A sum of products: `constant + sum coefficient * term`, terms being variables, floordivs or mods.
struct LinearForm {
  int64_t constant = 0;
  llvm::SmallVector<std::pair<mlir::AffineExpr, int64_t>> terms;

  static LinearForm of(mlir::AffineExpr expr);
  mlir::AffineExpr build(mlir::MLIRContext *context) const;
  /// Adds `coefficient * term`, for a term that is no sum.
  void add(mlir::AffineExpr term, int64_t coefficient);
  /// Adds `factor * expr`, for any expression.
  void accumulate(mlir::AffineExpr expr, int64_t factor);
  /// The coefficient of a term, 0 if absent.
  int64_t coefficientOf(mlir::AffineExpr term) const;
  /// True if all numbers are below 2^52 in magnitude: far from where sums of them would not fit.
  bool isSmall() const;
};

} // namespace gqa

#endif // GQA_RAISE_LINEARFORM_H
