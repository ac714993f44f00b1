// Elements of a tensor inside of a box, and of something else outside.
#include "gqa/Raise/Evaluator.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace gqa {

/// `inside` where all conditions hold; one of the two if the ranges tell.
Expr Evaluator::chooseInside(ArrayRef<Expr> conditions, Expr inside, Expr outside) {
  if (llvm::any_of(conditions, [](Expr condition) { return condition->getTruth() == false; }))
    return outside;
  Expr element = inside;
  for (Expr condition : llvm::reverse(conditions))
    element = context.select(condition, element, outside);
  return element;
}

/// The element of the slice inside of its box, that of the destination outside; a select if the ranges do not
/// tell.
Expr Evaluator::insertedElement(Operation *op, Expr load) {
  auto insert = cast<tensor::InsertSliceOp>(op);
  if (llvm::any_of(insert.getStaticOffsets(), ShapedType::isDynamic) ||
      llvm::any_of(insert.getStaticSizes(), ShapedType::isDynamic) ||
      llvm::any_of(insert.getStaticStrides(), [](int64_t stride) { return stride != 1; }))
    return nullptr;
  llvm::SmallBitVector dropped = insert.getDroppedDims();
  SmallVector<AffineExpr, 4> inside;
  SmallVector<Expr> conditions;
  using Comparison = ExprNode::Comparison;
  for (auto [dim, index] : llvm::enumerate(load->indices)) {
    AffineExpr place = index - insert.getStaticOffsets()[dim];
    if (!dropped.test(dim))
      inside.push_back(place);
    conditions.push_back(context.compare(Comparison::NotNegative, place));
    conditions.push_back(context.compare(Comparison::NotNegative, insert.getStaticSizes()[dim] - 1 - place));
  }
  return chooseInside(conditions, context.load(insert.getSource(), inside),
                      context.load(insert.getDest(), load->indices));
}

/// The element of what is padded, or the number around it.
Expr Evaluator::paddedElement(tensor::PadOp pad, Expr load) {
  Value number = pad.getConstantPaddingValue();
  RankedTensorType source = pad.getSourceType(); // of which there must be an element to read
  if (!number || !source.hasStaticShape() || source.getNumElements() == 0 ||
      llvm::any_of(pad.getStaticLow(), ShapedType::isDynamic))
    return nullptr;
  Attribute constant;
  Expr outside = matchPattern(number, m_Constant(&constant)) ? context.constant(constant, number.getType())
                                                             : context.scalar(number);
  SmallVector<AffineExpr, 4> inside;
  SmallVector<Expr> conditions;
  using Comparison = ExprNode::Comparison;
  for (auto [dim, index] : llvm::enumerate(load->indices)) {
    AffineExpr place = index - pad.getStaticLow()[dim];
    inside.push_back(place);
    conditions.push_back(context.compare(Comparison::NotNegative, place));
    conditions.push_back(context.compare(Comparison::NotNegative, source.getDimSize(dim) - 1 - place));
  }
  return chooseInside(conditions, context.load(pad.getSource(), inside), outside);
}

} // namespace gqa
