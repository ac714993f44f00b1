// Buffers of a kernel are mapped on the host. What depends on an argument's elements is moved into the
// kernel: the host does not wait for the device, and a captured graph reads them anew each time it is run.
#include "KernelOperands.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Pipeline/Entry.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {
namespace {

/// Of the entry, and not written to before all kernels that may read it.
bool isSteadyArgument(Value buffer) {
  auto argument = dyn_cast<BlockArgument>(rootOf(buffer));
  bool isEntry = argument && argument.getOwner()->isEntryBlock();
  auto function = isEntry ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : nullptr;
  if (!function || !function.isPublic())
    return false;
  unsigned number = argument.getArgNumber();
  return !function.getArgAttr(number, kDonatedAttr) || function.getArgAttr(number, kWrittenLastAttr);
}

/// The view that `buffer` is, of what `mapping` has for its root.
Value viewOf(IndexBuilder &host, Value buffer, IRMapping &mapping) {
  if (Value known = mapping.lookupOrNull(buffer))
    return known;
  Operation *view = buffer.getDefiningOp();
  viewOf(host, view->getOperand(0), mapping);
  return host.clone(*view, mapping)->getResult(0);
}

} // namespace

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

/// Views of one buffer, some of them written, are views of one mapping: two of them would each bring back
/// what the other one wrote.
void KernelOperands::map(IndexBuilder &host) {
  llvm::MapVector<Value, SmallVector<Value>> views; // by what they are views of
  for (auto [buffer, written] : buffers)
    views[rootOf(buffer)].push_back(buffer);
  for (auto &[root, buffersOfRoot] : views) {
    bool written = llvm::any_of(buffersOfRoot, [&](Value buffer) { return buffers.lookup(buffer); });
    auto mapOf = [&](Value buffer, bool update) -> Value {
      return tile::DeviceMapOp::create(host, buffer.getType(), buffer, /*write=*/false, update);
    };
    if (buffersOfRoot.size() == 1 || !written) {
      for (Value buffer : buffersOfRoot)
        mapping.map(buffer, mapOf(buffer, written));
      continue;
    }
    IRMapping onDevice;
    onDevice.map(root, mapOf(root, /*update=*/true));
    for (Value buffer : buffersOfRoot)
      mapping.map(buffer, viewOf(host, buffer, onDevice));
  }
}

void KernelOperands::enter(IndexBuilder &kernel) {
  for (Operation *op : moved)
    kernel.clone(*op, mapping);
}

} // namespace gqa
