// Whether operations may be computed by another kernel, at another place.
#ifndef GQA_LIB_NVPTX_FUSION_H
#define GQA_LIB_NVPTX_FUSION_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace gqa {

/// Whether two buffers may be the same memory. Two names that the function has for memory are two; what a
/// loop or a select yields may be any of them.
bool mayBeSame(mlir::Value a, mlir::Value b);

/// All that use the memory of `allocation`, through views as well, but for what asks for sizes or frees it.
llvm::SetVector<mlir::Operation *> usersOf(mlir::memref::AllocOp allocation);

/// Whether all that is between two operations of a block, but for those that `isLeft` says, lets `op` run in
/// front of it or behind it.
bool mayPass(mlir::linalg::LinalgOp op, mlir::Operation *first, mlir::Operation *last,
             llvm::function_ref<bool(mlir::Operation *)> isLeft = nullptr);

/// Whether the body computes with numbers alone, and all sizes are known.
bool isPlain(mlir::linalg::LinalgOp op);

} // namespace gqa

#endif // GQA_LIB_NVPTX_FUSION_H
