// Sizes that types do not know, and integers made of them, as far as they can be told to be equal.
#ifndef GQA_RAISE_SIZES_H
#define GQA_RAISE_SIZES_H

#include "gqa/Raise/IndexSpace.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/EquivalenceClasses.h"

namespace gqa {

/// Dimensions of the source and of the result of a reshape that hold the same elements, in order.
struct ReshapeGroup {
  llvm::SmallVector<int64_t, 2> source, result;
};

/// Sizes as affine expressions: numbers, and a symbol of the index space for each size that nothing tells.
class Sizes {
public:
  explicit Sizes(IndexSpace &space) : space(space) {}

  /// Of a dimension.
  mlir::AffineExpr of(mlir::Value tensor, int64_t dim);

  /// An integer or index that is computed from sizes; null if it is computed from anything else. Sums and
  /// products are taken not to wrap around.
  mlir::AffineExpr of(mlir::Value integer);

  /// A size given as an operand or an attribute.
  mlir::AffineExpr of(mlir::OpFoldResult size);

  /// Two sizes that are the same because an operation runs over both.
  void assumeEqual(mlir::AffineExpr a, mlir::AffineExpr b);
  bool areEqual(mlir::AffineExpr a, mlir::AffineExpr b) const;

  /// `a / b`, for `a` or any size that is the same; null if nothing says that there is no remainder.
  mlir::AffineExpr divide(mlir::AffineExpr a, mlir::AffineExpr b) const;

  /// The dimension of a tensor that a symbol stands for, or a value (dimension -1).
  std::pair<mlir::Value, int64_t> sourceOf(unsigned symbol) const { return sources[symbol]; }

  /// The groups of a tensor.reshape, as fine as sizes tell; none if they do not.
  std::optional<llvm::SmallVector<ReshapeGroup>> groupsOf(mlir::tensor::ReshapeOp op);

private:
  mlir::AffineExpr computeDim(mlir::Value tensor, int64_t dim);
  mlir::AffineExpr compute(mlir::Value integer);
  mlir::AffineExpr computeBinary(mlir::Operation *op);
  mlir::AffineExpr computeSelect(mlir::Operation *op);
  void compareCounts(mlir::tensor::ReshapeOp op);
  bool pairFactors(llvm::ArrayRef<mlir::AffineExpr> larger, llvm::SmallVector<mlir::AffineExpr> smaller);
  void readLoops(mlir::Value tensor);
  void readAssertions(mlir::AffineExpr size, mlir::Operation *op);
  void assume(mlir::arith::CmpIOp compare);
  mlir::AffineExpr canonical(mlir::AffineExpr size) const;
  mlir::AffineExpr symbolFor(mlir::Value value, int64_t dim);

  IndexSpace &space;
  unsigned depth = 0; ///< of the question being answered
  llvm::SmallVector<std::pair<mlir::Value, int64_t>> sources;
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, mlir::AffineExpr> known;
  llvm::EquivalenceClasses<const void *> equal;
  /// Of symbols that are equal, all but one lead to another.
  llvm::DenseMap<mlir::AffineExpr, mlir::AffineExpr> replacements;
  llvm::DenseSet<std::pair<mlir::AffineExpr, mlir::AffineExpr>> notLess; ///< The first than the second.
};

} // namespace gqa

#endif // GQA_RAISE_SIZES_H
