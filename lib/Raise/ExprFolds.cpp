// What expressions fold to: arithmetic on coordinates, comparisons, conditions, constants.
#include "gqa/Raise/Expr.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace gqa {

Expr ExprContext::foldInteger(Operation *op, ArrayRef<Expr> operands) {
  auto isIndex = [](Expr expr) { return expr->kind == ExprNode::Kind::Index; };
  Type type = getElementTypeOrSelf(op->getResult(0).getType());
  if (!llvm::all_of(operands, isIndex))
    return nullptr;
  auto exact = [&](AffineExpr affine) { return isExact(affine, type) ? index(affine, type) : nullptr; };
  if (isa<arith::IndexCastOp, arith::ExtSIOp, arith::TruncIOp>(op))
    return exact(operands[0]->affine);
  if (isa<arith::IndexCastUIOp, arith::ExtUIOp>(op) && space.rangeOf(operands[0]->affine).low >= 0)
    return exact(operands[0]->affine);
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
    auto values = llvm::map_to_vector(operands, [](Expr operand) { return operand->affine; });
    AffineMap map = apply.getAffineMap();
    return exact(map.getResult(0).replaceDimsAndSymbols(ArrayRef(values).take_front(map.getNumDims()),
                                                        ArrayRef(values).drop_front(map.getNumDims())));
  }
  return operands.size() == 2 ? foldIntegerPair(op, operands[0]->affine, operands[1]->affine, type) : nullptr;
}

Expr ExprContext::foldIntegerPair(Operation *op, AffineExpr a, AffineExpr b, Type type) {
  auto exact = [&](AffineExpr affine) { return isExact(affine, type) ? index(affine, type) : nullptr; };
  if (isa<arith::AddIOp>(op))
    return exact(a + b);
  if (isa<arith::SubIOp>(op))
    return exact(a - b);
  if (isa<arith::MulIOp>(op) && (a.isSymbolicOrConstant() || b.isSymbolicOrConstant()))
    return exact(a * b);
  if (isa<arith::MinSIOp, arith::MaxSIOp>(op)) {
    bool isLess = space.isNotNegative(b - a), isGreater = space.isNotNegative(a - b);
    if (isLess || isGreater)
      return exact(isLess == isa<arith::MinSIOp>(op) ? a : b);
  }
  bool isFloor = b.isSymbolicOrConstant() && space.rangeOf(b).low >= 0 && b != space.constant(0) &&
                 space.rangeOf(a).low >= 0;
  if (isFloor && isa<arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp>(op))
    return exact(a.floorDiv(b));
  if (isFloor && isa<arith::RemSIOp, arith::RemUIOp>(op))
    return exact(a % b);
  return nullptr;
}

Expr ExprContext::foldCompare(Operation *op, ArrayRef<Expr> operands) {
  auto compareOp = dyn_cast<arith::CmpIOp>(op);
  if (!compareOp || operands[0]->kind != ExprNode::Kind::Index || operands[1]->kind != ExprNode::Kind::Index)
    return nullptr;
  AffineExpr a = operands[0]->affine, b = operands[1]->affine;
  using Comparison = ExprNode::Comparison;
  bool sameSign = space.rangeOf(a).low >= 0 && space.rangeOf(b).low >= 0;
  switch (compareOp.getPredicate()) {
  case arith::CmpIPredicate::eq:
    return compare(Comparison::Zero, a - b);
  case arith::CmpIPredicate::ne:
    return compare(Comparison::NotZero, a - b);
  case arith::CmpIPredicate::ule:
    return sameSign ? compare(Comparison::NotNegative, b - a) : nullptr;
  case arith::CmpIPredicate::sle:
    return compare(Comparison::NotNegative, b - a);
  case arith::CmpIPredicate::ult:
    return sameSign ? compare(Comparison::NotNegative, b - a - 1) : nullptr;
  case arith::CmpIPredicate::slt:
    return compare(Comparison::NotNegative, b - a - 1);
  case arith::CmpIPredicate::uge:
    return sameSign ? compare(Comparison::NotNegative, a - b) : nullptr;
  case arith::CmpIPredicate::sge:
    return compare(Comparison::NotNegative, a - b);
  case arith::CmpIPredicate::ugt:
    return sameSign ? compare(Comparison::NotNegative, a - b - 1) : nullptr;
  case arith::CmpIPredicate::sgt:
    return compare(Comparison::NotNegative, a - b - 1);
  }
  llvm_unreachable("every predicate is handled");
}

/// An i1, or one as a number, in a comparison for equality with 0 or 1: the i1, and whether the comparison is
/// its opposite.
static std::pair<Expr, bool> matchTruthTest(Operation *op, ArrayRef<Expr> operands) {
  auto compareOp = dyn_cast<arith::CmpIOp>(op);
  bool isEqual = compareOp && compareOp.getPredicate() == arith::CmpIPredicate::eq;
  bool isDifferent =
      isa<arith::XOrIOp>(op) || (compareOp && compareOp.getPredicate() == arith::CmpIPredicate::ne);
  if (!isEqual && !isDifferent)
    return {nullptr, false};
  for (unsigned side : {1, 0}) {
    std::optional<double> number = operands[side]->getNumber();
    Expr truth = operands[1 - side];
    if (compareOp && truth->isApply("arith.extui"))
      truth = truth->operands[0];
    if (truth->type.isInteger(1) && (number == 0.0 || number == 1.0))
      return {truth, isEqual == (number == 0.0)};
  }
  return {nullptr, false};
}

