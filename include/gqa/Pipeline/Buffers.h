// Where a buffer's memory is.
#ifndef GQA_PIPELINE_BUFFERS_H
#define GQA_PIPELINE_BUFFERS_H

#include "mlir/IR/Value.h"

namespace gqa {

/// The buffer that `buffer` is a view of. Unlike memref::skipViewLikeOps, through transposes as well.
mlir::Value rootOf(mlir::Value buffer);

} // namespace gqa

#endif // GQA_PIPELINE_BUFFERS_H
