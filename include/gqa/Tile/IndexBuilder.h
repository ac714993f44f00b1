// A builder for index arithmetic and views of buffers that folds constants as it goes, so that static shapes
// leave constants in the IR and dynamic ones leave operations, from the same code.
#ifndef GQA_TILE_INDEXBUILDER_H
#define GQA_TILE_INDEXBUILDER_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace gqa {

class IndexBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using mlir::ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  mlir::Value index(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  /// Rounds to zero; `b` must not be zero.
  mlir::Value div(mlir::Value a, mlir::Value b);
  mlir::Value rem(mlir::Value a, mlir::Value b);
  mlir::Value ceilDiv(mlir::Value a, mlir::Value b);
  mlir::Value min(mlir::Value a, mlir::Value b);
  mlir::Value max(mlir::Value a, mlir::Value b);
  /// The largest multiple of `step` that is at most `a`, which is not negative.
  mlir::Value roundDown(mlir::Value a, int64_t step);
  mlir::Value roundUp(mlir::Value a, int64_t step);

  /// The shape of a buffer of `sizes`; those that are not constants are added to `dynamic`.
  static llvm::SmallVector<int64_t> shapeOf(mlir::ArrayRef<mlir::Value> sizes,
                                            llvm::SmallVectorImpl<mlir::Value> &dynamic);

  /// The size of a dimension of a buffer.
  mlir::Value size(mlir::Value buffer, unsigned dim);

  /// Memory aligned to a line of the cache.
  mlir::Value allocate(mlir::ArrayRef<mlir::Value> sizes, mlir::Type element);

  /// A view of `buffer` with unit steps. Dimensions whose size is the null value are taken at one point and
  /// dropped.
  mlir::Value view(mlir::Value buffer, mlir::ArrayRef<mlir::Value> offsets,
                   mlir::ArrayRef<mlir::Value> sizes);

  /// `buffer`, of which it is known that the last dimension is contiguous, with a type that says so.
  mlir::Value withContiguousRows(mlir::Value buffer);

  /// What `then` builds runs where the condition holds, what `otherwise` builds, if it is there, elsewhere.
  void branch(mlir::Value condition, mlir::function_ref<void()> then,
              mlir::function_ref<void()> otherwise = nullptr);

  /// Copies the operations of a block to this place; what it yields when its arguments are these.
  llvm::SmallVector<mlir::Value> cloneBody(mlir::Block &block, mlir::ArrayRef<mlir::Value> arguments);
};

/// The buffer type of `shape` with any strides and any offset.
mlir::MemRefType stridedType(mlir::ArrayRef<int64_t> shape, mlir::Type element);

/// The same where the last dimension is contiguous.
mlir::MemRefType contiguousRowsType(mlir::ArrayRef<int64_t> shape, mlir::Type element);

} // namespace gqa

#endif // GQA_TILE_INDEXBUILDER_H
