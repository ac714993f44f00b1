// Assertions among other operations.
#ifndef GQA_PIPELINE_ASSERTIONS_H
#define GQA_PIPELINE_ASSERTIONS_H

#include "mlir/IR/Operation.h"

namespace gqa {

/// Whether `op` asserts, perhaps under a condition, and does nothing else. A call that it ends has no
/// results, so that it does not matter what is computed in front of it and what is not.
bool onlyAsserts(mlir::Operation *op);

} // namespace gqa

#endif // GQA_PIPELINE_ASSERTIONS_H
