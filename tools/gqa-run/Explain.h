// What recognition, sharing and fusion make of a module, told to people.
#ifndef GQA_TOOLS_GQA_RUN_EXPLAIN_H
#define GQA_TOOLS_GQA_RUN_EXPLAIN_H

#include "gqa/JIT/JITModule.h"

#include "llvm/Support/raw_ostream.h"

namespace gqa::run {

/// Simplifies the module and prints, in the order in which it was found out, what was raised, what was
/// shared, and what stays as it is and why, each with its place.
llvm::Error explain(mlir::ModuleOp module, const CompileOptions &options, llvm::raw_ostream &out);

} // namespace gqa::run

#endif // GQA_TOOLS_GQA_RUN_EXPLAIN_H
