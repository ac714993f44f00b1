// Loops of the host around one operation, such as those that write each sequence's tokens to positions of its
// own, as loops of a kernel: every thread goes through them with its point. The outermost one is the grid's
// if its iterations write to different places.
#include "LoopKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

bool isOutside(Operation *nest, Value value) {
  return !nest->isAncestor(value.getParentBlock()->getParentOp());
}

/// Whether the threads that come to an element in several iterations are one: the view moves by whole points
/// of the loops, along dimensions of which it has one place.
bool keepsPoints(scf::ForOp nest, linalg::LinalgOp op, OpOperand &output) {
  auto view = output.get().getDefiningOp<memref::SubViewOp>();
  if (!view || !isOutside(nest, view.getSource()))
    return false;
  auto isSteady = [&](OpFoldResult value) {
    auto number = dyn_cast<Value>(value);
    return !number || isOutside(nest, number);
  };
  for (auto [offset, size, stride] :
       llvm::zip(view.getMixedOffsets(), view.getMixedSizes(), view.getMixedStrides()))
    if (!isSteady(stride) || (!isSteady(offset) && getConstantIntValue(size) != 1))
      return false;
  return op.getMatchingIndexingMap(&output).isPermutation();
}

/// Whether what the loops read is not what they write, but for elements of the output itself.
bool readsOthers(scf::ForOp nest, linalg::LinalgOp op) {
  auto isWritten = [&](Value buffer) {
    return isa<MemRefType>(buffer.getType()) &&
           llvm::any_of(op.getDpsInits(), [&](Value output) { return rootOf(output) == rootOf(buffer); });
  };
  if (llvm::any_of(op.getDpsInputs(), isWritten))
    return false;
  return !nest->walk([&](memref::LoadOp load) {
                return isWritten(load.getMemRef()) ? WalkResult::interrupt() : WalkResult::advance();
              })
              .wasInterrupted();
}

/// Finds the one structured operation of a block, in loops and branches; false if there is anything that a
/// kernel cannot do.
bool findIn(Block &block, linalg::LinalgOp &found) {
  for (Operation &inner : block.without_terminator()) {
    if (auto op = dyn_cast<linalg::LinalgOp>(inner)) {
      if (found)
        return false;
      found = op;
    } else if (isa<scf::ForOp, scf::IfOp>(inner)) {
      if (inner.getNumResults())
        return false;
      for (Region &region : inner.getRegions())
        if (!region.empty() && !findIn(region.front(), found))
          return false;
    } else if (!isa<memref::LoadOp, cf::AssertOp>(inner) &&
               (!isMemoryEffectFree(&inner) || inner.getNumRegions())) {
      return false;
    }
  }
  return true;
}

class Cloning {
public:
  Cloning(IndexBuilder &b, KernelOperands &operands, function_ref<void()> atOperation)
      : b(b), operands(operands), atOperation(atOperation) {}

  void clone(scf::ForOp loop, Value place) {
    if (place) {
      operands.define(loop.getInductionVar(), place);
      return clone(*loop.getBody());
    }
    auto copy = scf::ForOp::create(b, operands.lookup(loop.getLowerBound()),
                                   operands.lookup(loop.getUpperBound()), operands.lookup(loop.getStep()));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(copy.getBody());
    operands.define(loop.getInductionVar(), copy.getInductionVar());
    clone(*loop.getBody());
  }

private:
  void clone(Block &block) {
    llvm::DenseSet<Value> checked;
    for (Operation &inner : block.without_terminator()) {
      if (isa<linalg::LinalgOp>(inner))
        atOperation();
      else if (auto loop = dyn_cast<scf::ForOp>(inner))
        clone(loop, nullptr);
      else if (auto branch = dyn_cast<scf::IfOp>(inner))
        clone(branch);
      else if (auto assertion = dyn_cast<cf::AssertOp>(inner))
        check(assertion.getArg(), checked);
      else
        operands.clone(b, inner);
    }
  }

  /// Once for each condition.
  void check(Value condition, llvm::DenseSet<Value> &checked) {
    if (checked.insert(condition).second)
      buildAssertion(b, operands.lookup(condition));
  }

  void clone(scf::IfOp branch) {
    auto arm = [&](Region &region) -> SmallVector<Value> {
      if (!region.empty())
        clone(region.front());
      return {};
    };
    buildChoice(
        b, operands.lookup(branch.getCondition()), {}, [&] { return arm(branch.getThenRegion()); },
        [&] { return arm(branch.getElseRegion()); });
  }

  IndexBuilder &b;
  KernelOperands &operands;
  function_ref<void()> atOperation;
};

} // namespace

linalg::LinalgOp findNested(scf::ForOp nest) {
  linalg::LinalgOp op;
  if (nest.getNumResults() || !findIn(*nest.getBody(), op) || !op || op.hasDynamicShape() ||
      op.getNumParallelLoops() != op.getNumLoops() || !readsOthers(nest, op))
    return nullptr;
  bool keeps =
      llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &output) { return keepsPoints(nest, op, output); });
  return keeps ? op : linalg::LinalgOp();
}

scf::ForOp nestOf(linalg::LinalgOp op) {
  scf::ForOp nest;
  for (auto loop = op->getParentOfType<scf::ForOp>(); loop && findNested(loop) == op;
       loop = loop->getParentOfType<scf::ForOp>())
    nest = loop;
  return nest;
}

bool writesApart(scf::ForOp nest, linalg::LinalgOp op) {
  if (!isConstantIntValue(nest.getLowerBound(), 0) || !isConstantIntValue(nest.getStep(), 1))
    return false;
  return nest->hasAttr(kUnorderedAttr) || llvm::all_of(op.getDpsInits(), [&](Value output) {
           auto view = output.getDefiningOp<memref::SubViewOp>();
           return llvm::any_of(llvm::zip(view.getMixedOffsets(), view.getMixedSizes()), [&](auto place) {
             return std::get<0>(place) == OpFoldResult(nest.getInductionVar()) &&
                    getConstantIntValue(std::get<1>(place)) == 1;
           });
         });
}

void collectNest(scf::ForOp nest, linalg::LinalgOp op, KernelOperands &operands) {
  nest->walk([&](Operation *inner) {
    for (Value value : inner->getOperands()) {
      bool isWritten = isa<MemRefType>(value.getType()) && llvm::any_of(op.getDpsInits(), [&](Value output) {
                         return rootOf(output) == rootOf(value);
                       });
      if (isOutside(nest, value))
        operands.use(value, isWritten);
    }
  });
}

void buildNest(IndexBuilder &b, scf::ForOp nest, Value place, KernelOperands &operands,
               function_ref<void()> atOperation) {
  Cloning(b, operands, atOperation).clone(nest, place);
}

} // namespace gqa
