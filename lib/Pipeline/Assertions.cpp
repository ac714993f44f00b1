#include "gqa/Pipeline/Assertions.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace gqa {

bool onlyAsserts(Operation *op) {
  if (isa<cf::AssertOp>(op))
    return true;
  auto checks = [](Operation &inner) { return isa<cf::AssertOp>(inner) || isMemoryEffectFree(&inner); };
  return isa<scf::IfOp>(op) && op->getNumResults() == 0 &&
         llvm::all_of(op->getRegions(),
                      [&](Region &region) { return region.empty() || llvm::all_of(region.front(), checks); });
}

} // namespace gqa
