// The rewrites of gqa-decompose, one function per operation, and what they share.
#ifndef GQA_DIALECT_GQA_TRANSFORMS_DECOMPOSE_H
#define GQA_DIALECT_GQA_TRANSFORMS_DECOMPOSE_H

#include "gqa/Dialect/GQA/GQA.h"

#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/Builders.h"

namespace gqa {

/// Emits, in front of the operation, what it means in terms of linalg and tensor operations, and returns its
/// results.
llvm::SmallVector<mlir::Value> decompose(mlir::OpBuilder &builder, AttentionOp op);
llvm::SmallVector<mlir::Value> decompose(mlir::OpBuilder &builder, RotaryOp op);
llvm::SmallVector<mlir::Value> decompose(mlir::OpBuilder &builder, RepeatHeadsOp op);
llvm::SmallVector<mlir::Value> decompose(mlir::OpBuilder &builder, AppendKVOp op);
llvm::SmallVector<mlir::Value> decompose(mlir::OpBuilder &builder, DequantizeOp op);
llvm::SmallVector<mlir::Value> decompose(mlir::OpBuilder &builder, MergeOp op);

/// The float `value` widened or rounded to `type`.
mlir::Value convertFloat(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, mlir::Type type);

/// The type to compute on elements of `type` in: f32, or f64 for f64.
mlir::FloatType computeType(mlir::Type type);

/// An empty tensor of a type whose dynamic sizes are among `sizes`, one per dimension.
mlir::Value emptyTensor(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type,
                        llvm::ArrayRef<mlir::OpFoldResult> sizes);

} // namespace gqa

#endif // GQA_DIALECT_GQA_TRANSFORMS_DECOMPOSE_H
