// Where the arguments of a call come from.
#ifndef GQA_LIB_TOOLS_RUN_INPUTS_H
#define GQA_LIB_TOOLS_RUN_INPUTS_H

#include "Npy.h"
#include "Options.h"

namespace gqa::run {

/// One array per argument of `signature`, of its types: from files, from shapes, or at random; parameters
/// from the module's weights.
llvm::Expected<std::vector<Array>> makeInputs(const Signature &signature, const Options &options);

} // namespace gqa::run

#endif // GQA_LIB_TOOLS_RUN_INPUTS_H
