// lld's optimiser for bitcode, which no artifact has, may call Polly, whose archive Debian does not have.
#include "llvm/Plugins/PassPlugin.h"
#include "llvm/Support/ErrorHandling.h"

llvm::PassPluginLibraryInfo getPollyPluginInfo() {
  llvm::report_fatal_error("Polly is not part of this library");
}
