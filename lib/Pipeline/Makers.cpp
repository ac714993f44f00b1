#include "gqa/Pipeline/Makers.h"

#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace gqa {

bool collectMakers(Operation *place, Operation *op, function_ref<bool(Operation *)> mayMove,
                   llvm::SetVector<Operation *> &needed) {
  llvm::SetVector<Value> used(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), used);
  for (Value value : used) {
    Operation *maker = value.getDefiningOp();
    if (!maker || maker->getBlock() != place->getBlock() || maker->isBeforeInBlock(place) ||
        needed.contains(maker))
      continue;
    if (maker == place || !mayMove(maker) || !collectMakers(place, maker, mayMove, needed))
      return false;
    needed.insert(maker);
  }
  return true;
}

} // namespace gqa
