// Products of rows with the matrices of their groups, as front ends write them.
#ifndef GQA_PIPELINE_GROUPEDPRODUCT_H
#define GQA_PIPELINE_GROUPEDPRODUCT_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <optional>

namespace gqa {

inline mlir::RankedTensorType typeOf(mlir::Value tensor) {
  return mlir::cast<mlir::RankedTensorType>(tensor.getType());
}

/// Rows of one token each, times copies of matrices that `selection` takes from `matrices` by a number for
/// each row.
struct GroupedProduct {
  mlir::linalg::BatchMatmulOp op;    // R x 1 x K times R x K x N
  mlir::linalg::GenericOp selection; // makes the latter
  mlir::tensor::ExtractOp element;   // of the matrices, in its body
  mlir::Value matrices;              // E x K x N or, transposed, E x N x K
  bool isTransposed = false;

  bool hasStaticRows() const { return !mlir::ShapedType::isDynamic(rows()); }
  int64_t rows() const { return typeOf(op->getResult(0)).getDimSize(0); }
  int64_t columns() const { return typeOf(op->getResult(0)).getDimSize(2); }
  int64_t depth() const { return typeOf(op->getOperand(0)).getDimSize(2); }
  int64_t groups() const { return typeOf(matrices).getDimSize(0); }

  /// Whether a GPU's kernel multiplies it as it is: of 16 bits, 16 bytes of a matrix at a time.
  bool isForTensorCores();
};

/// What `op` is, if it is one and of static sizes; how many rows there are may be known when it runs.
std::optional<GroupedProduct> matchGroupedProduct(mlir::linalg::BatchMatmulOp op);

/// Whether `op` is such a product that takes the elements of a row's matrix in its body.
bool takesMatrices(mlir::linalg::LinalgOp op);

} // namespace gqa

#endif // GQA_PIPELINE_GROUPEDPRODUCT_H
