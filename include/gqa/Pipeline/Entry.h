// The function that the host calls.
#ifndef GQA_PIPELINE_ENTRY_H
#define GQA_PIPELINE_ENTRY_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace gqa {

/// The function called `name`; for an empty name `main`, else the only public function. Reports what is
/// missing.
mlir::FailureOr<mlir::func::FuncOp> findEntry(mlir::ModuleOp module, llvm::StringRef name);

} // namespace gqa

#endif // GQA_PIPELINE_ENTRY_H
