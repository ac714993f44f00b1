// gqa-place-tensors: which tensors of the entry may be in the memory of a GPU.
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/NVPTX/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
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
    if (isa<memref::DimOp, tile::DeviceMapOp, func::ReturnOp>(user))
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

/// The allocation that is result `use` and nothing else that leaves the function.
memref::AllocOp allocationOf(OpOperand &use) {
  auto allocation = use.get().getDefiningOp<memref::AllocOp>();
  if (!allocation || !allocation.getType().getLayout().isIdentity() || !isForKernels(allocation))
    return nullptr;
  int64_t returns = llvm::count_if(allocation->getUsers(), [](Operation *user) {
    return isa<func::ReturnOp>(user) || llvm::any_of(viewsOf(user), isReturned);
  });
  return returns == 1 ? allocation : nullptr;
}

struct PlaceTensorsPass : impl::PlaceTensorsBase<PlaceTensorsPass> {
  using PlaceTensorsBase::PlaceTensorsBase;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal())
        place(function);
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
        auto result = tile::DeviceResultOp::create(builder, allocation.getLoc(), allocation.getType(),
                                                   allocation.getDynamicSizes(), use.getOperandNumber());
        allocation.replaceAllUsesWith(result.getMemory());
        allocation.erase();
        results.push_back(use.getOperandNumber());
      }
    Builder builder(&getContext());
    getOperation()->setAttr("gqa.device_arguments", builder.getDenseI64ArrayAttr(arguments));
    getOperation()->setAttr("gqa.device_results", builder.getDenseI64ArrayAttr(results));
    numPlaced += arguments.size() + results.size();
  }
};

} // namespace
} // namespace gqa
