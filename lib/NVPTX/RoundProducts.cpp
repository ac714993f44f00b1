// A product's result of f32 that is only rounded: cuBLASLt sums in f32, and rounds as it writes.
#include "LoopKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {
namespace {

/// The operation that rounds the elements of `wide`, and does nothing else, in its `op`'s block behind it;
/// the only reader of `wide`.
linalg::GenericOp findRounding(Operation *op, Value wide) {
  linalg::GenericOp rounding;
  for (Operation *user : wide.getUsers()) {
    if (user == op || isa<memref::DeallocOp>(user))
      continue;
    auto generic = dyn_cast<linalg::GenericOp>(user);
    if (rounding || !generic || generic->getBlock() != op->getBlock() || !op->isBeforeInBlock(generic))
      return nullptr;
    rounding = generic;
  }
  if (!rounding || rounding.getNumDpsInputs() != 1 || rounding.getNumDpsInits() != 1 ||
      !llvm::all_of(rounding.getIndexingMapsArray(), [](AffineMap map) { return map.isIdentity(); }))
    return nullptr;
  auto cast = rounding.getBody()->getTerminator()->getOperand(0).getDefiningOp<arith::TruncFOp>();
  bool isRounding = cast && cast.getIn() == rounding.getBody()->getArgument(0);
  return isRounding ? rounding : nullptr;
}

/// Whether an operation between the two, nested ones included, uses the buffer under `target`.
bool isUsedBetween(Operation *first, Operation *last, Value target) {
  Value root = rootOf(target);
  for (Operation *op = first->getNextNode(); op != last; op = op->getNextNode()) {
    WalkResult walk = op->walk([&](Operation *inner) {
      bool uses = inner != root.getDefiningOp() && !isMemoryEffectFree(inner) &&
                  llvm::any_of(inner->getOperands(), [&](Value operand) {
                    return isa<BaseMemRefType>(operand.getType()) && rootOf(operand) == root;
                  });
      return uses ? WalkResult::interrupt() : WalkResult::advance();
    });
    if (walk.wasInterrupted())
      return true;
  }
  return false;
}

/// Whether `op` could stand in front of `place`, in the same block.
bool hasOperandsBefore(Operation *op, Operation *place) {
  return op->getBlock() == place->getBlock() && llvm::all_of(op->getOperands(), [&](Value operand) {
           Operation *maker = operand.getDefiningOp();
           return !maker || maker->getBlock() != place->getBlock() || maker->isBeforeInBlock(place);
         });
}

} // namespace

Value takeRounding(linalg::LinalgOp op, Value result) {
  auto type = cast<MemRefType>(result.getType());
  auto allocation = result.getDefiningOp<memref::AllocOp>();
  linalg::GenericOp rounding =
      allocation && type.getElementType().isF32() ? findRounding(op, result) : linalg::GenericOp();
  Type operand = getElementTypeOrSelf(op->getOperand(0));
  if (!rounding)
    return nullptr;
  Value target = rounding.getDpsInits()[0];
  auto narrow = cast<MemRefType>(target.getType());
  if (narrow.getElementType() != operand || !narrow.isLastDimUnitStride() ||
      isUsedBetween(op, rounding, target))
    return nullptr;
  // Where it is made only behind the product, it can be made in front of it.
  Operation *made = target.getDefiningOp();
  bool isBehind = made && (made->getBlock() != op->getBlock() || op->isBeforeInBlock(made));
  if (isBehind && !(isa<memref::AllocOp>(made) && hasOperandsBefore(made, op)))
    return nullptr;
  if (isBehind)
    made->moveBefore(op);
  rounding.erase();
  return target;
}

} // namespace gqa
