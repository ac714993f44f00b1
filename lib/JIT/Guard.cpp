#include "gqa/JIT/Guard.h"
#include "Diagnostics.h"

#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/raw_ostream.h"

#include <new>
#include <unistd.h>

namespace gqa {

int reportError(llvm::StringRef tool, llvm::Error error) {
  llvm::errs() << tool << ": error: " << llvm::toString(std::move(error)) << "\n";
  return 2;
}

static int runOrReport(llvm::StringRef tool, llvm::function_ref<llvm::Expected<bool>()> body) {
  try {
    llvm::Expected<bool> good = body();
    if (!good)
      return reportError(tool, good.takeError());
    return *good ? 0 : 1;
  } catch (const std::bad_alloc &) {
    return reportError(tool, makeError("out of memory"));
  }
}

/// Parsers and passes of MLIR and LLVM crash on some malformed modules. Whatever it is, the caller gets one
/// line and an exit code; nothing of this process can be trusted any more, so that nothing is cleaned up.
int runGuarded(llvm::StringRef tool, llvm::StringRef file, llvm::function_ref<llvm::Expected<bool>()> body) {
  static llvm::StringRef name; // for a handler that is a plain function
  name = tool;
  llvm::install_fatal_error_handler(
      [](void *, const char *reason, bool) { _exit(reportError(name, makeError(reason))); });
  llvm::CrashRecoveryContext::Enable();
  llvm::CrashRecoveryContext guard;
  int code = 2;
  constexpr unsigned stack = 256u << 20; // for recursion over what the pre-scan lets through
  if (!guard.RunSafelyOnThread([&] { code = runOrReport(tool, body); }, stack))
    _exit(reportError(tool, makeError(file + ": the compiler crashed on this module (signal " +
                                      llvm::Twine(guard.RetCode - 128) +
                                      "), which is a defect; please report it with the module")));
  return code;
}

} // namespace gqa
