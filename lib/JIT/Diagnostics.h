// MLIR's diagnostics as llvm::Error.
#ifndef GQA_LIB_JIT_DIAGNOSTICS_H
#define GQA_LIB_JIT_DIAGNOSTICS_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/Error.h"

namespace gqa {

/// Collects the errors of a context while it lives. Warnings and remarks go on to the handler before.
class DiagnosticCollector {
public:
  explicit DiagnosticCollector(mlir::MLIRContext *context);

  /// What was collected: the first line is the first error with its place; its notes and later errors follow.
  llvm::Error take(llvm::StringRef otherwise);

private:
  std::string text;
  mlir::ScopedDiagnosticHandler handler;
};

/// FILE:LINE:COLUMN of the first place in `location` that is in a file, or "".
std::string placeOf(mlir::Location location);

/// An error whose message is exactly `message`.
llvm::Error makeError(const llvm::Twine &message);

/// The same of an argument of a call that does not fit: its code is std::errc::invalid_argument.
llvm::Error makeArgumentError(const llvm::Twine &message);

} // namespace gqa

#endif // GQA_LIB_JIT_DIAGNOSTICS_H
