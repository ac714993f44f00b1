// Compiles the text of a module into a library. Needs neither MLIR's headers nor types.
#ifndef GQA_ARTIFACT_WRITE_H
#define GQA_ARTIFACT_WRITE_H

#include "gqa/JIT/JIT.h"

namespace gqa {

/// See the one in Artifact.h.
llvm::Error writeArtifact(llvm::StringRef text, const CompileOptions &options, llvm::StringRef path);

} // namespace gqa

#endif // GQA_ARTIFACT_WRITE_H
