// Compiles a module into a shared library that runs without the compiler; see gqa/artifact.h for what it
// holds.
#ifndef GQA_ARTIFACT_ARTIFACT_H
#define GQA_ARTIFACT_ARTIFACT_H

#include "gqa/JIT/JITModule.h"

namespace gqa {

/// The targets of a list, in order: `cpu:x86-64-v2,cpu:x86-64-v4,cuda:sm_80,sm_90,cpu:x86-64-v2` has three.
/// What stands behind `cuda` belongs to it, as in CompileOptions::target. The error names one that is there
/// twice.
llvm::Expected<std::vector<std::string>> splitTargets(llvm::StringRef list);

/// Compiles `module` for each of the targets in options.target, and writes the library to `path`, whole or
/// not at all.
llvm::Error writeArtifact(mlir::ModuleOp module, const CompileOptions &options, llvm::StringRef path);

} // namespace gqa

#endif // GQA_ARTIFACT_ARTIFACT_H