Expr getNegated(Expr expr) {
  if (!expr->op)
    return nullptr;
  auto [truth, isOpposite] = matchTruthTest(expr->op, expr->operands);
  return isOpposite ? truth : nullptr;
}

/// `not expr`, where that is something simpler.
Expr ExprContext::foldNegation(Expr expr) {
  using Comparison = ExprNode::Comparison;
  if (std::optional<bool> value = expr->getTruth())
    return truth(!*value);
  if (Expr inner = getNegated(expr))
    return inner;
  if (expr->kind != ExprNode::Kind::Compare)
    return nullptr;
  if (expr->comparison == Comparison::NotNegative)
    return compare(Comparison::NotNegative, -expr->affine - 1);
  return compare(expr->comparison == Comparison::Zero ? Comparison::NotZero : Comparison::Zero, expr->affine);
}

/// `size == 1 ? 0 : x`, where 0 <= x < size: how exporters read a dimension that may have to be broadcast. It
/// is x.
static Expr foldBroadcast(const IndexSpace &space, Expr condition, Expr then, Expr otherwise) {
  bool isComparison = condition->kind == ExprNode::Kind::Compare &&
                      condition->comparison == ExprNode::Comparison::Zero &&
                      otherwise->kind == ExprNode::Kind::Index;
  if (!isComparison || then->getNumber() != 0.0)
    return nullptr;
  AffineExpr last = condition->affine, x = otherwise->affine;
  return space.isNotNegative(x) && space.isNotNegative(last - x) ? otherwise : nullptr;
}

Expr ExprContext::foldBoolean(Operation *op, ArrayRef<Expr> operands) {
  if (isa<arith::SelectOp>(op)) {
    if (std::optional<bool> truth = operands[0]->getTruth())
      return operands[*truth ? 1 : 2];
    return operands[1] == operands[2] ? operands[1]
                                      : foldBroadcast(space, operands[0], operands[1], operands[2]);
  }
  if (auto [truth, isOpposite] = matchTruthTest(op, operands); truth)
    return isOpposite ? foldNegation(truth) : truth;
  if (operands.size() != 2 || !operands[0]->type.isInteger(1))
    return nullptr;
  bool isAnd = isa<arith::AndIOp>(op), isOr = isa<arith::OrIOp>(op);
  if (operands[0] == operands[1] && (isAnd || isOr))
    return operands[0];
  for (unsigned side : {0, 1})
    if (std::optional<bool> truth = operands[side]->getTruth(); truth && (isAnd || isOr))
      return *truth == isAnd ? operands[1 - side] : operands[side];
  return nullptr;
}

/// Zero times a count, which is finite: zero.
Expr ExprContext::foldZero(Operation *op, ArrayRef<Expr> operands) {
  if (!isa<arith::MulFOp>(op))
    return nullptr;
  for (unsigned side : {0, 1})
    if (operands[side]->getNumber() == 0.0 && operands[1 - side]->isApply("arith.uitofp"))
      return operands[side];
  return nullptr;
}

/// What changes no number, the sign of a zero apart: `x * 1`, `x / 1`, `x + 0`, `x - 0`, `-(-x)`, a cast to a
/// wider float and back.
Expr ExprContext::foldNeutral(Operation *op, ArrayRef<Expr> operands) {
  auto isNumber = [&](Expr expr, double number) {
    return isa<FloatType>(expr->type) && expr->getNumber() == number;
  };
  if (isa<arith::MulFOp, arith::AddFOp>(op))
    for (unsigned side : {0, 1})
      if (isNumber(operands[side], isa<arith::MulFOp>(op) ? 1.0 : 0.0))
        return operands[1 - side];
  if ((isa<arith::DivFOp>(op) && isNumber(operands[1], 1.0)) ||
      (isa<arith::SubFOp>(op) && isNumber(operands[1], 0.0)))
    return operands[0];
  if (isa<arith::NegFOp>(op) && operands[0]->isApply("arith.negf"))
    return operands[0]->operands[0];
  bool isBack = (isa<arith::TruncFOp>(op) && operands[0]->isApply("arith.extf")) ||
                (isa<arith::IndexCastOp>(op) && operands[0]->isApply("arith.index_cast") &&
                 operands[0]->type.isIndex());
  if (isBack && operands[0]->operands[0]->type == getElementTypeOrSelf(op->getResult(0).getType()))
    return operands[0]->operands[0];
  return nullptr;
}

/// Constant operands: the operation's own folder knows.
Expr ExprContext::foldConstants(Operation *op, ArrayRef<Expr> operands) {
  SmallVector<Attribute> constants;
  for (Expr operand : operands) {
    if (!operand->constant)
      return nullptr;
    constants.push_back(operand->constant);
  }
  SmallVector<OpFoldResult> results;
  if (isa<ShapedType>(op->getResult(0).getType()) || failed(op->fold(constants, results)) ||
      results.size() != 1)
    return nullptr;
  auto attribute = dyn_cast<Attribute>(results[0]);
  return attribute ? constant(attribute, op->getResult(0).getType()) : nullptr;
}

} // namespace gqa
