// Expressions are read, compared and written by recursion, which is what they are made for; a front end that
// unrolls loops makes some that the 8 MiB of a usual stack do not hold.
#include "gqa/Raise/LongChains.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/ProgramStack.h"

using namespace mlir;

namespace gqa {

/// How deep an operation alone nests.
static uint64_t depthOf(Operation *op) {
  if (op->hasTrait<OpTrait::IsTerminator>())
    return 0;
  if (isa<tensor::ConcatOp>(op))
    return op->getNumOperands();
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) // a condition for either end of each dimension
    return 1 + 2 * uint64_t(insert.getDestType().getRank());
  return 1;
}

uint64_t longestChain(Operation *root) {
  // What an operation's regions read of the region that it stands in, and how long their own chains are.
  llvm::DenseMap<Operation *, uint64_t> depths, captured, inside;
  root->walk([&](Operation *op) {
    uint64_t before = captured.lookup(op);
    for (Value operand : op->getOperands()) {
      Operation *def = operand.getDefiningOp();
      if (!def || op == root)
        continue;
      Operation *reader = def->getParentRegion()->findAncestorOpInRegion(*op);
      if (reader == op)
        before = std::max(before, depths.lookup(def));
      else if (reader)
        captured[reader] = std::max(captured.lookup(reader), depths.lookup(def));
    }
    uint64_t depth = depths[op] = before + depthOf(op) + inside.lookup(op);
    uint64_t &around = inside[op->getParentOp()];
    around = std::max(around, depth);
  });
  return inside.lookup(root);
}

LogicalResult withStackFor(Operation *root, llvm::function_ref<void()> walk) {
  constexpr uint64_t kShort = 1 << 11; // a quarter of what has been seen to fit
  constexpr unsigned kBytes = 4096;    // of an operation, four times what it has been seen to take
  uint64_t longest = longestChain(root);
  if (longest > kLongestChain)
    return emitError(root->getLoc()) << longest
                                     << " operations are each computed from the one before; expected at most "
                                     << kLongestChain << " in a row, and a loop where there are more";
  if (longest <= kShort)
    walk();
  else
    llvm::runOnNewStack(unsigned(longest) * kBytes + llvm::getDefaultStackSize(), walk);
  return success();
}

} // namespace gqa
