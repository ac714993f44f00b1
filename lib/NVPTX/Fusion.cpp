#include "Fusion.h"
#include "BufferUses.h"
#include "Offload.h"
#include "gqa/Pipeline/Buffers.h"

using namespace mlir;

namespace gqa {
namespace {

bool isName(Value root) {
  if (auto argument = dyn_cast<BlockArgument>(root))
    return isa<func::FuncOp>(argument.getOwner()->getParentOp());
  return isa<memref::AllocOp, memref::GetGlobalOp>(root.getDefiningOp());
}

void collectUsers(Value buffer, llvm::SetVector<Operation *> &users) {
  for (Operation *user : buffer.getUsers()) {
    SmallVector<Value> views = viewsOf(user);
    if (views.empty() && !isa<memref::DeallocOp, memref::DimOp>(user))
      users.insert(user);
    for (Value view : views)
      collectUsers(view, users);
  }
}

/// Whether the order of the two matters.
bool conflict(Operation *inner, linalg::LinalgOp op) {
  if (isMemoryEffectFree(inner) || isa<memref::AllocOp>(inner))
    return false;
  auto loops = dyn_cast<linalg::LinalgOp>(inner);
  auto isBuffer = [](Value value) { return isa<BaseMemRefType>(value.getType()); };
  for (OpOperand &use : inner->getOpOperands())
    for (OpOperand &own : op->getOpOperands()) {
      bool isRead = isa<memref::LoadOp>(inner) || (loops && !loops.isDpsInit(&use));
      if (isBuffer(use.get()) && isBuffer(own.get()) && (!isRead || op.isDpsInit(&own)) &&
          mayBeSame(use.get(), own.get()))
        return true;
    }
  return false;
}

} // namespace

bool mayBeSame(Value a, Value b) {
  Value x = rootOf(a), y = rootOf(b);
  return x == y || !isName(x) || !isName(y);
}

llvm::SetVector<Operation *> usersOf(memref::AllocOp allocation) {
  llvm::SetVector<Operation *> users;
  collectUsers(allocation, users);
  return users;
}

bool mayPass(linalg::LinalgOp op, Operation *first, Operation *last, function_ref<bool(Operation *)> isLeft) {
  for (Operation *between = first->getNextNode(); between != last; between = between->getNextNode()) {
    if (isLeft && isLeft(between))
      continue;
    WalkResult walk = between->walk([&](Operation *inner) {
      return conflict(inner, op) ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (walk.wasInterrupted())
      return false;
  }
  return true;
}

bool isPlain(linalg::LinalgOp op) {
  return op.hasPureBufferSemantics() && op.getNumLoops() > 0 && whyOnHost(op).empty() &&
         llvm::none_of(op.getStaticLoopRanges(), ShapedType::isDynamic) &&
         llvm::all_of(op->getRegion(0).front().without_terminator(),
                      [](Operation &inner) { return isMemoryEffectFree(&inner); });
}

} // namespace gqa
