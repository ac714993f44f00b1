// Unique scalar expressions and their folding.
#include "gqa/Raise/Expr.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace gqa {

//===-- ExprNode ------------------------------------------------------------------------------------------------===//

void ExprNode::Profile(llvm::FoldingSetNodeID &id) const {
  id.AddInteger(static_cast<int>(kind));
  id.AddPointer(type.getAsOpaquePointer());
  id.AddPointer(constant.getAsOpaquePointer());
  id.AddPointer(affine.getAsOpaquePointer());
  id.AddInteger(static_cast<int>(comparison));
  id.AddPointer(value.getAsOpaquePointer());
  for (AffineExpr index : indices)
    id.AddPointer(index.getAsOpaquePointer());
  if (op) {
    id.AddPointer(op->getName().getAsOpaquePointer());
    id.AddPointer(op->getAttrDictionary().getAsOpaquePointer());
  }
  for (Expr operand : operands)
    id.AddPointer(operand);
}

std::optional<double> ExprNode::getNumber() const {
  if (auto number = dyn_cast_if_present<FloatAttr>(constant))
    return number.getValueAsDouble();
  if (auto number = dyn_cast_if_present<IntegerAttr>(constant))
    return type.isInteger(1) ? number.getValue().getZExtValue() : number.getValue().getSExtValue();
  return std::nullopt;
}

std::optional<bool> ExprNode::getTruth() const {
  auto number = dyn_cast_if_present<IntegerAttr>(constant);
  if (!number || !type.isInteger(1))
    return std::nullopt;
  return !number.getValue().isZero();
}

//===-- Construction --------------------------------------------------------------------------------------------===//

Expr ExprContext::unique(ExprNode &&node) {
  llvm::FoldingSetNodeID id;
  node.Profile(id);
  void *position;
  if (Expr existing = nodes.FindNodeOrInsertPos(id, position))
    return existing;
  storage.push_back(std::move(node));
  nodes.InsertNode(&storage.back(), position);
  return &storage.back();
}

static ExprNode makeNode(ExprNode::Kind kind, Type type) {
  ExprNode node;
  node.kind = kind;
  node.type = type;
  return node;
}

/// Whether integers of the type can be followed as coordinates: i8 could wrap.
static bool isCoordinate(Type type) {
  return type.isIndex() || (type.isSignlessInteger() && type.getIntOrFloatBitWidth() >= 32);
}

Expr ExprContext::constant(Attribute value, Type type) {
  if (auto integer = dyn_cast<IntegerAttr>(value); integer && isCoordinate(type))
    return index(space.constant(integer.getValue().getSExtValue()), type);
  ExprNode node = makeNode(ExprNode::Kind::Constant, type);
  node.constant = value;
  return unique(std::move(node));
}

Expr ExprContext::truth(bool value) {
  Type type = IntegerType::get(space.getContext(), 1);
  return constant(IntegerAttr::get(type, value), type);
}

Expr ExprContext::index(AffineExpr affine, Type type) {
  ExprNode node = makeNode(ExprNode::Kind::Index, type);
  node.affine = space.simplify(affine);
  if (auto value = dyn_cast<AffineConstantExpr>(node.affine)) // so that integer constants are both
    node.constant = IntegerAttr::get(type, value.getValue());
  return unique(std::move(node));
}

Expr ExprContext::compare(ExprNode::Comparison comparison, AffineExpr affine) {
  affine = space.simplify(affine);
  IndexSpace::Range range = space.rangeOf(affine);
  bool mayBeZero = range.low <= 0 && range.high >= 0, isZero = range == IndexSpace::Range{0, 0};
  using Comparison = ExprNode::Comparison;
  if (comparison == Comparison::NotNegative && (range.low >= 0 || range.high < 0))
    return truth(range.low >= 0);
  if (comparison == Comparison::Zero && (isZero || !mayBeZero))
    return truth(isZero);
  if (comparison == Comparison::NotZero && (isZero || !mayBeZero))
    return truth(!isZero);
  ExprNode node = makeNode(ExprNode::Kind::Compare, IntegerType::get(space.getContext(), 1));
  node.comparison = comparison;
  node.affine = affine;
  return unique(std::move(node));
}

