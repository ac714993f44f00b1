// Where a buffer's memory is.
#ifndef GQA_PIPELINE_BUFFERS_H
#define GQA_PIPELINE_BUFFERS_H

#include "mlir/IR/Value.h"

namespace gqa {

/// The buffer that `buffer` is a view of. Unlike memref::skipViewLikeOps, through transposes as well.
mlir::Value rootOf(mlir::Value buffer);

/// Whether two roots are known to be different memory: an allocation of a function is no argument of it, nor
/// another allocation. What a select, a branch or a loop yields may be any of them.
bool areApart(mlir::Value a, mlir::Value b);

} // namespace gqa

#endif // GQA_PIPELINE_BUFFERS_H
