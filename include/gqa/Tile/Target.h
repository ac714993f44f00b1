// What schedules and their lowering know about a processor.
#ifndef GQA_TILE_TARGET_H
#define GQA_TILE_TARGET_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

namespace gqa {

struct CPUTarget {
  unsigned vectorBits = 128; ///< of a vector register
  unsigned registers = 16;   ///< vector registers
  bool fma = false;          ///< a multiplication and an addition in one instruction
  bool amx = false;          ///< tile registers and their product of bf16
  bool pairs = false;        ///< products of pairs of bf16 numbers in vectors, as fast as products of f32
  bool emulateAMX = false;   ///< loops instead of tile instructions
  bool emulatePairs = false; ///< products of f32 instead of those of pairs

  /// Elements of `type` in a vector register.
  int64_t lanes(mlir::FloatType type) const { return vectorBits / type.getWidth(); }
};

/// The chip whose warps work in groups (sm_90a), and on which and on later ones kernels that follow each
/// other overlap.
constexpr unsigned kGroupChip = 90;

/// GPUs of NVIDIA's, by the chips that code is made for.
struct CUDATarget {
  unsigned chip = 80; ///< kernels are PTX for this one (80: sm_80) and run on every later one
  llvm::SmallVector<unsigned, 4> cubins; ///< chips whose machine code is there beside it
  bool groups = false;                   ///< and kernels that only sm_90a runs, whose warps work in groups
  /// Whether sm_90a is the first chip, so that nothing earlier is asked for.
  bool isOnlyGroups() const { return groups && chip == kGroupChip; }
};

/// Whether a target's name is one of `cuda`.
bool isCUDA(llvm::StringRef target);

/// What `cuda` (sm_80) or `cuda:sm_NN` names. A list, `cuda:sm_80,sm_86,sm_90`, asks for the machine code of
/// each of its chips beside the PTX for the first; `cpu:ARCH` in it names the processor of the host's part.
/// `sm_90a` adds kernels that no other chip runs, and as the first chip stands for sm_90 as well.
llvm::Expected<CUDATarget> describeCUDA(llvm::StringRef target);

/// Whether kernels of a GPU can compute what `op` does, if it is a function of numbers.
bool hasDeviceLowering(mlir::Operation &op);

/// The processor of the host's part of a target's code: for `cuda` the one that its list names or `cpu`, else
/// the target itself.
llvm::StringRef hostOf(llvm::StringRef target);

/// The parts of a target's name: `cpu` is this machine, `cpu:ARCH` a processor that LLVM knows. With
/// `+emulate-amx` behind either, attention is scheduled for AMX and its tile instructions are loops, and with
/// `+emulate-pairs` as for a processor that multiplies pairs of bf16 numbers: for tests on machines that have
/// neither.
struct TargetName {
  llvm::StringRef arch; ///< empty for this machine
  bool emulateAMX = false, emulatePairs = false;
};
llvm::Expected<TargetName> parseTargetName(llvm::StringRef target);

/// The processor that `target` names. This machine has AMX only if the kernel has let this process use it.
llvm::Expected<CPUTarget> describeCPU(llvm::StringRef target);

} // namespace gqa

#endif // GQA_TILE_TARGET_H
