// Kernels of the tile dialect.
#ifndef GQA_TILE_KERNEL_H
#define GQA_TILE_KERNEL_H

#include "gqa/Tile/IndexBuilder.h"

namespace gqa {

/// A kernel whose body is built for one point of the grid; 0 `warps` are those of a target without any.
/// `cluster`: so many neighbouring tasks run together, or null. Returns the kernel.
mlir::Operation *buildKernel(IndexBuilder &b, mlir::ArrayRef<mlir::Value> grid, mlir::Value work,
                             llvm::function_ref<void(mlir::ValueRange)> body, int64_t warps = 0,
                             mlir::Value cluster = nullptr);

} // namespace gqa

#endif // GQA_TILE_KERNEL_H
