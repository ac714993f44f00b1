// Elements of tensors as expressions: constants are numbers, or follow their coordinates.
#include "gqa/Raise/ConstantData.h"
#include "gqa/Raise/Expr.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace gqa {

/// The elements as a linear form of the coordinates; none if they are not.
static std::optional<LinearForm> findLinear(const ConstantData &data, MLIRContext *context) {
  ArrayRef<int64_t> shape = data.getType().getShape();
  int64_t total = data.getType().getNumElements();
  if (total == 0)
    return std::nullopt;
  LinearForm form;
  form.constant = data.at(0);
  SmallVector<int64_t> steps(shape.size(), 0);
  int64_t stride = 1;
  for (size_t dim = shape.size(); dim-- > 0; stride *= shape[dim])
    if (shape[dim] > 1) {
      steps[dim] = data.at(stride) - form.constant;
      form.add(getAffineDimExpr(dim, context), steps[dim]);
    }
  for (int64_t position = 0; position < total; ++position) {
    int64_t expected = form.constant, rest = position;
    for (size_t dim = shape.size(); dim-- > 0; rest /= shape[dim])
      expected += rest % shape[dim] * steps[dim];
    if (data.at(position) != expected)
      return std::nullopt;
  }
  return form;
}

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

/// An integer of a constant that follows its coordinates, such as positions 0, 1, 2, ...: null if it does
/// not.
Expr ExprContext::loadConstant(Value tensor, ArrayRef<AffineExpr> indices) {
  constexpr int64_t kLargest = 1 << 12;
  std::optional<ConstantData> data = ConstantData::of(tensor);
  ShapedType type = data ? data->getType() : ShapedType();
  if (!data || type.getNumElements() > kLargest || type.getElementType().isInteger(1))
    return nullptr;
  auto [place, isNew] = linearTables.try_emplace(tensor, std::nullopt);
  if (isNew)
    place->second = findLinear(*data, space.getContext());
  if (!place->second)
    return nullptr;
  AffineExpr affine = place->second->build(space.getContext()).replaceDims(indices);
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
