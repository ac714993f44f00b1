// A Chrome trace of compiling and running: gqa/Pipeline/Trace.h with the runtime's kernels, and a variable
// that asks for one.
#ifndef GQA_JIT_TRACE_H
#define GQA_JIT_TRACE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace gqa {

/// Runs `body` and writes a trace of it to `path`, if that is not empty, even where `body` fails. The error
/// is the body's, or that of the file.
llvm::Expected<bool> traced(llvm::StringRef path, llvm::function_ref<llvm::Expected<bool>()> body);

/// With GQA_TRACE=FILE in the environment: a trace of this process from now on, which is written when it
/// ends. Called by whatever compiles; the first call counts.
void traceFromEnvironment();

} // namespace gqa

#endif // GQA_JIT_TRACE_H
