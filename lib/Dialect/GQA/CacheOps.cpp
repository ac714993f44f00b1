// gqa.append_kv and gqa.dequantize: constraints and shapes.
#include "Verify.h"
#include "gqa/Dialect/GQA/GQA.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace gqa {

LogicalResult AppendKVOp::verify() {
  if (failed(verifyTensors(*this)) || failed(verifyLayout(*this, getLayout()))) // append_kv_c5, append_kv_c1
    return failure();
  auto cache = cast<RankedTensorType>(getCache().getType());
  for (auto [name, value] :
       {std::pair("fresh", Value(getFresh())), std::pair("the result", Value(getOutput()))}) {
    auto type = cast<RankedTensorType>(value.getType());
    for (char letter : {'b', 'h', 'd'}) {
      unsigned dim = dimOf(getLayout(), letter);
      if (provablyDiffer(type.getDimSize(dim), cache.getDimSize(dim)) ||
          type.getElementType() != cache.getElementType()) // append_kv_c2
        return emitOpError(name) << " is " << type
                                 << ", expected the element type, batch size, heads and head "
                                 << "dimension of the cache, " << cache;
    }
  }
  int64_t tokens = sizeOf(getCache(), getLayout(), 's'), fresh = sizeOf(getFresh(), getLayout(), 's');
  int64_t expected = tokens;
  if (!getPositions())
    expected =
        ShapedType::isDynamic(tokens) || ShapedType::isDynamic(fresh) ? ShapedType::kDynamic : tokens + fresh;
  if (provablyDiffer(sizeOf(getOutput(), getLayout(), 's'), expected)) // append_kv_c3
    return emitOpError("result has ")
           << sizeText(sizeOf(getOutput(), getLayout(), 's')) << " tokens, expected " << expected
           << (getPositions() ? ", those of the cache" : ", those of cache and fresh");
  if (!getPositions())
    return success();
  auto positions = cast<RankedTensorType>(getPositions().getType());
  if (provablyDiffer(positions.getShape().back(), fresh) ||
      (positions.getRank() == 2 &&
       provablyDiffer(positions.getDimSize(0), sizeOf(getCache(), getLayout(), 'b')))) // append_kv_c4
    return emitOpError("positions is ")
           << positions << ", expected one per fresh token (" << sizeText(fresh) << "), or batch size x that";
  return success();
}

OpFoldResult AppendKVOp::fold(FoldAdaptor) {
  bool writesNothing = sizeOf(getFresh(), getLayout(), 's') == 0;
  if (writesNothing && getCache().getType() == getOutput().getType())
    return getCache();
  bool startsEmpty = !getPositions() && sizeOf(getCache(), getLayout(), 's') == 0;
  return startsEmpty && getFresh().getType() == getOutput().getType() ? getFresh() : Value();
}

LogicalResult AppendKVOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  shapes = {tensor::getMixedSizes(builder, getLoc(), getCache())};
  if (getPositions())
    return success();
  unsigned dim = dimOf(getLayout(), 's');
  OpFoldResult cached = shapes[0][dim], fresh = tensor::getMixedSize(builder, getLoc(), getFresh(), dim);
  if (getConstantIntValue(cached) && getConstantIntValue(fresh)) {
    shapes[0][dim] = builder.getIndexAttr(*getConstantIntValue(cached) + *getConstantIntValue(fresh));
    return success();
  }
  Value left = getValueOrCreateConstantIndexOp(builder, getLoc(), cached);
  Value right = getValueOrCreateConstantIndexOp(builder, getLoc(), fresh);
  shapes[0][dim] = arith::AddIOp::create(builder, getLoc(), left, right).getResult();
  return success();
}

LogicalResult DequantizeOp::verify() {
  if (failed(verifyTensors(*this))) // dequantize_c4
    return failure();
  auto x = cast<RankedTensorType>(getX().getType()), output = cast<RankedTensorType>(getOutput().getType());
  if (provablyDiffer(output.getShape(), x.getShape()) ||
      output.getElementTypeBitWidth() <= x.getElementTypeBitWidth()) // dequantize_c1
    return emitOpError("result is ") << output << ", expected the shape and a wider type than that of x, "
                                     << x;
  for (auto [name, value] : {std::pair("scale", getScale()), std::pair("zero", getZero())})
    if (value &&
        !broadcastsTo(cast<RankedTensorType>(value.getType()).getShape(), x.getShape())) // dequantize_c2
      return emitOpError(name) << " is " << value.getType() << ", which does not broadcast to x, " << x;
  if (getIsUnsigned() && !x.getElementType().isInteger()) // dequantize_c3
    return emitOpError("is unsigned, expected integers, found ") << x.getElementType();
  return success();
}

LogicalResult DequantizeOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  shapes = {tensor::getMixedSizes(builder, getLoc(), getX())};
  return success();
}

} // namespace gqa
