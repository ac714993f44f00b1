// gqa.merge: constraints, shapes, and the partial result that saw nothing.
#include "Folds.h"
#include "Verify.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {
LogicalResult MergeOp::verify() {
  if (failed(verifyTensors(*this)) || failed(verifyLayout(*this, getLayout()))) // merge_c4, merge_c1
    return failure();
  auto lse = cast<RankedTensorType>(getLse().getType());
  auto outputSize = [&](char letter) { return sizeOf(getOutput(), getLayout(), letter); };
  if (provablyDiffer(lse.getShape(), {outputSize('b'), outputSize('h'), outputSize('s')})) // merge_c2
    return emitOpError("lse is ") << lse << ", expected B x H x S of " << getOutput().getType()
                                  << " in layout \"" << getLayout() << "\"";
  bool isDouble = cast<RankedTensorType>(getOutput().getType()).getElementType().isF64();
  if (lse.getElementType().isF64() != isDouble) // merge_c3
    return emitOpError("lse is ") << lse << ", expected elements of type " << (isDouble ? "f64" : "f32");
  return success();
}

LogicalResult MergeOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  shapes = {tensor::getMixedSizes(builder, getLoc(), getO0()),
            tensor::getMixedSizes(builder, getLoc(), getLse0())};
  return success();
}

/// A partial result that saw nothing is neutral: its lse is -inf.
static bool sawNothing(Value lse) {
  auto constant = dyn_cast_if_present<FloatAttr>(constantSplat(lse));
  return constant && constant.getValue().isInfinity() && constant.getValue().isNegative();
}

LogicalResult MergeOp::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult> &results) {
  if (sawNothing(getLse1()))
    results.append({getO0(), getLse0()});
  else if (sawNothing(getLse0()))
    results.append({getO1(), getLse1()});
  return success(!results.empty());
}

} // namespace gqa
