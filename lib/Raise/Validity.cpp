// Asks the verifier about an operation that was just made.
#include "gqa/Raise/Build.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/Threading.h"

using namespace mlir;

namespace gqa {

std::string whyInvalid(Operation *op) {
  std::string reason;
  // Other functions are worked on by other threads, with errors of their own.
  uint64_t thread = llvm::get_threadid();
  ScopedDiagnosticHandler handler(op->getContext(), [&](Diagnostic &diagnostic) {
    if (llvm::get_threadid() != thread)
      return failure();
    if (reason.empty())
      reason = diagnostic.str();
    return success();
  });
  return failed(verify(op)) && reason.empty() ? "not a valid operation" : reason;
}

} // namespace gqa