Expr ExprContext::load(Value tensor, ArrayRef<AffineExpr> indices) {
  auto type = cast<ShapedType>(tensor.getType());
  DenseElementsAttr elements;
  if (matchPattern(tensor, m_Constant(&elements)) && elements.isSplat())
    return constant(elements.getSplatValue<Attribute>(), type.getElementType());
  ExprNode node = makeNode(ExprNode::Kind::Load, type.getElementType());
  node.value = tensor;
  for (AffineExpr index : indices)
    node.indices.push_back(space.simplify(index));
  return unique(std::move(node));
}

Expr ExprContext::scalar(Value value) {
  Attribute attribute;
  if (matchPattern(value, m_Constant(&attribute)))
    return constant(attribute, value.getType());
  ExprNode node = makeNode(ExprNode::Kind::Scalar, value.getType());
  node.value = value;
  return unique(std::move(node));
}

Expr ExprContext::select(Expr condition, Expr then, Expr otherwise) {
  if (std::optional<bool> truth = condition->getTruth())
    return *truth ? then : otherwise;
  if (then == otherwise)
    return then;
  ExprNode node = makeNode(ExprNode::Kind::Apply, then->type);
  node.operands = {condition, then, otherwise};
  return unique(std::move(node));
}

//===-- Folding -------------------------------------------------------------------------------------------------===//

Expr ExprContext::foldInteger(Operation *op, ArrayRef<Expr> operands) {
  auto isIndex = [](Expr expr) { return expr->kind == ExprNode::Kind::Index; };
  Type type = op->getResult(0).getType();
  if (!llvm::all_of(operands, isIndex) || !isCoordinate(type))
    return nullptr;
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp, arith::TruncIOp>(op))
    return index(operands[0]->affine, type);
  if (isa<arith::ExtUIOp>(op) && space.rangeOf(operands[0]->affine).low >= 0)
    return index(operands[0]->affine, type);
  if (operands.size() != 2)
    return nullptr;
  AffineExpr a = operands[0]->affine, b = operands[1]->affine;
  if (isa<arith::AddIOp>(op))
    return index(a + b, type);
  if (isa<arith::SubIOp>(op))
    return index(a - b, type);
  if (isa<arith::MulIOp>(op) && (isa<AffineConstantExpr>(a) || isa<AffineConstantExpr>(b)))
    return index(a * b, type);
  auto divisor = dyn_cast<AffineConstantExpr>(b);
  bool exact = divisor && divisor.getValue() > 0 && space.rangeOf(a).low >= 0;
  if (exact && isa<arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp>(op))
    return index(a.floorDiv(b), type);
  if (exact && isa<arith::RemSIOp, arith::RemUIOp>(op))
    return index(a % b, type);
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

Expr getNegated(Expr expr) {
  if (!expr->op || expr->operands.size() != 2 || !expr->operands[0]->type.isInteger(1))
    return nullptr;
  std::optional<bool> right = expr->operands[1]->getTruth();
  auto compareOp = dyn_cast<arith::CmpIOp>(expr->op);
  bool isEqual = compareOp && compareOp.getPredicate() == arith::CmpIPredicate::eq;
  bool isDifferent = isa<arith::XOrIOp>(expr->op) ||
                     (compareOp && compareOp.getPredicate() == arith::CmpIPredicate::ne);
  if ((isEqual && right == false) || (isDifferent && right == true))
    return expr->operands[0];
  return nullptr;
}

Expr ExprContext::foldBoolean(Operation *op, ArrayRef<Expr> operands) {
  if (auto selectOp = dyn_cast<arith::SelectOp>(op)) {
    if (std::optional<bool> truth = operands[0]->getTruth())
      return operands[*truth ? 1 : 2];
    return operands[1] == operands[2] ? operands[1] : nullptr;
  }
  if (operands.size() != 2 || !operands[0]->type.isInteger(1))
    return nullptr;
  for (auto [one, other] : {std::pair(operands[0], operands[1]), std::pair(operands[1], operands[0])}) {
    std::optional<bool> truth = one->getTruth();
    if (!truth)
      continue;
    if (isa<arith::AndIOp>(op))
      return *truth ? other : one;
    if (isa<arith::OrIOp>(op))
      return *truth ? one : other;
    auto compareOp = dyn_cast<arith::CmpIOp>(op);
    bool keeps = (isa<arith::XOrIOp>(op) && !*truth) ||
                 (compareOp && compareOp.getPredicate() == arith::CmpIPredicate::eq && *truth) ||
                 (compareOp && compareOp.getPredicate() == arith::CmpIPredicate::ne && !*truth);
    if (keeps)
      return other;
    bool negates = isa<arith::XOrIOp>(op) || (compareOp && (compareOp.getPredicate() == arith::CmpIPredicate::eq ||
                                                            compareOp.getPredicate() == arith::CmpIPredicate::ne));
    if (negates)
      if (Expr inner = getNegated(other))
        return inner;
    if (negates && other->kind == ExprNode::Kind::Compare) {
      using Comparison = ExprNode::Comparison;
      if (other->comparison == Comparison::NotNegative)
        return compare(Comparison::NotNegative, -other->affine - 1);
      return compare(other->comparison == Comparison::Zero ? Comparison::NotZero : Comparison::Zero, other->affine);
    }
  }
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
  if (failed(op->fold(constants, results)) || results.size() != 1)
    return nullptr;
  auto attribute = dyn_cast<Attribute>(results[0]);
  return attribute ? constant(attribute, op->getResult(0).getType()) : nullptr;
}

