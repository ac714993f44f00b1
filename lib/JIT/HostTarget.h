// The processor that code is generated for.
#ifndef GQA_LIB_JIT_HOSTTARGET_H
#define GQA_LIB_JIT_HOSTTARGET_H

#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

namespace gqa {

/// A target machine for `cpu` (this processor, by its features) or `cpu:ARCH`.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makeTarget(llvm::StringRef target);

/// The same, for code that runs here: this processor must have the features of ARCH.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makeHostTarget(llvm::StringRef target);

} // namespace gqa

#endif // GQA_LIB_JIT_HOSTTARGET_H
