// Whether results are right.
#ifndef GQA_LIB_TOOLS_RUN_COMPARE_H
#define GQA_LIB_TOOLS_RUN_COMPARE_H

#include "Npy.h"

#include <optional>

namespace gqa::run {

/// Compares `results` with out0, out1, ... of the file at `path` and prints a line for each. False if one is
/// wrong. max |out - want| <= tolerance * max |want|; NaN and infinities, integers and booleans exactly.
llvm::Expected<bool> compareResults(llvm::ArrayRef<Array> results, const std::string &path,
                                    std::optional<double> tolerance);

} // namespace gqa::run

#endif // GQA_LIB_TOOLS_RUN_COMPARE_H
