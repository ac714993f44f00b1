// What has to move with an operation that moves up.
#ifndef GQA_PIPELINE_MAKERS_H
#define GQA_PIPELINE_MAKERS_H

#include "mlir/IR/Operation.h"
#include "llvm/ADT/SetVector.h"

namespace gqa {

/// Adds to `needed` the operations from `place` on, in its block, that make what `op` and its regions use,
/// each behind those that it needs itself. False if one is `place`, or may not move.
bool collectMakers(mlir::Operation *place, mlir::Operation *op,
                   llvm::function_ref<bool(mlir::Operation *)> mayMove,
                   llvm::SetVector<mlir::Operation *> &needed);

} // namespace gqa

#endif // GQA_PIPELINE_MAKERS_H
