// gqa-carry-in-place: what a loop carries stays in one buffer, which each iteration writes over, and what
// comes out of a branch is in one buffer, whichever way it took.
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_CARRYINPLACE
#include "gqa/Pipeline/Passes.h.inc"

namespace {

/// What an operation writes elements to, or takes another form of, to make `value`; null if nothing.
Value destinationOf(Value value) {
  auto result = dyn_cast<OpResult>(value);
  if (!result)
    return nullptr;
  Operation *op = result.getOwner();
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return loop.getTiedLoopInit(result)->get();
  if (auto destination = dyn_cast<DestinationStyleOpInterface>(op))
    return destination.getTiedOpOperand(result)->get();
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(op))
    return op->getOperand(0);
  return nullptr;
}

/// Where the destinations begin, as far as all ways there agree.
Value originOf(Value value) {
  while (Value destination = destinationOf(value))
    value = destination;
  auto branch = value.getDefiningOp<scf::IfOp>();
  if (!branch)
    return value;
  unsigned number = cast<OpResult>(value).getResultNumber();
  Value yes = originOf(branch.thenYield().getOperand(number)),
        no = originOf(branch.elseYield().getOperand(number));
  return yes == no ? yes : value;
}

/// Whether nobody else has a use of `value`, or of what it is written to; a selected tensor is another's.
bool isOnlyYielded(Value value) {
  for (; value && !isa_and_present<tensor::EmptyOp>(value.getDefiningOp()); value = destinationOf(value))
    if (isa<OpResult>(value) && (!value.hasOneUse() || isa<arith::SelectOp>(value.getDefiningOp())))
      return false;
  return true;
}

/// Whether both are known to have the same sizes.
bool haveSameSizes(Value a, Value b) {
  auto type = cast<RankedTensorType>(a.getType());
  return llvm::all_of(llvm::seq(type.getRank()), [&](int64_t dim) {
    if (!type.isDynamicDim(unsigned(dim)))
      return true;
    using Variable = ValueBoundsConstraintSet::Variable;
    FailureOr<bool> equal = ValueBoundsConstraintSet::areEqual(Variable(a, dim), Variable(b, dim));
    return succeeded(equal) && *equal;
  });
}

/// What an iteration hands on, what it got in its place, and what the first one gets.
struct Carry {
  OpOperand *yielded;
  Value carried;
  OpOperand *first;
};
using Carried = SmallVector<Carry>;

Carried carriedBy(scf::ForOp loop) {
  Carried result;
  for (auto [yielded, carried, first] : llvm::zip(loop.getBody()->getTerminator()->getOpOperands(),
                                                  loop.getRegionIterArgs(), loop.getInitArgsMutable()))
    result.push_back({&yielded, carried, &first});
  return result;
}

/// In the second region it has the number that the first one passes it on with.
Carried carriedBy(scf::WhileOp loop) {
  Carried result;
  ValueRange passed = loop.getConditionOp().getArgs();
  for (auto [number, yielded] : llvm::enumerate(loop.getYieldOp()->getOpOperands()))
    if (number < passed.size() && passed[number] == loop.getBeforeArguments()[number])
      result.push_back({&yielded, loop.getAfterArguments()[number], &loop->getOpOperand(unsigned(number))});
  return result;
}

/// A tensor chosen in a loop as a branch, whose result has a buffer of its own: a choice between two buffers
/// would forbid writing over either.
void branchOn(arith::SelectOp select) {
  auto type = dyn_cast<RankedTensorType>(select.getType());
  if (!type || !type.hasStaticShape() || !select.getCondition().getType().isInteger(1) ||
      !select->getParentOfType<LoopLikeOpInterface>())
    return;
  OpBuilder builder(select);
  auto yield = [](Value value) {
    return [value](OpBuilder &inner, Location loc) { scf::YieldOp::create(inner, loc, value); };
  };
  auto branch = scf::IfOp::create(builder, select.getLoc(), select.getCondition(),
                                  yield(select.getTrueValue()), yield(select.getFalseValue()));
  select.replaceAllUsesWith(branch.getResult(0));
  select.erase();
}

struct CarryInPlacePass : impl::CarryInPlaceBase<CarryInPlacePass> {
  void runOnOperation() override {
    getOperation()->walk(branchOn);
    getOperation()->walk([&](scf::ForOp loop) { keep(carriedBy(loop)); });
    getOperation()->walk([&](scf::WhileOp loop) { keep(carriedBy(loop)); });
    getOperation()->walk([&](scf::IfOp branch) { gather(branch); });
  }

private:
  void keep(const Carried &all) {
    Carried kept;
    llvm::copy_if(all, std::back_inserter(kept), isToKeep);
    // Those that change places are copied before any of them is written over, and so is what others read.
    for (const Carry &carry : kept) {
      Value value = carry.yielded->get();
      bool isCarried =
          llvm::any_of(all, [&](const Carry &other) { return originOf(value) == other.carried; });
      if (isCarried || !isOnlyYielded(value))
        carry.yielded->set(copyOf(*carry.yielded));
    }
    for (const Carry &carry : kept) {
      writeTo(*carry.yielded, carry.carried);
      if (isa<scf::WhileOp>(carry.first->getOwner())) // which bufferization asks to be in place
        carry.first->set(copyOf(*carry.first));
    }
    numKept += kept.size();
  }

  /// Results of known sizes that are not one tensor with elements written to it.
  void gather(scf::IfOp branch) {
    for (OpResult result : branch.getResults()) {
      auto type = dyn_cast<RankedTensorType>(result.getType());
      if (!type || !type.hasStaticShape() || originOf(result) != result)
        continue;
      OpBuilder builder(branch);
      Value room = bufferization::AllocTensorOp::create(builder, branch.getLoc(), type, ValueRange());
      for (scf::YieldOp yield : {branch.thenYield(), branch.elseYield()}) {
        OpOperand &yielded = yield->getOpOperand(result.getResultNumber());
        if (!isOnlyYielded(yielded.get()))
          yielded.set(copyOf(yielded));
        writeTo(yielded, room);
      }
      ++numKept;
    }
  }

  static void writeTo(OpOperand &yielded, Value destination) {
    OpBuilder builder(yielded.getOwner());
    Value value = yielded.get();
    auto written = bufferization::MaterializeInDestinationOp::create(builder, value.getLoc(), value.getType(),
                                                                     value, destination);
    yielded.set(written.getResult());
  }

  /// Bufferization sees by itself what only has elements written to it. If an iteration never changes the
  /// size that it got, or always has that of the first, all have the same.
  static bool isToKeep(const Carry &carry) {
    Value value = carry.yielded->get();
    return isa<RankedTensorType>(value.getType()) && value.getType() == carry.carried.getType() &&
           originOf(value) != carry.carried &&
           (haveSameSizes(value, carry.carried) || haveSameSizes(value, carry.first->get()));
  }

  static Value copyOf(OpOperand &operand) {
    OpBuilder builder(operand.getOwner());
    Value value = operand.get();
    return bufferization::AllocTensorOp::create(builder, value.getLoc(),
                                                cast<RankedTensorType>(value.getType()), ValueRange(), value);
  }
};

} // namespace
} // namespace gqa
