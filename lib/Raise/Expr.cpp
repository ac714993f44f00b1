// Unique scalar expressions: how they are made and rewritten.
#include "gqa/Raise/Expr.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/MathExtras.h"
#include <limits>
#include <numeric>

using namespace mlir;

namespace gqa {

//===-- ExprNode ----------------------------------------------------------------------------------------===//

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
    return number.getValue().roundToDouble(/*isSigned=*/!type.isInteger(1));
  return std::nullopt;
}

std::optional<bool> ExprNode::getTruth() const {
  auto number = dyn_cast_if_present<IntegerAttr>(constant);
  if (!number || !type.isInteger(1))
    return std::nullopt;
  return !number.getValue().isZero();
}

//===-- Construction ------------------------------------------------------------------------------------===//

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

Expr ExprContext::constant(Attribute value, Type type) {
  auto integer = dyn_cast<IntegerAttr>(value);
  if (integer && integer.getValue().getSignificantBits() <= 64) {
    AffineExpr affine = space.constant(integer.getValue().getSExtValue());
    if (isExact(affine, type))
      return index(affine, type);
  }
  ExprNode node(ExprNode::Kind::Constant, type);
  node.constant = value;
  return unique(std::move(node));
}

Expr ExprContext::truth(bool value) {
  Type type = IntegerType::get(space.getContext(), 1);
  return constant(IntegerAttr::get(type, value), type);
}

/// Integers narrower than 32 bits are no coordinates, and numbers near the ends of int64_t might wrap around
/// on the way. Sizes that are not known are taken to fit.
bool ExprContext::isExact(AffineExpr affine, Type type) const {
  bool isCoordinate = type.isIndex() || (type.isSignlessInteger() && type.getIntOrFloatBitWidth() >= 32);
  affine = space.simplify(affine);
  if (!isCoordinate || !LinearForm::of(affine).isSmall())
    return false;
  if (type.isIndex() || type.getIntOrFloatBitWidth() >= 64)
    return true;
  IndexSpace::Range range = space.rangeOf(affine);
  unsigned width = type.getIntOrFloatBitWidth();
  bool low = range.low == std::numeric_limits<int64_t>::min() || llvm::isIntN(width, range.low);
  return low && (range.high == std::numeric_limits<int64_t>::max() || llvm::isIntN(width, range.high));
}

Expr ExprContext::index(AffineExpr affine, Type type) {
  ExprNode node(ExprNode::Kind::Index, type);
  node.affine = space.simplify(affine);
  if (auto value = dyn_cast<AffineConstantExpr>(node.affine)) // so that integer constants are both
    node.constant = IntegerAttr::get(type, value.getValue());
  return unique(std::move(node));
}

/// False if the constant of the sum is no multiple of what all the rest is a multiple of.
static bool mayVanish(AffineExpr affine) {
  LinearForm form = LinearForm::of(affine);
  int64_t divisor = 0;
  for (auto [term, coefficient] : form.terms)
    divisor = std::gcd(divisor, coefficient);
  return divisor == 0 || form.constant % divisor == 0;
}

Expr ExprContext::compare(ExprNode::Comparison comparison, AffineExpr affine) {
  affine = space.simplify(affine);
  IndexSpace::Range range = space.rangeOf(affine);
  bool mayBeZero = range.low <= 0 && range.high >= 0 && mayVanish(affine),
       isZero = range == IndexSpace::Range{0, 0};
  using Comparison = ExprNode::Comparison;
  if (comparison == Comparison::NotNegative && (range.low >= 0 || range.high < 0))
    return truth(range.low >= 0);
  if (comparison == Comparison::Zero && (isZero || !mayBeZero))
    return truth(isZero);
  if (comparison == Comparison::NotZero && (isZero || !mayBeZero))
    return truth(!isZero);
  ExprNode node(ExprNode::Kind::Compare, IntegerType::get(space.getContext(), 1));
  node.comparison = comparison;
  node.affine = affine;
  return unique(std::move(node));
}

Expr ExprContext::scalar(Value value) {
  Attribute attribute;
  if (matchPattern(value, m_Constant(&attribute)))
    return constant(attribute, value.getType());
  if (value.getType().isIntOrIndex())
    if (AffineExpr affine = sizes.of(value); affine && isExact(affine, value.getType()))
      return index(affine, value.getType());
  ExprNode node(ExprNode::Kind::Scalar, value.getType());
  node.value = value;
  return unique(std::move(node));
}

Expr ExprContext::select(Expr condition, Expr then, Expr otherwise) {
  if (std::optional<bool> truth = condition->getTruth())
    return *truth ? then : otherwise;
  if (then == otherwise)
    return then;
  ExprNode node(ExprNode::Kind::Apply, then->type);
  node.operands = {condition, then, otherwise};
  return unique(std::move(node));
}

Expr ExprContext::apply(Operation *op, ArrayRef<Expr> operands) {
  if (Expr folded = foldInteger(op, operands))
    return folded;
  if (Expr folded = foldCompare(op, operands))
    return folded;
  if (Expr folded = foldBoolean(op, operands))
    return folded;
  if (Expr folded = foldNeutral(op, operands))
    return folded;
  if (Expr folded = foldConstants(op, operands))
    return folded;
  if (Expr folded = foldZero(op, operands))
    return folded;
  ExprNode node(ExprNode::Kind::Apply, getElementTypeOrSelf(op->getResult(0).getType()));
  node.op = op;
  node.operands.assign(operands.begin(), operands.end());
  return unique(std::move(node));
}

//===-- Traversal ---------------------------------------------------------------------------------------===//

Expr ExprContext::substitute(Expr expr, unsigned variable, AffineExpr replacement) {
  DenseMap<Expr, Expr> done;
  return substitute(expr, variable, replacement, done);
}

Expr ExprContext::substitute(Expr expr, unsigned variable, AffineExpr replacement,
                             DenseMap<Expr, Expr> &done) {
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
