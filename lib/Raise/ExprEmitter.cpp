// Scalar expressions as operations: in a score region, or in the body of a linalg.generic.
#include "gqa/Raise/ExprEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace gqa {

/// A size that is not known, as a value of type index.
Value ExprEmitter::emitSize(unsigned symbol) {
  auto [source, dim] = evaluator.context.sizes.sourceOf(symbol);
  Value value = capture(source);
  if (dim >= 0)
    return tensor::DimOp::create(builder, loc, value, dim);
  return value.getType().isIndex() ? value
                                   : arith::IndexCastOp::create(builder, loc, builder.getIndexType(), value);
}

Value ExprEmitter::emit(AffineExpr affine) {
  if (Value value = knownAffine.lookup(affine))
    return value;
  Value value;
  if (auto constant = dyn_cast<AffineConstantExpr>(affine)) {
    value = arith::ConstantIndexOp::create(builder, loc, constant.getValue());
  } else if (auto dim = dyn_cast<AffineDimExpr>(affine)) {
    value = coordinate(dim.getPosition());
  } else if (auto symbol = dyn_cast<AffineSymbolExpr>(affine)) {
    value = emitSize(symbol.getPosition());
  } else if (auto binary = dyn_cast<AffineBinaryOpExpr>(affine)) {
    Value left = emit(binary.getLHS()), right = emit(binary.getRHS());
    if (!left || !right)
      return nullptr;
    bool isPositive = evaluator.context.space.rangeOf(binary.getLHS()).low >= 0;
    if (affine.getKind() == AffineExprKind::Add)
      value = arith::AddIOp::create(builder, loc, left, right);
    else if (affine.getKind() == AffineExprKind::Mul)
      value = arith::MulIOp::create(builder, loc, left, right);
    else if (affine.getKind() == AffineExprKind::FloorDiv && isPositive)
      value = arith::DivUIOp::create(builder, loc, left, right);
    else if (affine.getKind() == AffineExprKind::Mod && isPositive)
      value = arith::RemUIOp::create(builder, loc, left, right);
    else if (affine.getKind() == AffineExprKind::FloorDiv)
      value = arith::FloorDivSIOp::create(builder, loc, left, right);
  }
  return knownAffine[affine] = value;
}

/// Few operations, none of them a function of the math library: better computed again than read.
bool ExprEmitter::isCheap(Expr expr, unsigned &budget) {
  expr = evaluator.peel(expr);
  if (expr->kind != ExprNode::Kind::Apply)
    return true;
  if (budget == 0 || (expr->op && isa<math::MathDialect>(expr->op->getDialect())))
    return false;
  --budget;
  return llvm::all_of(expr->operands, [&](Expr operand) { return isCheap(operand, budget); });
}

bool ExprEmitter::mentionsDefined(Expr expr) {
  expr = evaluator.peel(expr);
  auto [found, isNew] = mentions.try_emplace(expr, false);
  if (!isNew)
    return found->second;
  bool result = defined.contains(expr) ||
                llvm::any_of(expr->operands, [&](Expr operand) { return mentionsDefined(operand); });
  return mentions[expr] = result;
}

/// Reads an element; a coordinate that may be outside, as on the side of a select that is not taken, is moved
/// inside.
Value ExprEmitter::emitExtract(Value tensor, ArrayRef<Value> indices, ArrayRef<bool> inside) {
  Value source = capture(tensor);
  SmallVector<Value> moved(indices);
  for (auto [dim, index] : llvm::enumerate(moved)) {
    if (inside[dim])
      continue;
    Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
    Value one = arith::ConstantIndexOp::create(builder, loc, 1);
    Value size = builder.createOrFold<tensor::DimOp>(loc, source, dim);
    Value last = arith::SubIOp::create(builder, loc, size, one);
    index = arith::MaxSIOp::create(builder, loc, arith::MinSIOp::create(builder, loc, index, last), zero);
  }
  return tensor::ExtractOp::create(builder, loc, source, moved);
}

/// The element nearest to its source; what is computed there cheaply, or from something known, is computed
/// here instead.
Value ExprEmitter::emitLoad(Expr load) {
  constexpr unsigned kCheap = 16;
  Expr element = evaluator.chain(load).back();
  if (Value value = known.lookup(element))
    return value;
  unsigned budget = kCheap;
  Expr computed = evaluator.step(element); // a constant
  if (!computed)
    computed = evaluator.expand(element);
  if (computed && (mentionsDefined(computed) || isCheap(computed, budget)))
    return emit(computed);
  ArrayRef<int64_t> shape = cast<RankedTensorType>(element->value.getType()).getShape();
  SmallVector<Value> indices;
  SmallVector<bool> inside;
  for (auto [dim, index, size] : llvm::enumerate(element->indices, shape)) {
    indices.push_back(emit(index));
    if (!indices.back())
      return nullptr;
    IndexSpace::Range range = evaluator.context.space.rangeOf(index);
    bool isVariable = isa<AffineDimExpr>(index); // of a loop over the dimension, if its size is not known
    AffineExpr last = evaluator.context.sizes.of(element->value, dim) - 1;
    bool coversAll = isVariable && ShapedType::isDynamic(size);
    inside.push_back(range.low >= 0 && (coversAll || evaluator.context.space.isNotNegative(last - index)));
  }
  return emitExtract(element->value, indices, inside);
}

Value ExprEmitter::emit(Expr expr) {
  if (Value value = known.lookup(expr))
    return value;
  Value value = emitNew(expr);
  if (value)
    known[expr] = value;
  return value;
}

Value ExprEmitter::emitNew(Expr expr) {
  if (expr->constant)
    return arith::ConstantOp::create(builder, loc, cast<TypedAttr>(expr->constant));
  switch (expr->kind) {
  case ExprNode::Kind::Constant:
    return nullptr;
  case ExprNode::Kind::Index: {
    Value index = emit(expr->affine);
    return !index || expr->type.isIndex() ? index
                                          : arith::IndexCastOp::create(builder, loc, expr->type, index);
  }
  case ExprNode::Kind::Compare: {
    Value index = emit(expr->affine);
    if (!index)
      return nullptr;
    using Comparison = ExprNode::Comparison;
    auto predicate = expr->comparison == Comparison::NotNegative ? arith::CmpIPredicate::sge
                     : expr->comparison == Comparison::Zero      ? arith::CmpIPredicate::eq
                                                                 : arith::CmpIPredicate::ne;
    return arith::CmpIOp::create(builder, loc, predicate, index,
                                 arith::ConstantIndexOp::create(builder, loc, 0));
  }
  case ExprNode::Kind::Load:
    return emitLoad(expr);
  case ExprNode::Kind::Scalar:
    return capture(expr->value);
  case ExprNode::Kind::Apply:
    break;
  }
  SmallVector<Value> operands;
  for (Expr operand : expr->operands) {
    operands.push_back(emit(operand));
    if (!operands.back())
      return nullptr;
  }
  if (!expr->op)
    return arith::SelectOp::create(builder, loc, operands[0], operands[1], operands[2]);
  if (expr->value)
    return emitExtract(expr->value, operands, SmallVector<bool>(operands.size(), false));
  OperationState state(loc, expr->op->getName(), operands, expr->type,
                       expr->op->getAttrDictionary().getValue());
  return builder.create(state)->getResult(0);
}

} // namespace gqa
