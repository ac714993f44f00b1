#include "gqa/Pipeline/Buffers.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
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

static bool isAllocated(Value root) {
  return isa_and_present<memref::AllocOp, memref::AllocaOp, memref::GetGlobalOp>(root.getDefiningOp());
}

static bool isArgument(Value root) {
  auto argument = dyn_cast<BlockArgument>(root);
  return argument && argument.getOwner()->isEntryBlock() &&
         isa<func::FuncOp>(argument.getOwner()->getParentOp());
}

bool areApart(Value a, Value b) {
  if (a == b)
    return false;
  return isAllocated(a) ? isAllocated(b) || isArgument(b) : isArgument(a) && isAllocated(b);
}

} // namespace gqa
