// Products of matrices as the device has them, and those that share a launch.
#ifndef GQA_LIB_NVPTX_SKINNYPRODUCTS_H
#define GQA_LIB_NVPTX_SKINNYPRODUCTS_H

#include "gqa/CPU/Products.h"

namespace gqa {

/// A product of the graph, with the fill in front of it and the rounding behind it as parts of it.
struct DeviceProduct {
  mlir::linalg::LinalgOp op;
  Product product;
  mlir::Value result;
  bool accumulates; ///< onto what is there

  mlir::Value left() const { return product.a.value; }
  mlir::Value right() const { return product.b.value; }
  unsigned batchDims() const { return product.batchDims; }
};

/// The most rows of a product that is skinny: as many as the right operand of a tensor core's product has
/// columns.
constexpr int64_t kMostSkinnyRows = 8;

/// One kernel for all products, which have a left operand of 1 to kMostSkinnyRows rows of f16 or bf16 in
/// common, and weights that lie in the same way. Rows of operands are contiguous, and known to be multiples
/// of 8 elements apart.
void buildSkinnyKernel(mlir::OpBuilder &builder, mlir::Location loc, mlir::ArrayRef<DeviceProduct> products);

/// Whether rows of a matrix begin at multiples of 16 bytes, if the buffer does.
bool hasWholePieces(mlir::Value matrix);

/// Splits products, which are in the order of the function, into those that may share a launch.
llvm::SmallVector<llvm::SmallVector<DeviceProduct>> groupProducts(mlir::ArrayRef<DeviceProduct> products);

/// Whether such a group is for buildSkinnyKernel, else for cuBLASLt, one by one.
bool isForSkinnyKernel(mlir::ArrayRef<DeviceProduct> group);

} // namespace gqa

#endif // GQA_LIB_NVPTX_SKINNYPRODUCTS_H
