// Counting through the elements of arrays, and affine functions of their indices.
#ifndef GQA_TEST_ROUNDTRIP_INDICES_H
#define GQA_TEST_ROUNDTRIP_INDICES_H

#include "mlir/Dialect/Affine/IR/AffineOps.h"

#include <numeric>

namespace gqa::roundtrip {

using Shape = llvm::SmallVector<int64_t>;

inline int64_t countOf(llvm::ArrayRef<int64_t> shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<>());
}

inline Shape stridesOf(llvm::ArrayRef<int64_t> shape) {
  Shape strides(shape.size(), 1);
  for (size_t dim = shape.size(); dim-- > 1;)
    strides[dim - 1] = strides[dim] * shape[dim];
  return strides;
}

/// Calls `visit` with all indices of a shape, the last running fastest.
template <typename Visit> void forEach(llvm::ArrayRef<int64_t> shape, Visit visit) {
  if (countOf(shape) == 0)
    return;
  Shape at(shape.size(), 0);
  while (true) {
    visit(at);
    size_t dim = shape.size();
    while (dim > 0 && ++at[dim - 1] == shape[dim - 1])
      at[--dim] = 0;
    if (dim == 0)
      return;
  }
}

/// The value of an expression of coordinates, none of which is negative.
int64_t valueOf(mlir::AffineExpr expr, llvm::ArrayRef<int64_t> dims);

/// The value of the operation at these operands.
int64_t valueOf(mlir::affine::AffineApplyOp apply, llvm::ArrayRef<double> operands);

} // namespace gqa::roundtrip

#endif // GQA_TEST_ROUNDTRIP_INDICES_H