Expr ExprContext::apply(Operation *op, ArrayRef<Expr> operands) {
  if (Expr folded = foldInteger(op, operands))
    return folded;
  if (Expr folded = foldCompare(op, operands))
    return folded;
  if (Expr folded = foldBoolean(op, operands))
    return folded;
  if (Expr folded = foldConstants(op, operands))
    return folded;
  ExprNode node = makeNode(ExprNode::Kind::Apply, op->getResult(0).getType());
  node.op = op;
  node.operands.assign(operands.begin(), operands.end());
  return unique(std::move(node));
}

/// An element of a tensor at coordinates that are data.
Expr ExprContext::extract(Operation *op, Value tensor, ArrayRef<Expr> coordinates) {
  if (llvm::all_of(coordinates, [](Expr expr) { return expr->kind == ExprNode::Kind::Index; }))
    return load(tensor, llvm::map_to_vector<4>(coordinates, [](Expr expr) { return expr->affine; }));
  ExprNode node = makeNode(ExprNode::Kind::Apply, op->getResult(0).getType());
  node.op = op;
  node.value = tensor;
  node.operands.assign(coordinates.begin(), coordinates.end());
  return unique(std::move(node));
}

//===-- Traversal -----------------------------------------------------------------------------------------------===//

Expr ExprContext::substitute(Expr expr, unsigned variable, AffineExpr replacement) {
  DenseMap<Expr, Expr> done;
  return substitute(expr, variable, replacement, done);
}

Expr ExprContext::substitute(Expr expr, unsigned variable, AffineExpr replacement, DenseMap<Expr, Expr> &done) {
  if (Expr known = done.lookup(expr))
    return known;
  auto replaced = [&]() -> Expr {
    switch (expr->kind) {
    case ExprNode::Kind::Constant:
    case ExprNode::Kind::Scalar:
      return expr;
    case ExprNode::Kind::Index:
      return index(space.substitute(expr->affine, variable, replacement), expr->type);
    case ExprNode::Kind::Compare:
      return compare(expr->comparison, space.substitute(expr->affine, variable, replacement));
    case ExprNode::Kind::Load:
      return load(expr->value, llvm::map_to_vector<4>(expr->indices, [&](AffineExpr index) {
                    return space.substitute(index, variable, replacement);
                  }));
    case ExprNode::Kind::Apply: {
      auto operands = llvm::map_to_vector<3>(
          expr->operands, [&](Expr operand) { return substitute(operand, variable, replacement, done); });
      return rebuild(expr, operands);
    }
    }
    llvm_unreachable("every kind is handled");
  }();
  return done[expr] = replaced;
}

Expr ExprContext::rebuild(Expr expr, ArrayRef<Expr> operands) {
  if (!expr->op)
    return select(operands[0], operands[1], operands[2]);
  return expr->value ? extract(expr->op, expr->value, operands) : apply(expr->op, operands);
}

static bool dependsOn(Expr expr, unsigned variable, DenseSet<Expr> &visited) {
  if (!visited.insert(expr).second)
    return false;
  if (expr->affine && dependsOn(expr->affine, variable))
    return true;
  return llvm::any_of(expr->indices, [&](AffineExpr index) { return dependsOn(index, variable); }) ||
         llvm::any_of(expr->operands, [&](Expr operand) { return dependsOn(operand, variable, visited); });
}

bool dependsOn(Expr expr, unsigned variable) {
  DenseSet<Expr> visited;
  return dependsOn(expr, variable, visited);
}

} // namespace gqa
