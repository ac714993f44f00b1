// Weights beside a module.
#ifndef GQA_LIB_TOOLS_RUN_SAFETENSORS_H
#define GQA_LIB_TOOLS_RUN_SAFETENSORS_H

#include "Npy.h"

namespace gqa::run {

/// The tensors of a .safetensors file, mapped into memory where their alignment allows it.
llvm::Expected<Arrays> readSafetensors(const std::string &path);

} // namespace gqa::run

#endif // GQA_LIB_TOOLS_RUN_SAFETENSORS_H
