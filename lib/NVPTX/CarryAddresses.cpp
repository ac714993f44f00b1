// Addresses that advance by the same distance in every round of a loop are carried along and added to, so
// that strides which are known only at run time are not multiplied with in the loop.
#include "gqa/NVPTX/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_CARRYADDRESSES
#include "gqa/NVPTX/Passes.h.inc"

namespace {

/// Values of a loop that are linear in its induction variable.
class LinearValues {
public:
  LinearValues(scf::ForOp loop, OpBuilder &b) : loop(loop), b(b) {}

  bool isInvariant(Value value) { return loop.isDefinedOutsideOfLoop(value); }

  bool isLinear(Value value) {
    if (isInvariant(value) || value == loop.getInductionVar())
      return true;
    auto [known, isNew] = linear.try_emplace(value, false);
    return isNew ? linear[value] = isLinearResult(value.getDefiningOp()) : known->second;
  }

  /// What a linear value is in the first round, computed in front of the loop.
  Value first(Value value) {
    if (isInvariant(value))
      return value;
    if (value == loop.getInductionVar())
      return loop.getLowerBound();
    if (Value known = firsts.lookup(value))
      return known;
    Operation *op = value.getDefiningOp();
    IRMapping mapping;
    for (Value operand : op->getOperands())
      mapping.map(operand, first(operand));
    return firsts[value] = b.clone(*op, mapping)->getResult(0);
  }

  /// By how much it grows from one round to the next; null if it stays the same.
  Value step(Value value) {
    if (isInvariant(value))
      return nullptr;
    if (value == loop.getInductionVar())
      return loop.getStep();
    auto [known, isNew] = steps.try_emplace(value);
    return isNew ? steps[value] = stepOfResult(value.getDefiningOp()) : known->second;
  }

private:
  bool isLinearResult(Operation *op) {
    if (!isa_and_nonnull<arith::AddIOp, arith::SubIOp, arith::MulIOp>(op) || !isLinear(op->getOperand(0)) ||
        !isLinear(op->getOperand(1)))
      return false;
    return !isa<arith::MulIOp>(op) || isInvariant(op->getOperand(0)) || isInvariant(op->getOperand(1));
  }

  Value stepOfResult(Operation *op) {
    Location at = op->getLoc();
    Value x = op->getOperand(0), y = op->getOperand(1), dx = step(x), dy = step(y);
    if (!dx && !dy)
      return nullptr;
    if (isa<arith::MulIOp>(op))
      return b.createOrFold<arith::MulIOp>(at, dx ? dx : x, dx ? y : dy);
    if (!dy)
      return dx;
    Value zero = dx ? dx : arith::ConstantOp::create(b, at, b.getZeroAttr(dy.getType())).getResult();
    return isa<arith::AddIOp>(op) ? b.createOrFold<arith::AddIOp>(at, zero, dy)
                                  : b.createOrFold<arith::SubIOp>(at, zero, dy);
  }

  scf::ForOp loop;
  OpBuilder &b;
  DenseMap<Value, bool> linear;
  DenseMap<Value, Value> firsts, steps;
};

struct CarryAddressesPass : impl::CarryAddressesBase<CarryAddressesPass> {
  using CarryAddressesBase::CarryAddressesBase;

  void runOnOperation() override {
    SmallVector<scf::ForOp> loops;
    getOperation()->walk([&](scf::ForOp loop) { loops.push_back(loop); });
    for (scf::ForOp loop : loops)
      carry(loop);
  }

private:
  void carry(scf::ForOp loop) {
    IRRewriter rewriter(loop);
    LinearValues linear(loop, rewriter);
    SetVector<Value> addresses;
    loop.walk([&](LLVM::IntToPtrOp pointer) {
      auto cast = pointer.getArg().getDefiningOp<arith::IndexCastOp>();
      Value address = cast ? cast.getIn() : Value();
      if (address && !linear.isInvariant(address) && linear.isLinear(address))
        addresses.insert(address);
    });
    if (addresses.empty())
      return;
    SmallVector<Value> first, steps;
    addresses.remove_if([&](Value address) {
      Value begin = linear.first(address), step = linear.step(address);
      if (!step) // an invariant that is computed in the loop
        return true;
      first.push_back(begin);
      steps.push_back(step);
      return false;
    });
    if (addresses.empty())
      return;
    auto yields = [&](OpBuilder &b, Location at, ArrayRef<BlockArgument> carried) {
      SmallVector<Value> next;
      for (auto [address, step] : llvm::zip(carried, steps))
        next.push_back(arith::AddIOp::create(b, at, address, step));
      return next;
    };
    auto replaced = llvm::cast<scf::ForOp>(
        *loop.replaceWithAdditionalYields(rewriter, first, /*replaceInitOperandUsesInLoop=*/false, yields));
    ValueRange carried = replaced.getRegionIterArgs().take_back(addresses.size());
    for (auto [address, argument] : llvm::zip(addresses, carried))
      rewriter.replaceAllUsesWith(address, argument);
    numCarried += addresses.size();
  }
};

} // namespace
} // namespace gqa
