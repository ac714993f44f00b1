// What verifiers of tile operations share: checks of element types, strides and sizes.
#ifndef GQA_LIB_DIALECT_TILE_VERIFY_H
#define GQA_LIB_DIALECT_TILE_VERIFY_H

#include "gqa/Dialect/Tile/Tile.h"

namespace gqa::tile {

mlir::Type elementOf(mlir::Value value);
/// All of `values` have one element type.
mlir::LogicalResult verifySameElements(mlir::Operation *op, llvm::ArrayRef<mlir::Value> values,
                                       llvm::StringRef names);
/// The scale has the type of the elements of `values`.
mlir::LogicalResult verifyScale(mlir::Operation *op, mlir::Value scale, mlir::Value values,
                                llvm::StringRef name);
/// The last dimension of all of `values` is contiguous.
mlir::LogicalResult verifyContiguousRows(mlir::Operation *op, llvm::ArrayRef<mlir::Value> values,
                                         llvm::StringRef names);
/// The value has the identity layout.
mlir::LogicalResult verifyIdentity(mlir::Operation *op, mlir::Value value, llvm::StringRef name);
/// The sizes of `dims` are multiples of `divisor` where they are known.
mlir::LogicalResult verifyMultiple(mlir::Operation *op, mlir::Value value, llvm::ArrayRef<unsigned> dims,
                                   int64_t divisor, llvm::StringRef name);
/// A region of (score, index, index, index, index) that yields a score of type `element` and optionally an
/// i1.
mlir::LogicalResult verifyScoreRegion(mlir::Operation *op, mlir::Block &block, mlir::Type element);

/// Codes of a ring, or of a channel, that become numbers of another: the constraints of both operations.
template <typename Widen> mlir::LogicalResult verifyWidening(Widen op) {
  auto codes = op.getCodes().getType(), numbers = op.getNumbers().getType();
  // widen_c1
  if (codes.getRows() != numbers.getRows() || codes.getColumns() != numbers.getColumns() ||
      bytesOf(codes.getElementType()) != 1 || bytesOf(numbers.getElementType()) != 2)
    return op.emitOpError("expects numbers of 16 bits in place of codes of 8, found ")
           << codes << " and " << numbers;
  // widen_c2
  if (op.getIsUnsigned() && !codes.getElementType().isInteger())
    return op.emitOpError("expects unsigned of integers only, found ") << codes.getElementType();
  // widen_c3
  if (static_cast<bool>(op.getScales()) != static_cast<bool>(op.getFirst()) ||
      static_cast<bool>(op.getScales()) != static_cast<bool>(op.getEnd()))
    return op.emitOpError("expects the first one and the end of its scales, exactly if there are any");
  return mlir::success();
}

} // namespace gqa::tile

#endif // GQA_LIB_DIALECT_TILE_VERIFY_H
