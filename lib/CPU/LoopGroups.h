// Loops of which different threads can do different rows.
#ifndef GQA_LIB_CPU_LOOPGROUPS_H
#define GQA_LIB_CPU_LOOPGROUPS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace gqa {

/// Operations one behind the other whose first loops are the same rows, of which each is computed from the
/// first operation to the last without a look at another one.
struct LoopGroup {
  llvm::SmallVector<mlir::linalg::LinalgOp> members;
  unsigned rows; ///< how many of the first loops
};

/// The group of `op` alone; nothing if its rows depend on each other, or as far as anybody knows.
std::optional<LoopGroup> groupOf(mlir::linalg::LinalgOp op);

/// Adds an operation behind all members if that is right; with fewer rows, if need be.
bool addTo(LoopGroup &group, mlir::linalg::LinalgOp op);

/// Multiply-adds for a point of the loops, roughly.
int64_t costOfPoint(mlir::linalg::LinalgOp op);

} // namespace gqa

#endif // GQA_LIB_CPU_LOOPGROUPS_H
