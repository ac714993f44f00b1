// gqa-place-tensors: which tensors of the entry may be in the memory of a GPU.
#include "KernelOperands.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/NVPTX/Passes.h"
#include "gqa/Pipeline/Entry.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_PLACETENSORS
#include "gqa/NVPTX/Passes.h.inc"

namespace {

/// The buffers that an operation makes of one: views, beside sizes and strides.
SmallVector<Value> viewsOf(Operation *op) {
  SmallVector<Value> views;
  if (isa<memref::CastOp, memref::TransposeOp, ViewLikeOpInterface>(op))
    llvm::copy_if(op->getResults(), std::back_inserter(views),
                  [](Value value) { return isa<BaseMemRefType>(value.getType()); });
  return views;
}

/// Whether the host leaves the contents of `buffer` alone: it asks for sizes, and hands it to kernels.
bool isForKernels(Value buffer) {
  return llvm::all_of(buffer.getUses(), [](OpOperand &use) {
    Operation *user = use.getOwner();
    if (isa<memref::DimOp, memref::DeallocOp, tile::DeviceMapOp, func::ReturnOp>(user))
      return true;
    if (SmallVector<Value> views = viewsOf(user); !views.empty())
      return llvm::all_of(views, isForKernels);
    auto call = dyn_cast<func::CallOp>(user);
    auto callee =
        call ? SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr()) : nullptr;
    return callee && !callee.isExternal() && isForKernels(callee.getArgument(use.getOperandNumber()));
  });
}

bool isReturned(Value buffer) {
  return llvm::any_of(buffer.getUsers(), [](Operation *user) {
    return isa<func::ReturnOp>(user) || llvm::any_of(viewsOf(user), isReturned);
  });
}

/// Whether kernels of this function use `buffer`.
bool isMapped(Value buffer) {
  return llvm::any_of(buffer.getUsers(), [](Operation *user) {
    return isa<tile::DeviceMapOp>(user) || llvm::any_of(viewsOf(user), isMapped);
  });
}

/// The allocation that is result `use`, perhaps in another shape, and nothing else that leaves the function.
memref::AllocOp allocationOf(OpOperand &use) {
  Value whole = use.get();
  while (isa_and_present<memref::ExpandShapeOp, memref::CollapseShapeOp>(whole.getDefiningOp()))
    whole = whole.getDefiningOp()->getOperand(0);
  auto allocation = whole.getDefiningOp<memref::AllocOp>();
  if (!allocation || !allocation.getType().getLayout().isIdentity() || !isForKernels(allocation))
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
  if (!type.getLayout().isIdentity() || !isForKernels(buffer) || isReturned(buffer))
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

/// Buffers of a function that the entry calls are not placed: kernels read them out of the host's memory.
void explainHostBuffers(func::FuncOp callee) {
  callee.walk([&](Operation *op) {
    if (isa<memref::AllocOp, memref::GetGlobalOp>(op) && isMapped(op->getResult(0)))
      op->emitRemark("stays in the memory of the host, and is copied around kernels: it belongs to @")
          << callee.getName() << ", and only buffers of the entry are placed on the device";
  });
}

/// The last operation of `block` that uses a buffer or a view of it; its end if an address leaves our sight.
Operation *lastUse(Value buffer, Block &block) {
  Operation *last = buffer.getDefiningOp();
  for (Operation *user : buffer.getUsers()) {
    if (isa<memref::ExtractAlignedPointerAsIndexOp>(user))
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
      if (function.isPublic() && !function.isExternal())
        place(function);
      else
        explainHostBuffers(function);
    getOperation().walk(freeEarly);
  }

private:
  void place(func::FuncOp entry) {
    SmallVector<int64_t> arguments, results;
    for (BlockArgument argument : entry.getArguments())
      if (isa<MemRefType>(argument.getType()) && isForKernels(argument) && !isReturned(argument))
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
    SmallVector<Operation *> others;
    entry.walk([&](Operation *op) {
      if (isa<memref::AllocOp, memref::GetGlobalOp>(op))
        others.push_back(op);
      if (isa<memref::LoadOp>(op) && !op->getParentOfType<tile::KernelOp>() &&
          !op->getParentOfType<linalg::LinalgOp>())
        op->emitRemark("the host reads an element here, and waits for the device if it is there");
    });
    llvm::for_each(others, placeOnDevice);
    removeMaps(entry);
    Builder builder(&getContext());
    getOperation()->setAttr("gqa.device_arguments", builder.getDenseI64ArrayAttr(arguments));
    getOperation()->setAttr("gqa.device_results", builder.getDenseI64ArrayAttr(results));
    numPlaced += arguments.size() + results.size();
  }
};

} // namespace
} // namespace gqa
