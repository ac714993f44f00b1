// gqa-separate-destinations: what results are written to.
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_SEPARATEDESTINATIONS
#include "gqa/Pipeline/Passes.h.inc"

namespace {

/// Gives each operation that writes to what `op` makes a copy of `op`, and returns how many that were. All
/// stand in front of their user, as what is made earlier is memory in use all the while.
int64_t separate(Operation *op) {
  int64_t copies = 0;
  for (OpOperand &use : llvm::make_early_inc_range(op->getUses())) {
    auto user = dyn_cast<DestinationStyleOpInterface>(use.getOwner());
    if (!user || !user.isDpsInit(&use))
      continue;
    if (!op->hasOneUse()) {
      use.set(OpBuilder(user).clone(*op)->getResult(0));
      ++copies;
    } else if (user->getBlock() == op->getBlock()) {
      op->moveBefore(user);
    }
  }
  return copies;
}

/// Writes an elementwise result over an operand that nobody else reads, where it is read next: memory that is
/// in the caches already. Slices and what the caller gets have places of their own.
bool writeOver(linalg::GenericOp op) {
  if (op.getNumDpsInits() != 1 || op.getNumLoops() != op.getNumParallelLoops() ||
      !op.hasPureTensorSemantics() || !op.getDpsInits()[0].getDefiningOp<tensor::EmptyOp>() ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity() ||
      !llvm::all_of(op->getUsers(), llvm::IsaPred<linalg::LinalgOp>))
    return false;
  for (OpOperand *input : op.getDpsInputOperands()) {
    auto maker = input->get().getDefiningOp<linalg::LinalgOp>();
    if (!maker || maker->getBlock() != op->getBlock() || !input->get().hasOneUse() ||
        input->get().getType() != op->getResult(0).getType() ||
        !op.getMatchingIndexingMap(input).isIdentity())
      continue;
    op.getDpsInitsMutable()[0].set(input->get());
    return true;
  }
  return false;
}

struct SeparateDestinationsPass : impl::SeparateDestinationsBase<SeparateDestinationsPass> {
  void runOnOperation() override {
    SmallVector<Operation *> fills, empties;
    getOperation()->walk([&](linalg::FillOp fill) {
      if (fill.hasPureTensorSemantics() && fill.getOutputs()[0].getDefiningOp<tensor::EmptyOp>())
        fills.push_back(fill);
    });
    for (Operation *fill : fills)
      numSeparated += separate(fill);
    getOperation()->walk([&](linalg::GenericOp op) { numInPlace += writeOver(op); });
    getOperation()->walk([&](tensor::EmptyOp empty) { empties.push_back(empty); });
    for (Operation *empty : empties)
      numSeparated += separate(empty);
  }
};

} // namespace
} // namespace gqa
