// gqa-roll-loops: the steps of an unrolled loop over parts of a tensor become a loop again.
#include "UnrolledStep.h"
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_ROLLLOOPS
#include "gqa/Pipeline/Passes.h.inc"

namespace {

/// Fewer cost bufferization little, and code for sizes that are known is better.
constexpr size_t kFewestSteps = 16;

/// The last steps of a chain whose numbers grow by the same amount from each step to the next.
class Run {
public:
  /// \param chain insertions, each into the result of the one before
  explicit Run(ArrayRef<tensor::InsertSliceOp> chain) {
    tensor::InsertSliceOp last = chain.back();
    for (tensor::InsertSliceOp insert : llvm::reverse(chain.drop_back())) {
      UnrolledStep step(insert, last);
      if (!step.isFound() || !step.readsTensor())
        break;
      if (steps.empty())
        steps.push_back(UnrolledStep(step, last));
      if (!continues(step))
        break;
      steps.push_back(std::move(step));
      first = insert;
    }
  }

  size_t size() const { return steps.size(); }

  /// The loop in place of the steps.
  void roll() {
    auto last = cast<tensor::InsertSliceOp>(steps.front().all().back().first);
    OpBuilder builder(last);
    Location loc = last.getLoc();
    auto index = [&](int64_t i) -> Value { return arith::ConstantIndexOp::create(builder, loc, i); };
    auto loop = scf::ForOp::create(builder, loc, index(0), index(int64_t(size())), index(1), first.getDest());
    builder.setInsertionPointToStart(loop.getBody());
    IRMapping mapping;
    mapping.map(last.getDest(), loop.getRegionIterArg(0));
    SmallVector<Operation *> operations =
        llvm::map_to_vector(steps.front().all(), [](auto pair) { return pair.first; });
    llvm::sort(operations, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    for (Operation *op : operations)
      mapping.map(op->getResult(0), build(builder, op, loop.getInductionVar(), mapping));
    scf::YieldOp::create(builder, loc, mapping.lookup(last.getResult()));
    last.getResult().replaceAllUsesWith(loop.getResult(0));
    erase();
  }

private:
  /// Whether the step is as far from the one behind it as those behind are from each other, and nobody else
  /// reads what it makes.
  bool continues(const UnrolledStep &step) const {
    if (step.all().size() != steps.front().all().size() ||
        !steps.back().isOnlyUser(step.all().back().second->getResult(0)))
      return false;
    return llvm::all_of(steps.front().all(), [&](auto pair) {
      auto mine = step.all().find(pair.first);
      if (mine == step.all().end())
        return false;
      auto ofLast = numbersOf(pair.first), behind = numbersOf(steps.back().all().lookup(pair.first));
      auto growth = steps.size() == 1 ? behind : numbersOf(steps[1].all().lookup(pair.first));
      auto numbers = numbersOf(mine->second);
      for (size_t i = 0; i < numbers.size(); ++i)
        if (steps.size() > 1 && behind[i] - numbers[i] != ofLast[i] - growth[i])
          return false;
      return true;
    });
  }

  /// The numbers of an operation in a step of the loop: equal ones are one value.
  SmallVector<OpFoldResult> numbers(OpBuilder &b, Operation *op, Value step) {
    auto firsts = numbersOf(steps.back().all().lookup(op)), lasts = numbersOf(op);
    auto index = [&](int64_t i) { return arith::ConstantIndexOp::create(b, op->getLoc(), i); };
    SmallVector<OpFoldResult> results;
    for (auto [from, to] : llvm::zip(firsts, lasts)) {
      if (from == to) {
        results.push_back(b.getIndexAttr(from));
        continue;
      }
      Value &number = grown[{from, to}];
      if (!number) {
        Value growth = index((to - from) / (int64_t(size()) - 1));
        number = b.createOrFold<arith::MulIOp>(op->getLoc(), step, growth);
        number = b.createOrFold<arith::AddIOp>(op->getLoc(), number, index(from));
      }
      results.push_back(number);
    }
    return results;
  }

  Value buildSlice(OpBuilder &b, OffsetSizeAndStrideOpInterface slice, ArrayRef<OpFoldResult> numbers,
                   ValueRange operands) {
    Location loc = slice->getLoc();
    ArrayRef<OpFoldResult> offsets = numbers.take_front(numbers.size() / 2),
                           sizes = numbers.drop_front(offsets.size());
    if (isa<tensor::InsertSliceOp>(slice))
      return tensor::InsertSliceOp::create(b, loc, operands[0], operands[1], offsets, sizes,
                                           slice.getMixedStrides());
    auto extract = cast<tensor::ExtractSliceOp>(slice);
    SmallVector<OpFoldResult> kept;
    for (auto [i, size] : llvm::enumerate(sizes))
      if (!extract.getDroppedDims()[i])
        kept.push_back(size);
    return tensor::ExtractSliceOp::create(b, loc, resized(extract.getType(), kept), operands[0], offsets,
                                          sizes, slice.getMixedStrides());
  }

  Value build(OpBuilder &b, Operation *op, Value step, const IRMapping &mapping) {
    Location loc = op->getLoc();
    SmallVector<OpFoldResult> numbers = this->numbers(b, op, step);
    SmallVector<Value> operands =
        llvm::map_to_vector(op->getOperands(), [&](Value x) { return mapping.lookupOrDefault(x); });
    if (auto slice = dyn_cast<OffsetSizeAndStrideOpInterface>(op))
      return buildSlice(b, slice, numbers, operands);
    if (auto empty = dyn_cast<tensor::EmptyOp>(op))
      return tensor::EmptyOp::create(b, loc, numbers, empty.getType().getElementType());
    if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
      return tensor::ExpandShapeOp::create(b, loc, resized(expand.getResultType(), numbers), operands[0],
                                           expand.getReassociationIndices(), numbers);
    if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
      return tensor::CollapseShapeOp::create(b, loc, operands[0], collapse.getReassociationIndices());
    OpOperand *output = cast<linalg::LinalgOp>(op).getDpsInitOperand(0);
    Type type = operands[output->getOperandNumber()].getType();
    return clone(b, op, TypeRange(type), operands)->getResult(0);
  }

  void erase() {
    SmallVector<Operation *> operations;
    for (const UnrolledStep &step : steps)
      llvm::append_range(operations, llvm::make_second_range(step.all()));
    llvm::sort(operations, [](Operation *a, Operation *b) { return b->isBeforeInBlock(a); });
    for (Operation *op : operations)
      if (op->use_empty())
        op->erase();
  }

  static RankedTensorType resized(RankedTensorType type, ArrayRef<OpFoldResult> sizes) {
    return type.clone(std::get<0>(decomposeMixedValues(SmallVector<OpFoldResult>(sizes))));
  }

  SmallVector<UnrolledStep> steps; // from the last one on
  tensor::InsertSliceOp first;
  llvm::DenseMap<std::pair<int64_t, int64_t>, Value> grown; // by what they are in the first step and the last
};

/// The insertion into what `insert` makes, if there is one beside it.
tensor::InsertSliceOp next(tensor::InsertSliceOp insert) {
  for (Operation *user : insert->getUsers())
    if (auto next = dyn_cast<tensor::InsertSliceOp>(user);
        next && next.getDest() == insert.getResult() && next->getBlock() == insert->getBlock())
      return next;
  return nullptr;
}

struct RollLoopsPass : impl::RollLoopsBase<RollLoopsPass> {
  void roll(ArrayRef<tensor::InsertSliceOp> chain) {
    while (chain.size() >= kFewestSteps) {
      Run run(chain);
      size_t size = run.size();
      if (size >= kFewestSteps) {
        run.roll();
        ++numRolled;
      } else { // whose first step may be the last of another run
        size = std::max<size_t>(size, 2) - 1;
      }
      chain = chain.drop_back(size);
    }
  }

  void runOnOperation() override {
    SmallVector<tensor::InsertSliceOp> heads;
    getOperation()->walk([&](tensor::InsertSliceOp insert) {
      auto before = insert.getDest().getDefiningOp<tensor::InsertSliceOp>();
      if (!before || before->getBlock() != insert->getBlock())
        heads.push_back(insert);
    });
    for (tensor::InsertSliceOp head : heads) {
      SmallVector<tensor::InsertSliceOp> chain;
      for (auto insert = head; insert; insert = next(insert))
        chain.push_back(insert);
      roll(chain);
    }
  }
};

} // namespace
} // namespace gqa
