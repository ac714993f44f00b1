// Kernels apart from the code around them, so that all are compiled at the same time.
#ifndef GQA_LIB_JIT_KERNELS_H
#define GQA_LIB_JIT_KERNELS_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/Module.h"

#include <vector>

namespace gqa {

/// A task of the CPU's kernels, written for the machine already.
inline bool isKernel(const llvm::Function &function) {
  return !function.isDeclaration() && function.hasFnAttribute("gqa-kernel");
}

/// Takes the kernels out of `module`, where they stay declared, and yields a module of bitcode for each, the
/// largest first. `suffix` is added to their names, which are hidden if there is one: objects with the same
/// suffix are linked with each other.
std::vector<llvm::SmallVector<char, 0>> takeKernels(llvm::Module &module, llvm::StringRef suffix);

} // namespace gqa

#endif // GQA_LIB_JIT_KERNELS_H
