// gqa-define-division: divisions of integers that the processor would end the process for, or that are
// undefined.
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Index/IR/IndexOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_DEFINEDIVISION
#include "gqa/Pipeline/Passes.h.inc"

namespace {

bool isRemainder(Operation *op) { return isa<arith::RemSIOp, arith::RemUIOp>(op); }

bool isUnsigned(Operation *op) { return isa<arith::DivUIOp, arith::RemUIOp, arith::CeilDivUIOp>(op); }

/// Whether some divisor would be refused: anything but a number that is not 0 and, with signs, not -1.
bool isPartial(Operation *op) {
  if (!isRemainder(op) && !isUnsigned(op) &&
      !isa<arith::DivSIOp, arith::CeilDivSIOp, arith::FloorDivSIOp>(op))
    return false;
  APInt divisor;
  return !matchPattern(op->getOperand(1), m_ConstantInt(&divisor)) || divisor.isZero() ||
         (!isUnsigned(op) && divisor.isAllOnes());
}

/// Divides by 1 instead of what cannot be divided by, and chooses the result afterwards.
class Definition {
public:
  explicit Definition(Operation *op) : b(op->getLoc(), op), op(op), divisor(op->getOperand(1)) {}

  void build() {
    Value dividend = op->getOperand(0), result = op->getResult(0);
    Value isZero = isEqual(0), refused = isZero, isMinusOne;
    if (!isUnsigned(op)) {
      isMinusOne = isEqual(-1);
      refused = arith::OrIOp::create(b, isZero, isMinusOne);
    }
    op->setOperand(1, arith::SelectOp::create(b, refused, number(1), divisor));
    b.setInsertionPointAfter(op);
    Value defined = result; // of -1, the remainder is that of 1
    if (isMinusOne && !isRemainder(op))
      defined = select(isMinusOne, arith::SubIOp::create(b, number(0), dividend), defined);
    defined = select(isZero, isRemainder(op) ? dividend : number(-1), defined);
    result.replaceUsesWithIf(defined, [&](OpOperand &use) { return !made.contains(use.getOwner()); });
  }

private:
  Value number(int64_t value) {
    return arith::ConstantOp::create(b, b.getIntegerAttr(divisor.getType(), value));
  }
  Value isEqual(int64_t value) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, divisor, number(value));
  }
  Value select(Value condition, Value then, Value otherwise) {
    Value chosen = arith::SelectOp::create(b, condition, then, otherwise);
    made.insert(chosen.getDefiningOp());
    return chosen;
  }

  ImplicitLocOpBuilder b;
  Operation *op;
  Value divisor;
  llvm::SmallPtrSet<Operation *, 2> made;
};

/// A named operation's computation is what its name says: to be changed, it has to be written out.
LogicalResult writeOut(Operation *root) {
  SmallVector<linalg::LinalgOp> named;
  root->walk([&](linalg::LinalgOp op) {
    if (!isa<linalg::GenericOp>(op.getOperation()) &&
        llvm::any_of(*op.getBlock(), [](Operation &inner) { return isPartial(&inner); }))
      named.push_back(op);
  });
  IRRewriter rewriter(root->getContext());
  for (linalg::LinalgOp op : named) {
    rewriter.setInsertionPoint(op);
    if (failed(linalg::generalizeNamedOp(rewriter, op)))
      return op.emitError() << "'" << op->getName() << "' cannot be written out as a linalg.generic";
  }
  return success();
}

template <typename Division> Value divide(Operation *op) {
  OpBuilder b(op);
  return Division::create(b, op->getLoc(), op->getOperand(0), op->getOperand(1));
}

/// A division of the index dialect as arith's, of which upstream's lowering is right for the least integer
/// too; null if it is none.
Value asArith(Operation *op) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([](index::DivSOp division) { return divide<arith::DivSIOp>(division); })
      .Case([](index::DivUOp division) { return divide<arith::DivUIOp>(division); })
      .Case([](index::CeilDivSOp division) { return divide<arith::CeilDivSIOp>(division); })
      .Case([](index::CeilDivUOp division) { return divide<arith::CeilDivUIOp>(division); })
      .Case([](index::FloorDivSOp division) { return divide<arith::FloorDivSIOp>(division); })
      .Case([](index::RemSOp division) { return divide<arith::RemSIOp>(division); })
      .Case([](index::RemUOp division) { return divide<arith::RemUIOp>(division); })
      .Default(Value());
}

struct DefineDivisionPass : impl::DefineDivisionBase<DefineDivisionPass> {
  void runOnOperation() override {
    if (failed(writeOut(getOperation())))
      return signalPassFailure();
    getOperation()->walk([](Operation *op) {
      if (Value result = asArith(op)) {
        op->replaceAllUsesWith(ValueRange(result));
        op->erase();
      }
    });
    SmallVector<Operation *> partial;
    getOperation()->walk([&](Operation *op) {
      if (isPartial(op))
        partial.push_back(op);
    });
    for (Operation *op : partial)
      Definition(op).build();
  }
};

} // namespace
} // namespace gqa
