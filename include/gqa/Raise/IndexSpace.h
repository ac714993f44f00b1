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
/// over them.
///
/// Reshapes make `floordiv` and `mod`; with the ranges known most of them cancel: with `h < 6`,
/// `(b * 6 + h) floordiv 6` is `b`. A head map such as `h floordiv 3` is what is left, proven and not
/// guessed.
class IndexSpace {
public:
  explicit IndexSpace(mlir::MLIRContext *context) : context(context) {}

  /// A new variable with values in [0, size); `kDynamic` is a size not known.
  mlir::AffineExpr addVariable(int64_t size);

  int64_t sizeOf(unsigned variable) const { return sizes[variable]; }
  unsigned numVariables() const { return sizes.size(); }
  mlir::MLIRContext *getContext() const { return context; }

  /// An equal expression in a canonical form: two expressions that this can prove equal become the same
  /// object.
  mlir::AffineExpr simplify(mlir::AffineExpr expr) const;

  /// `expr` with `variable` replaced, simplified.
  mlir::AffineExpr substitute(mlir::AffineExpr expr, unsigned variable, mlir::AffineExpr replacement) const;

  /// Inclusive bounds; the limits of int64_t where there is none.
  struct Range {
    int64_t low, high;
    bool operator==(const Range &other) const { return low == other.low && high == other.high; }
  };
  Range rangeOf(mlir::AffineExpr expr) const;

  mlir::AffineExpr constant(int64_t value) const { return mlir::getAffineConstantExpr(value, context); }

private:
  mlir::MLIRContext *context;
  llvm::SmallVector<int64_t> sizes;
  mutable llvm::DenseMap<mlir::AffineExpr, mlir::AffineExpr> simplified; // what simplify was asked before
};

/// True if `expr` mentions the variable.
inline bool dependsOn(mlir::AffineExpr expr, unsigned variable) { return expr.isFunctionOfDim(variable); }

} // namespace gqa

#endif // GQA_RAISE_INDEXSPACE_H
