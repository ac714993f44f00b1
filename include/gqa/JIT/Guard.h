// How a tool ends: one line for people and an exit code, whatever happens inside.
#ifndef GQA_JIT_GUARD_H
#define GQA_JIT_GUARD_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace gqa {

/// Prints `tool: error: ...` and returns 2, the exit code for everything unusable.
int reportError(llvm::StringRef tool, llvm::Error error);

/// Runs `body` on a large stack and returns the exit code: 0, 1 where it yields false, 2 for an error, for a
/// lack of memory and for a crash of the compiler on `file`.
int runGuarded(llvm::StringRef tool, llvm::StringRef file, llvm::function_ref<llvm::Expected<bool>()> body);

} // namespace gqa

#endif // GQA_JIT_GUARD_H
