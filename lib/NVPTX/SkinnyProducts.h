// Products of matrices as the device has them, and those that share a launch.
#ifndef GQA_LIB_NVPTX_SKINNYPRODUCTS_H
#define GQA_LIB_NVPTX_SKINNYPRODUCTS_H

#include "LoopKernel.h"
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

/// A block streams the weights of its columns, and fewer than an H200 has multiprocessors leave memory idle.
constexpr int64_t kLeastBlocks = 128;

/// Products of which a block has the same columns: all that one point-wise operation reads and nobody else,
/// its epilogue, which the block computes and whose result it stores instead of theirs; or one product.
struct FusedProducts {
  llvm::SmallVector<DeviceProduct, 2> members;
  mlir::linalg::LinalgOp epilogue; ///< or null

  /// The member whose result an operand of the epilogue has, as it is or in another shape.
  std::optional<size_t> memberOf(mlir::OpOperand &operand) const;
};

/// One kernel for all products, which have a left operand of 1 to kMostSkinnyRows rows of f16 or bf16 in
/// common, and weights that lie in the same way. Rows of operands are contiguous, and known to be multiples
/// of 8 elements apart. With a `prologue` the operand is computed by each block. It and epilogues are left to
/// erase.
void buildSkinnyKernel(mlir::OpBuilder &builder, mlir::Location loc, mlir::ArrayRef<FusedProducts> products,
                       const RowGroup &prologue = {});

/// The warps of its blocks.
int64_t countWarps(mlir::ArrayRef<FusedProducts> products);

/// Whether rows of a matrix begin at multiples of 16 bytes, if the buffer does.
bool hasWholePieces(mlir::Value matrix);

/// Splits products, which are in the order of the function, into those that may share a launch.
llvm::SmallVector<llvm::SmallVector<DeviceProduct>> groupProducts(mlir::ArrayRef<DeviceProduct> products);

/// Finds the epilogues of such a group, of a known number of rows, and moves what they need in front of its
/// last product.
llvm::SmallVector<FusedProducts> fuseEpilogues(mlir::ArrayRef<DeviceProduct> group);

/// How many elements a sum of the product has, and how many blocks its columns are.
int64_t depthOf(const DeviceProduct &product);
int64_t countBlocks(const DeviceProduct &product);

/// The operations that compute the rows of the products' left operand, and nothing else that is read, if each
/// block may do that as well; else none.
RowGroup findPrologue(mlir::ArrayRef<DeviceProduct> group, mlir::ArrayRef<FusedProducts> products);

/// Whether such a group is for buildSkinnyKernel, else for cuBLASLt, one by one.
bool isForSkinnyKernel(mlir::ArrayRef<DeviceProduct> group);

} // namespace gqa

#endif // GQA_LIB_NVPTX_SKINNYPRODUCTS_H
