// The command line of gqa-run.
#ifndef GQA_LIB_TOOLS_RUN_OPTIONS_H
#define GQA_LIB_TOOLS_RUN_OPTIONS_H

#include "gqa/JIT/JIT.h"

#include <optional>

namespace gqa::run {

struct Options {
  std::string file;
  std::string inputs, outputs, expect, to;
  std::string trace;    ///< a file for the Chrome trace
  std::string dot, svg; ///< a folder for pictures of the graph
  CompileOptions compile;
  std::optional<double> tolerance;
  uint64_t seed = 0;
  int repeats = 0;   ///< how many calls to time, 0 for none
  bool cache = true; ///< compiled code is looked for there, and kept
  bool explain = false;
  bool help = false, version = false;
};

/// Reads the arguments after the program's name.
llvm::Expected<Options> parseOptions(llvm::ArrayRef<const char *> arguments);

/// Refuses options that a library has no use for.
llvm::Error checkForLibrary(const Options &options);

/// What --help prints.
llvm::StringRef helpText();

} // namespace gqa::run

#endif // GQA_LIB_TOOLS_RUN_OPTIONS_H
