// Buffers of a kernel are mapped on the host. What depends on an argument's elements is moved into the
// kernel: the host does not wait for the device, and a captured graph reads them anew each time it is run.
#include "KernelOperands.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Pipeline/Entry.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;

namespace gqa {
namespace {

/// Of the entry, and not written to before all kernels that may read it.
bool isSteadyArgument(Value buffer) {
  auto argument = dyn_cast<BlockArgument>(rootOf(buffer));
  auto function = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : nullptr;
  if (!function || !function.isPublic())
    return false;
  unsigned number = argument.getArgNumber();
  return !function.getArgAttr(number, kDonatedAttr) || function.getArgAttr(number, kWrittenLastAttr);
}

} // namespace

Value rootOf(Value buffer) {
  while (Operation *op = buffer.getDefiningOp()) {
    if (!isa<memref::CastOp, memref::TransposeOp, ViewLikeOpInterface>(op))
      break;
    buffer = op->getOperand(0);
  }
  return buffer;
}

bool readsArgument(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (auto load = dyn_cast<memref::LoadOp>(op))
    return isSteadyArgument(load.getMemRef()) && !readsArgument(load.getMemRef());
  // The size of a view is what its maker says.
  if (!isMemoryEffectFree(op) || op->getNumRegions() || isa<memref::DimOp>(op))
    return false;
  return llvm::any_of(op->getOperands(), readsArgument);
}

void KernelOperands::use(Value value, bool written) {
  if (readsArgument(value)) {
    Operation *op = value.getDefiningOp();
    for (Value operand : op->getOperands())
      use(operand, written && isa<BaseMemRefType>(operand.getType()));
    moved.insert(op);
  } else if (isa<BaseMemRefType>(value.getType())) {
    buffers[value] |= written;
  }
}

void KernelOperands::map(IndexBuilder &host) {
  for (auto [buffer, written] : buffers) {
    Type type = buffer.getType();
    mapping.map(buffer, tile::DeviceMapOp::create(host, type, buffer, /*write=*/false, /*update=*/written));
  }
}

void KernelOperands::enter(IndexBuilder &kernel) {
  for (Operation *op : moved)
    kernel.clone(*op, mapping);
}

} // namespace gqa
