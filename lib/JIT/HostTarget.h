// The processor that code is generated for.
#ifndef GQA_LIB_JIT_HOSTTARGET_H
#define GQA_LIB_JIT_HOSTTARGET_H

#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

namespace gqa {

/// What code in memory is for.
llvm::Triple hostTriple();

/// A target machine for `cpu` (this processor, by its features) or `cpu:ARCH`.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makeTarget(llvm::StringRef target);

/// A target machine without any feature that not every such processor has.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> makePlainTarget();

/// Those features of a machine that the runtime can look for, with commas between.
std::string featuresOf(const llvm::TargetMachine &machine);

/// What code for `target`, a valid one, depends on: the processor's name and features.
std::string processorOf(llvm::StringRef target);

/// Fails if this processor lacks a feature that code for `target` uses.
llvm::Error checkHost(llvm::StringRef target);

} // namespace gqa

#endif // GQA_LIB_JIT_HOSTTARGET_H
