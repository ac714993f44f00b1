// The GPU that code for CUDA runs on.
#ifndef GQA_LIB_JIT_DEVICE_H
#define GQA_LIB_JIT_DEVICE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace gqa {

/// Success if this machine has a driver and a first GPU that runs code for `target`, or if that is none of
/// CUDA. The error is one line.
llvm::Error checkDevice(llvm::StringRef target);

/// What `cuda` stands for where code runs on this machine's GPUs: with kernels for sm_90a if all of them are
/// that. Other targets are what they are. The error is one line.
llvm::Expected<llvm::StringRef> targetForDevices(llvm::StringRef target);

} // namespace gqa

#endif // GQA_LIB_JIT_DEVICE_H
