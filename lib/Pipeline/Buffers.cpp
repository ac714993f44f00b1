#include "gqa/Pipeline/Buffers.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;

namespace gqa {

Value rootOf(Value buffer) {
  while (Operation *op = buffer.getDefiningOp()) {
    if (!isa<memref::TransposeOp, ViewLikeOpInterface>(op))
      break;
    buffer = op->getOperand(0);
  }
  return buffer;
}

} // namespace gqa
