// Who uses a buffer: kernels alone, or the host as well.
#ifndef GQA_LIB_NVPTX_BUFFERUSES_H
#define GQA_LIB_NVPTX_BUFFERUSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace gqa {

/// The buffers that an operation makes of one: views, beside sizes and strides.
llvm::SmallVector<mlir::Value> viewsOf(mlir::Operation *op);

/// An operation by which the host uses the contents of `buffer`, perhaps in a function that it is given to;
/// null if the host asks for sizes alone, and hands it to kernels.
mlir::Operation *hostUseOf(mlir::Value buffer);

/// Whether upstream's deallocation has made the function, which compares addresses to find out who frees what.
bool isForDeallocation(mlir::func::FuncOp function);

/// Whether the function returns `buffer` or a view of it.
bool isReturned(mlir::Value buffer);

/// Says of each buffer that kernels of `function` use, but that stays on the host, why, and what it costs.
/// `placed` has the arguments that may be on the device.
void explainHostBuffers(mlir::func::FuncOp function, llvm::ArrayRef<int64_t> placed);

} // namespace gqa

#endif // GQA_LIB_NVPTX_BUFFERUSES_H
