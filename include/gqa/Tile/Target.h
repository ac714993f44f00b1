// What schedules and their lowering know about a processor.
#ifndef GQA_TILE_TARGET_H
#define GQA_TILE_TARGET_H

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/Error.h"

namespace gqa {

struct CPUTarget {
  unsigned vectorBits = 128; ///< of a vector register
  unsigned registers = 16;   ///< vector registers
  bool fma = false;          ///< a multiplication and an addition in one instruction
  bool amx = false;          ///< tile registers and their product of bf16
  bool emulateAMX = false;   ///< loops instead of tile instructions

  /// Elements of `type` in a vector register.
  int64_t lanes(mlir::FloatType type) const { return vectorBits / type.getWidth(); }
};

/// A GPU of NVIDIA's, by the chip that code is made for; it runs on every later one as well.
struct CUDATarget {
  unsigned chip = 80; ///< 80 for sm_80
};

/// Whether a target's name is one of `cuda`: then the host's part is for `cpu`.
bool isCUDA(llvm::StringRef target);

/// The chip that `cuda` (sm_80) or `cuda:sm_NN` names.
llvm::Expected<CUDATarget> describeCUDA(llvm::StringRef target);

/// The processor of the host's part of a target's code: `cpu` for `cuda`, else the target itself.
llvm::StringRef hostOf(llvm::StringRef target);

/// The parts of a target's name: `cpu` is this machine, `cpu:ARCH` a processor that LLVM knows. With
/// `+emulate-amx` behind either, attention is scheduled for AMX and its tile instructions are loops: for
/// tests on machines that have none.
struct TargetName {
  llvm::StringRef arch; ///< empty for this machine
  bool emulateAMX = false;
};
llvm::Expected<TargetName> parseTargetName(llvm::StringRef target);

/// The processor that `target` names. This machine has AMX only if the kernel has let this process use it.
llvm::Expected<CPUTarget> describeCPU(llvm::StringRef target);

} // namespace gqa

#endif // GQA_TILE_TARGET_H
