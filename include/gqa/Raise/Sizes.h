// Sizes that types do not know, as far as two of them can be told to be equal.
#ifndef GQA_RAISE_SIZES_H
#define GQA_RAISE_SIZES_H

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"

namespace gqa {

/// A number times sizes that are not known; each of these is a dimension of a tensor, or a value.
struct Size {
  int64_t factor = 1;
  llvm::SmallVector<std::pair<mlir::Value, int64_t>, 1> unknowns; ///< dimension -1: the value itself; sorted

  static Size of(mlir::Value tensor, int64_t dim);
  /// Of a value of an integer type or of type index.
  static Size of(mlir::Value value);

  Size operator*(const Size &other) const;
  bool operator==(const Size &other) const { return factor == other.factor && unknowns == other.unknowns; }
  /// This divided by `other`; none if it does not divide evenly.
  std::optional<Size> dividedBy(const Size &other) const;
};

/// Dimensions of the source and of the result of a reshape that hold the same elements, in order.
struct ReshapeGroup {
  llvm::SmallVector<int64_t, 2> source, result;
};

/// The groups of a tensor.reshape, as fine as sizes tell; none if they do not.
std::optional<llvm::SmallVector<ReshapeGroup>> groupsOf(mlir::tensor::ReshapeOp op);

} // namespace gqa

#endif // GQA_RAISE_SIZES_H
