// A loop nest as a function, and calls of it.
#ifndef GQA_LIB_CPU_LOOPFUNCTION_H
#define GQA_LIB_CPU_LOOPFUNCTION_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace gqa {

/// A loop nest, and what it uses from outside.
struct LoopUse {
  mlir::Operation *op;
  mlir::SmallVector<mlir::Value> values, constants; // each once
};

/// Of loops: their results are in memory that nothing else which they use reaches, as is known where the
/// buffers were allocated.
constexpr llvm::StringLiteral kResultsApart = "gqa.results_apart";
bool hasResultsApart(mlir::linalg::LinalgOp op);

/// None if it uses a value that is no argument of a function here.
std::optional<LoopUse> findUse(mlir::linalg::LinalgOp op);

/// A copy of the loops as a private function, which is in no module. Its arguments are the values; of a
/// buffer, the pointer and what the buffer's type does not say of sizes, strides and offset. A pointer to
/// memory that only it reaches is told to LLVM (`llvm.noalias`), which knew so where the loops were beside
/// the allocation.
mlir::func::FuncOp buildFunction(const LoopUse &use);

/// Erases the loops.
void replaceByCall(const LoopUse &use, mlir::func::FuncOp function);

} // namespace gqa

#endif // GQA_LIB_CPU_LOOPFUNCTION_H
