// Weights beside a module.
#ifndef GQA_TOOLS_GQA_RUN_SAFETENSORS_H
#define GQA_TOOLS_GQA_RUN_SAFETENSORS_H

#include "Npy.h"

namespace gqa::run {

/// The tensors of a .safetensors file, mapped into memory where their alignment allows it.
llvm::Expected<Arrays> readSafetensors(const std::string &path);

} // namespace gqa::run

#endif // GQA_TOOLS_GQA_RUN_SAFETENSORS_H
