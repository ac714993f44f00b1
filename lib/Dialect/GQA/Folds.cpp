// Helpers of the canonicalisations.
#include "Folds.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace gqa {

Attribute constantSplat(Value value) {
  Value scalar;
  if (auto fill = value.getDefiningOp<linalg::FillOp>())
    scalar = fill.getInputs().front();
  else if (auto splat = value.getDefiningOp<tensor::SplatOp>())
    scalar = splat.getInput();
  TypedAttr attr;
  if (scalar)
    return matchPattern(scalar, m_Constant(&attr)) ? attr : TypedAttr();
  DenseElementsAttr elements;
  if (!matchPattern(value, m_Constant(&elements)) || elements.empty() || !elements.isSplat())
    return {};
  return elements.getSplatValue<Attribute>();
}

Value withSizes(RewriterBase &rewriter, Value value, ArrayRef<int64_t> shape) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> known(type.getShape());
  for (auto [size, wanted] : llvm::zip_equal(known, shape)) {
    if (ShapedType::isDynamic(size))
      size = wanted;
    else if (!ShapedType::isDynamic(wanted) && wanted != size)
      return {};
  }
  if (ArrayRef<int64_t>(known) == type.getShape())
    return value;
  return tensor::CastOp::create(rewriter, value.getLoc(), type.clone(known), value);
}

AttentionOp rebuild(RewriterBase &rewriter, AttentionOp op, TypeRange results) {
  OperationState state(op.getLoc(), AttentionOp::getOperationName());
  state.addOperands(op->getOperands());
  state.addTypes(results);
  state.addAttributes(llvm::to_vector(op->getDiscardableAttrs()));
  state.getOrAddProperties<AttentionOp::Properties>() = op.getProperties();
  state.addRegion()->takeBody(op.getScore());
  auto rebuilt = cast<AttentionOp>(rewriter.create(state));
  // One by one: a result without uses may have no counterpart.
  for (auto [old, fresh] : llvm::zip(op->getResults(), rebuilt->getResults()))
    rewriter.replaceAllUsesWith(old, fresh);
  rewriter.eraseOp(op);
  return rebuilt;
}

} // namespace gqa
