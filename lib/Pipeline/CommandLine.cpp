// What --version says, and what --help does not.
#include "gqa/Pipeline/CommandLine.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;

void gqa::setUpCommandLine(const char *version) {
  for (auto &entry : cl::getRegisteredOptions())
    if (llvm::is_contained(entry.second->Categories, &cl::getGeneralCategory()))
      entry.second->setHiddenFlag(cl::Hidden);
  cl::SetVersionPrinter([version](llvm::raw_ostream &out) { out << version; });
}
