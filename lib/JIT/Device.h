// The GPU that code for CUDA runs on.
#ifndef GQA_LIB_JIT_DEVICE_H
#define GQA_LIB_JIT_DEVICE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace gqa {

/// Success if this machine has a driver and a first GPU that runs code for `target`, or if that is none of
/// CUDA. The error is one line.
llvm::Error checkDevice(llvm::StringRef target);

} // namespace gqa

#endif // GQA_LIB_JIT_DEVICE_H
