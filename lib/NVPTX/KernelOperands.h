// What a kernel made of structured operations reads and writes: on the host in front of it, and inside it.
#ifndef GQA_LIB_NVPTX_KERNELOPERANDS_H
#define GQA_LIB_NVPTX_KERNELOPERANDS_H

#include "gqa/Pipeline/Buffers.h"
#include "gqa/Tile/IndexBuilder.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"

namespace gqa {

/// Whether the host could know `value` only by reading an argument's elements, which nobody writes, so that a
/// kernel had better do it: a position in a cache, say, and what is computed from it.
bool readsArgument(mlir::Value value);

/// First all values are told by `use`, then `map` finds buffers on the device, then, at the start of the
/// kernel, `enter` makes there what is read from arguments; from then on `lookup` knows everything.
class KernelOperands {
public:
  void use(mlir::Value value, bool written = false);
  void map(IndexBuilder &host);
  void enter(IndexBuilder &kernel);
  mlir::Value lookup(mlir::Value value) const { return mapping.lookupOrDefault(value); }
  void define(mlir::Value value, mlir::Value here) { mapping.map(value, here); }
  void clone(IndexBuilder &kernel, mlir::Operation &op) { kernel.clone(op, mapping); }
  const mlir::IRMapping &values() const { return mapping; }

private:
  llvm::MapVector<mlir::Value, bool> buffers; // and whether they are written
  llvm::SetVector<mlir::Operation *> moved;   // in order, into the kernel
  mlir::IRMapping mapping;
};

} // namespace gqa

#endif // GQA_LIB_NVPTX_KERNELOPERANDS_H
