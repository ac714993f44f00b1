// gqa-place-tensors: which tensors may be in the memory of a GPU.
#include "BufferUses.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/NVPTX/Passes.h"
#include "gqa/Pipeline/Buffers.h"
#include "gqa/Pipeline/Entry.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_PLACETENSORS
#include "gqa/NVPTX/Passes.h.inc"

namespace {

/// The allocation that is result `use`, perhaps in another shape, and nothing else that leaves the function.
memref::AllocOp allocationOf(OpOperand &use) {
  Value whole = use.get();
  while (isa_and_present<memref::ExpandShapeOp, memref::CollapseShapeOp>(whole.getDefiningOp()))
    whole = whole.getDefiningOp()->getOperand(0);
  auto allocation = whole.getDefiningOp<memref::AllocOp>();
  if (!allocation || !allocation.getType().getLayout().isIdentity() || hostUseOf(allocation))
    return nullptr;
  int64_t returns = llvm::count_if(allocation->getUsers(), [](Operation *user) {
    return isa<func::ReturnOp>(user) || llvm::any_of(viewsOf(user), isReturned);
  });
  return returns == 1 ? allocation : nullptr;
}

void eraseDeallocations(Value buffer) {
  for (Operation *user : llvm::make_early_inc_range(buffer.getUsers())) {
    llvm::for_each(viewsOf(user), eraseDeallocations);
    if (isa<memref::DeallocOp>(user))
      user->erase();
  }
}

/// Gives an allocation or a constant that only kernels use memory on the device.
void placeOnDevice(Operation *op) {
  Value buffer = op->getResult(0), memory;
  auto type = cast<MemRefType>(buffer.getType());
  if (!type.getLayout().isIdentity() || hostUseOf(buffer) || isReturned(buffer))
    return;
  OpBuilder builder(op);
  if (auto allocation = dyn_cast<memref::AllocOp>(op))
    memory = tile::DeviceAllocOp::create(builder, op->getLoc(), type, allocation.getDynamicSizes());
  else {
    builder.setInsertionPointAfter(op);
    memory = tile::DeviceConstantOp::create(builder, op->getLoc(), type, buffer);
  }
  buffer.replaceAllUsesExcept(memory, memory.getDefiningOp());
  eraseDeallocations(memory);
  if (op->use_empty())
    op->erase();
}

/// Maps of what is known to be on the device, and ends of no mapping.
void removeMaps(func::FuncOp function) {
  function.walk([](tile::DeviceMapOp map) {
    Operation *memory = rootOf(map.getBuffer()).getDefiningOp();
    if (!isa_and_present<tile::DeviceAllocOp, tile::DeviceConstantOp>(memory))
      return;
    map.getMapped().replaceAllUsesWith(map.getBuffer());
    map.erase();
  });
  function.walk([](tile::DeviceUnmapOp unmap) {
    for (Operation *op = unmap->getPrevNode(); op && !isa<tile::DeviceMapOp>(op); op = op->getPrevNode())
      if (op->getNumRegions() && !isa<tile::KernelOp>(op))
        return;
      else if (isa<tile::DeviceUnmapOp>(op))
        return unmap.erase();
  });
}

/// The last operation of `block` that uses a buffer or a view of it; its end if an address leaves our sight,
/// as it does on the host: a kernel's is the kernel's.
Operation *lastUse(Value buffer, Block &block) {
  Operation *last = buffer.getDefiningOp();
  for (Operation *user : buffer.getUsers()) {
    bool isOfHost = !user->getParentOfType<tile::KernelOp>(); // a kernel has its addresses while it runs
    if (isOfHost && isa<memref::ExtractAlignedPointerAsIndexOp>(user))
      return block.getTerminator();
    SmallVector<Operation *> users = {block.findAncestorOpInBlock(*user)};
    for (Value view : viewsOf(user))
      users.push_back(block.findAncestorOpInBlock(*lastUse(view, *view.getParentBlock())));
    for (Operation *op : users)
      last = last->getBlock() != &block || last->isBeforeInBlock(op) ? op : last;
  }
  return last;
}

/// Memory is freed behind the last kernel that uses it.
void freeEarly(tile::DeviceAllocOp allocation) {
  Operation *last = lastUse(allocation.getMemory(), *allocation->getBlock());
  OpBuilder builder(last);
  if (!last->hasTrait<OpTrait::IsTerminator>())
    builder.setInsertionPointAfter(last);
  tile::DeviceFreeOp::create(builder, allocation.getLoc(), allocation.getMemory());
}

struct PlaceTensorsPass : impl::PlaceTensorsBase<PlaceTensorsPass> {
  using PlaceTensorsBase::PlaceTensorsBase;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal())
        place(function);
    getOperation().walk(freeEarly);
  }

private:
  void place(func::FuncOp function) {
    SmallVector<int64_t> arguments;
    if (function.isPublic())
      arguments = placeBoundary(function);
    SmallVector<Operation *> others;
    function.walk([&](Operation *op) {
      if (isa<memref::AllocOp, memref::GetGlobalOp>(op))
        others.push_back(op);
      if (isa<memref::LoadOp>(op) && !op->getParentOfType<tile::KernelOp>() &&
          !op->getParentOfType<linalg::LinalgOp>() && !isForDeallocation(function))
        op->emitRemark("the host reads an element here, and waits for the device if it is there");
    });
    if (function.getBody().hasOneBlock()) // else nobody knows where memory is free again
      llvm::for_each(others, placeOnDevice);
    removeMaps(function);
    explainHostBuffers(function, arguments);
  }

  /// Finds the entry's arguments that may be on the device, and makes results that may be of the runtime.
  SmallVector<int64_t> placeBoundary(func::FuncOp entry) {
    SmallVector<int64_t> arguments, results;
    for (BlockArgument argument : entry.getArguments())
      if (isa<MemRefType>(argument.getType()) && !hostUseOf(argument) && !isReturned(argument))
        arguments.push_back(argument.getArgNumber());
    Operation *end = entry.getBody().back().getTerminator();
    for (OpOperand &use : end->getOpOperands())
      if (memref::AllocOp allocation = allocationOf(use)) {
        OpBuilder builder(allocation);
        int64_t number = resultOfGraph(entry, use.getOperandNumber());
        auto result = tile::DeviceResultOp::create(builder, allocation.getLoc(), allocation.getType(),
                                                   allocation.getDynamicSizes(), number);
        allocation.replaceAllUsesWith(result.getMemory());
        allocation.erase();
        results.push_back(number);
      }
    for (int64_t argument : arguments) // results that are written over arguments are where these are
      if (auto donated = entry.getArgAttrOfType<IntegerAttr>(unsigned(argument), kDonatedAttr))
        results.push_back(donated.getInt());
    Builder builder(&getContext());
    getOperation()->setAttr("gqa.device_arguments", builder.getDenseI64ArrayAttr(arguments));
    getOperation()->setAttr("gqa.device_results", builder.getDenseI64ArrayAttr(results));
    numPlaced += arguments.size() + results.size();
    return arguments;
  }
};

} // namespace
} // namespace gqa
