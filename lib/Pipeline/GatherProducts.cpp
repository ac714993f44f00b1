// gqa-gather-products: products that read one tensor stand next to each other, as a target may make one of
// them.
#include "gqa/Pipeline/Assertions.h"
#include "gqa/Pipeline/Makers.h"
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_GATHERPRODUCTS
#include "gqa/Pipeline/Passes.h.inc"

namespace {

bool isProduct(Operation &op) {
  auto product = dyn_cast<linalg::LinalgOp>(op);
  return product && product.hasPureTensorSemantics() && linalg::isaContractionOpInterface(product);
}

/// What may be made earlier than it stands: places, numbers and views, which cost nothing, or no more there.
bool isCheap(Operation *op) {
  if (isa<linalg::FillOp>(op))
    return true;
  bool makesTensor = llvm::any_of(op->getResultTypes(), [](Type type) { return isa<TensorType>(type); });
  bool isView = isa<tensor::EmptyOp, tensor::CastOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp,
                    tensor::ExtractSliceOp, linalg::TransposeOp>(op);
  return isMemoryEffectFree(op) && (op->hasTrait<OpTrait::ConstantLike>() || isView || !makesTensor);
}

bool hasStaticShapes(Operation *op) {
  auto isStatic = [](Type type) {
    auto shaped = dyn_cast<ShapedType>(type);
    return !shaped || shaped.hasStaticShape();
  };
  return llvm::all_of(op->getOperandTypes(), isStatic) && llvm::all_of(op->getResultTypes(), isStatic);
}

bool asserts(Operation *op) {
  return op->walk([](cf::AssertOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

/// What has to come along to `place` with `op`, in order; nothing if something has to stay. The sizes of
/// dynamic shapes may be what is asserted in front of `op`.
std::optional<SmallVector<Operation *>> companions(Operation *place, Operation *op) {
  llvm::SetVector<Operation *> needed;
  if (!collectMakers(place, op, isCheap, needed))
    return std::nullopt;
  if (!hasStaticShapes(op) || !llvm::all_of(needed, hasStaticShapes))
    for (Operation *between = place->getNextNode(); between != op; between = between->getNextNode())
      if (asserts(between)) {
        if (!onlyAsserts(between) || !collectMakers(place, between, isCheap, needed))
          return std::nullopt;
        needed.insert(between);
      }
  SmallVector<Operation *> ordered = needed.takeVector();
  llvm::sort(ordered, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return ordered;
}

struct GatherProductsPass : impl::GatherProductsBase<GatherProductsPass> {
  void runOnOperation() override {
    getOperation()->walk([&](Block *block) {
      if (!isa<linalg::LinalgOp>(block->getParentOp()))
        gather(*block);
    });
  }

private:
  /// By the operand, and its place among the product's: the last product of those that stand together.
  void gather(Block &block) {
    llvm::DenseMap<std::pair<Value, unsigned>, Operation *> last;
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (!isProduct(op))
        continue;
      for (unsigned operand : {0u, 1u}) {
        Operation *&front = last[{op.getOperand(operand), operand}];
        if (front && moveBehind(front, &op)) {
          front = &op;
          break;
        }
        front = &op;
      }
    }
  }

  bool moveBehind(Operation *front, Operation *op) {
    std::optional<SmallVector<Operation *>> others = companions(front, op);
    if (!others)
      return false;
    int64_t between = std::distance(std::next(front->getIterator()), op->getIterator());
    numMoved += between != int64_t(others->size());
    others->push_back(op);
    for (Operation *each : *others) {
      each->moveAfter(front);
      front = each;
    }
    return true;
  }
};

} // namespace
} // namespace gqa
