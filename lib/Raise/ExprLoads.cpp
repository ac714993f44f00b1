// Elements of tensors as expressions: constants are numbers, or follow their coordinates.
#include "gqa/Raise/ConstantData.h"
#include "gqa/Raise/Expr.h"
#include "gqa/Raise/IndexTable.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace gqa {

Expr ExprContext::load(Value tensor, ArrayRef<AffineExpr> indices) {
  auto type = cast<ShapedType>(tensor.getType());
  DenseElementsAttr elements;
  if (matchPattern(tensor, m_Constant(&elements)) && elements.isSplat())
    return constant(elements.getSplatValue<Attribute>(), type.getElementType());
  if (elements && type.hasRank() && !indices.empty() && type.getElementType().isIntOrIndex())
    if (Expr linear = loadConstant(tensor, indices))
      return linear;
  ExprNode node(ExprNode::Kind::Load, type.getElementType());
  node.value = tensor;
  for (AffineExpr index : indices)
    node.indices.push_back(space.simplify(index));
  return unique(std::move(node));
}

/// An integer of a constant that follows its coordinates, such as positions 0, 1, 2, ..., or the groups 0 0 1
/// 1: null if it does not.
Expr ExprContext::loadConstant(Value tensor, ArrayRef<AffineExpr> indices) {
  std::optional<ConstantData> data = ConstantData::of(tensor);
  ShapedType type = data ? data->getType() : ShapedType();
  if (!data || type.getNumElements() > kMostIndices || type.getElementType().isInteger(1))
    return nullptr;
  auto [place, isNew] = indexTables.try_emplace(tensor, nullptr);
  if (isNew)
    place->second = fitTable(
        type.getShape(), [&](int64_t position) { return static_cast<int64_t>(data->at(position)); },
        space.getContext());
  if (!place->second)
    return nullptr;
  AffineExpr affine = place->second.replaceDims(indices);
  return isExact(affine, type.getElementType()) ? index(affine, type.getElementType()) : nullptr;
}

/// True if the index stands inside of a dimension whose size is not known. A variable does if it runs over
/// all of it: a load at a variable alone means that.
bool ExprContext::isInside(AffineExpr index, Value tensor, int64_t dim) {
  AffineExpr size = sizes.of(tensor, dim);
  if (auto variable = dyn_cast<AffineDimExpr>(index))
    return space.extentOf(variable.getPosition()) &&
           sizes.areEqual(space.extentOf(variable.getPosition()), size);
  return isa<AffineConstantExpr>(index) ||
         (space.isNotNegative(index) && space.isNotNegative(size - 1 - index));
}

/// An element of a tensor at coordinates that are data.
Expr ExprContext::extract(Operation *op, Value tensor, ArrayRef<Expr> coordinates) {
  // Of a size that is not known, an extract may read a part: unlike a load, it says nothing about the loop's
  // size.
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  auto isLoadable = [&](auto pair) {
    auto [dim, expr] = pair;
    return expr->kind == ExprNode::Kind::Index &&
           (!type.isDynamicDim(dim) || isInside(expr->affine, tensor, dim));
  };
  if (type && llvm::all_of(llvm::enumerate(coordinates), isLoadable))
    return load(tensor, llvm::map_to_vector<4>(coordinates, [](Expr expr) { return expr->affine; }));
  ExprNode node(ExprNode::Kind::Apply, op->getResult(0).getType());
  node.op = op;
  node.value = tensor;
  node.operands.assign(coordinates.begin(), coordinates.end());
  return unique(std::move(node));
}

} // namespace gqa
