// Affine expressions as sums of products.
#ifndef GQA_RAISE_LINEARFORM_H
#define GQA_RAISE_LINEARFORM_H

#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/SmallVector.h"

namespace gqa {

/// A sum of products: `constant + sum coefficient * term`, terms being variables, sizes that are not known,
/// floordivs, mods, or products of these.
struct LinearForm {
  int64_t constant = 0;
  llvm::SmallVector<std::pair<mlir::AffineExpr, int64_t>> terms;

  static LinearForm of(mlir::AffineExpr expr);
  mlir::AffineExpr build(mlir::MLIRContext *context) const;
  /// Adds `coefficient * term`, for a term that is no sum and has no constant factor.
  void add(mlir::AffineExpr term, int64_t coefficient);
  /// Adds `factor * expr`, for any expression.
  void accumulate(mlir::AffineExpr expr, int64_t factor);
  /// The coefficient of a term, 0 if absent.
  int64_t coefficientOf(mlir::AffineExpr term) const;
  /// True if all numbers are below 2^52 in magnitude: far from where sums of them would not fit.
  bool isSmall() const;

private:
  void accumulateProduct(const LinearForm &left, const LinearForm &right, mlir::MLIRContext *context,
                         int64_t factor);
};

/// What a term is the product of, in a fixed order.
llvm::SmallVector<mlir::AffineExpr, 2> factorsOf(mlir::AffineExpr term);
mlir::AffineExpr productOf(llvm::ArrayRef<mlir::AffineExpr> factors, mlir::MLIRContext *context);

/// `term` without the factors of `divisor`; null if it has not all of them.
mlir::AffineExpr divideTerm(mlir::AffineExpr term, mlir::AffineExpr divisor);

} // namespace gqa

#endif // GQA_RAISE_LINEARFORM_H
