#include "BufferUses.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Pipeline/Buffers.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;

namespace gqa {
namespace {

/// The function that a call gives `use` to, if it is known.
func::FuncOp calleeOf(OpOperand &use) {
  auto call = dyn_cast<func::CallOp>(use.getOwner());
  auto callee =
      call ? SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr()) : nullptr;
  return callee && !callee.isExternal() ? callee : func::FuncOp();
}

Operation *findHostUse(Value buffer, llvm::SmallDenseSet<Value> &seen) {
  if (!seen.insert(buffer).second) // what a function that calls itself passes on
    return nullptr;
  for (OpOperand &use : buffer.getUses()) {
    Operation *user = use.getOwner();
    if (isa<memref::DimOp, memref::DeallocOp, tile::DeviceMapOp, func::ReturnOp>(user))
      continue;
    SmallVector<Value> next = viewsOf(user);
    if (func::FuncOp callee = calleeOf(use))
      next.push_back(callee.getArgument(use.getOperandNumber()));
    if (next.empty())
      return user;
    for (Value each : next)
      if (Operation *found = findHostUse(each, seen))
        return found;
  }
  return nullptr;
}

/// What a host's use of a buffer is, for people.
std::string describeUse(Operation *use, func::FuncOp function) {
  std::string text;
  llvm::raw_string_ostream out(text);
  auto user = use->getParentOfType<func::FuncOp>();
  if (isForDeallocation(user) || isa<memref::ExtractAlignedPointerAsIndexOp>(use))
    return "who frees it is known only when it runs";
  if (isa<memref::LoadOp>(use))
    out << "the host reads an element of it";
  else if (isa<scf::YieldOp, scf::ConditionOp>(use))
    out << "it is a result of '" << use->getParentOp()->getName() << "'";
  else if (isa<scf::ForOp, scf::WhileOp>(use))
    out << "'" << use->getName() << "' begins with it, and ends with another";
  else
    out << "'" << use->getName() << "' uses it on the host";
  if (user != function)
    out << ", in @" << user.getName();
  return text;
}

std::string whyOnHost(Value root, func::FuncOp function) {
  if (auto argument = dyn_cast<BlockArgument>(root);
      argument && argument.getOwner()->getParent() != &function.getBody())
    return ("'" + argument.getOwner()->getParentOp()->getName().getStringRef() +
            "' hands it to its next iteration")
        .str();
  if (Operation *use = hostUseOf(root))
    return describeUse(use, function);
  if (isReturned(root))
    return function.isPublic() ? "more than one result is in it, or a part of it is one"
                               : ("@" + function.getName() + " returns it").str();
  if (!function.getBody().hasOneBlock())
    return ("@" + function.getName() + " has several blocks").str();
  if (Operation *maker = root.getDefiningOp(); maker && !isa<memref::AllocOp, memref::GetGlobalOp>(maker))
    return ("it is a result of '" + maker->getName().getStringRef() + "'").str();
  return "its elements are not dense";
}

} // namespace

SmallVector<Value> viewsOf(Operation *op) {
  SmallVector<Value> views;
  if (isa<memref::CastOp, memref::TransposeOp, ViewLikeOpInterface>(op))
    llvm::copy_if(op->getResults(), std::back_inserter(views),
                  [](Value value) { return isa<BaseMemRefType>(value.getType()); });
  return views;
}

Operation *hostUseOf(Value buffer) {
  llvm::SmallDenseSet<Value> seen;
  return findHostUse(buffer, seen);
}

bool isForDeallocation(func::FuncOp function) { return function.getName().starts_with("dealloc_helper"); }

bool isReturned(Value buffer) {
  return llvm::any_of(buffer.getUsers(), [](Operation *user) {
    return isa<func::ReturnOp>(user) || llvm::any_of(viewsOf(user), isReturned);
  });
}

void explainHostBuffers(func::FuncOp function, ArrayRef<int64_t> placed) {
  llvm::MapVector<Value, int64_t> uses; // by kernels
  function.walk([&](tile::DeviceMapOp map) { ++uses[rootOf(map.getBuffer())]; });
  for (auto [root, count] : uses) {
    auto argument = dyn_cast<BlockArgument>(root);
    bool isArgument = argument && argument.getOwner() == &function.getBody().front();
    if (isArgument && (!function.isPublic() || llvm::is_contained(placed, argument.getArgNumber())))
      continue; // it is where the caller has it
    if (isa_and_present<tile::DeviceAllocOp, tile::DeviceConstantOp, tile::DeviceResultOp>(
            root.getDefiningOp()))
      continue;
    InFlightDiagnostic remark = emitRemark(root.getLoc());
    if (isArgument)
      remark << "argument " << argument.getArgNumber() << " ";
    remark << "stays in the memory of the host, and is copied for " << count
           << (count == 1 ? " use by a kernel" : " uses by kernels");
    if (auto type = dyn_cast<MemRefType>(root.getType());
        type && type.hasStaticShape() && type.getElementType().isIntOrFloat())
      remark << ", " << type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8)
             << " bytes each time";
    remark << ": " << whyOnHost(root, function);
  }
}

} // namespace gqa
