// Elementwise operations that write a part of their result.
#ifndef GQA_PIPELINE_WRITESLICES_H
#define GQA_PIPELINE_WRITESLICES_H

#include "mlir/IR/Operation.h"

namespace gqa {

/// What is computed of a part of a tensor under `root` is computed of a slice, which is put back. An error on
/// what writes a part that is no slice.
mlir::LogicalResult writeSlices(mlir::Operation *root);

} // namespace gqa

#endif // GQA_PIPELINE_WRITESLICES_H
