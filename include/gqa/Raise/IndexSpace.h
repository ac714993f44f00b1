// Index arithmetic with known ranges: how an element's coordinates in one tensor follow from those in
// another.
#ifndef GQA_RAISE_INDEXSPACE_H
#define GQA_RAISE_INDEXSPACE_H

#include "gqa/Raise/LinearForm.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"

namespace gqa {

/// Variables `d0, d1, ...`, each running from 0 to its size, and the simplification of affine expressions
/// over them. Sizes that are not known are symbols `s0, s1, ...`, numbers not below 0.
///
/// Reshapes make `floordiv` and `mod`; with the ranges known most of them cancel: with `h < 6`,
/// `(b * 6 + h) floordiv 6` is `b`. A head map such as `h floordiv 3` is what is left, proven and not
/// guessed.
class IndexSpace {
public:
  explicit IndexSpace(mlir::MLIRContext *context) : context(context) {}

  /// A new variable with values in [0, size); `kDynamic` is a size of which nothing is known.
  mlir::AffineExpr addVariable(int64_t size);
  /// The same for a size that is an expression of symbols.
  mlir::AffineExpr addVariable(mlir::AffineExpr size);
  /// A new symbol.
  mlir::AffineExpr addSymbol() { return mlir::getAffineSymbolExpr(numSymbols++, context); }

  /// `kDynamic` if it is no constant.
  int64_t sizeOf(unsigned variable) const;
  /// Null if nothing is known.
  mlir::AffineExpr extentOf(unsigned variable) const { return extents[variable]; }
  unsigned numVariables() const { return extents.size(); }
  mlir::MLIRContext *getContext() const { return context; }

  /// An equal expression in a canonical form: two expressions that this can prove equal become the same
  /// object.
  mlir::AffineExpr simplify(mlir::AffineExpr expr) const;

  /// `expr` with `variable` replaced, simplified.
  mlir::AffineExpr substitute(mlir::AffineExpr expr, unsigned variable, mlir::AffineExpr replacement) const;

  /// `a / b`, if that is known to have no remainder; null if not.
  mlir::AffineExpr divide(mlir::AffineExpr a, mlir::AffineExpr b) const;

  /// Inclusive bounds; the limits of int64_t where there is none.
  struct Range {
    int64_t low, high;
    bool operator==(const Range &other) const { return low == other.low && high == other.high; }
  };
  Range rangeOf(mlir::AffineExpr expr) const;
  /// True if `expr` is known not to be below 0 anywhere.
  bool isNotNegative(mlir::AffineExpr expr) const { return rangeOf(simplify(expr)).low >= 0; }

  mlir::AffineExpr constant(int64_t value) const { return mlir::getAffineConstantExpr(value, context); }

private:
  int64_t lowestOf(const LinearForm &form) const;
  Range rangeOfTerm(mlir::AffineExpr term) const;

  mlir::MLIRContext *context;
  llvm::SmallVector<mlir::AffineExpr> extents;
  unsigned numSymbols = 0;
  mutable llvm::DenseMap<mlir::AffineExpr, mlir::AffineExpr> simplified; // what simplify was asked before
};

/// True if `expr` mentions the variable.
inline bool dependsOn(mlir::AffineExpr expr, unsigned variable) { return expr.isFunctionOfDim(variable); }

} // namespace gqa

#endif // GQA_RAISE_INDEXSPACE_H
