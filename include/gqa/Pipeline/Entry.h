// The function that the host calls.
#ifndef GQA_PIPELINE_ENTRY_H
#define GQA_PIPELINE_ENTRY_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace gqa {

/// The function called `name`; for an empty name `main`, else the only public function. Reports what is
/// missing.
mlir::FailureOr<mlir::func::FuncOp> findEntry(mlir::ModuleOp module, llvm::StringRef name);

/// On an argument: the number of the result that is written over it. Exporters of JAX write the second name.
inline constexpr llvm::StringLiteral kDonatedAttr = "gqa.donated_to", kAliasingAttr = "tf.aliasing_output";

/// On a donated argument: nothing writes to it but a copy of the result, when all else has been done. Until
/// then its elements may be read anywhere.
inline constexpr llvm::StringLiteral kWrittenLastAttr = "gqa.written_last";

/// For each argument the result that is written over it, or -1. Reports what cannot be one tensor.
mlir::FailureOr<llvm::SmallVector<int64_t>> donatedResults(mlir::func::FuncOp entry);

/// Of an entry that gqa-return-donated has made: which result of the graph its own result `index` is.
int64_t resultOfGraph(mlir::func::FuncOp entry, int64_t index);

} // namespace gqa

#endif // GQA_PIPELINE_ENTRY_H
