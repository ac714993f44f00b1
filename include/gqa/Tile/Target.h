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
  int64_t l1Bytes = 32768;   ///< of data cache nearest to one core

  /// Elements of `type` in a vector register.
  int64_t lanes(mlir::FloatType type) const { return vectorBits / type.getWidth(); }
};

/// The processor that `target` names: `cpu` is this machine, `cpu:ARCH` one that LLVM knows.
llvm::Expected<CPUTarget> describeCPU(llvm::StringRef target);

} // namespace gqa

#endif // GQA_TILE_TARGET_H
