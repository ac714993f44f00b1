// The last pass over kernels in front of code generation.
#ifndef GQA_LIB_JIT_HIDESUMS_H
#define GQA_LIB_JIT_HIDESUMS_H

#include "llvm/IR/PassManager.h"

namespace gqa {

/// Makes one value, by `freeze`, of each sum that a loop gets from outside: where a batch's head begins, say.
/// LLVM's loop strength reduction tries each way to divide the parts of an address among registers, and looks
/// for them through all loops around: half of the time of compiling a decode kernel, for nothing, as such a
/// sum is in a register. What is added last and constant stays outside, for the instructions' own offsets.
void hideSums(llvm::Function &function, llvm::FunctionAnalysisManager &analyses);

} // namespace gqa

#endif // GQA_LIB_JIT_HIDESUMS_H
