// gqa.append_kv: constraints and shapes.
#include "gqa/Dialect/GQA/GQA.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace gqa {

static bool mayDiffer(int64_t a, int64_t b) {
  return !ShapedType::isDynamic(a) && !ShapedType::isDynamic(b) && a != b;
}

LogicalResult AppendKVOp::verify() {
  if (!isLayout(getLayout())) // append_kv_c1
    return emitOpError("layout is \"") << getLayout() << "\", expected a permutation of \"bhsd\"";
  auto cache = cast<RankedTensorType>(getCache().getType());
  for (auto [name, value] : {std::pair("fresh", Value(getFresh())), std::pair("the result", Value(getOutput()))}) {
    auto type = cast<RankedTensorType>(value.getType());
    for (char letter : {'b', 'h', 'd'}) {
      unsigned dim = dimOf(getLayout(), letter);
      if (mayDiffer(type.getDimSize(dim), cache.getDimSize(dim)) ||
          type.getElementType() != cache.getElementType()) // append_kv_c2
        return emitOpError(name) << " is " << type << ", expected the element type, batch size, heads and head "
                                 << "dimension of the cache, " << cache;
    }
  }
  int64_t tokens = sizeOf(getCache(), getLayout(), 's'), fresh = sizeOf(getFresh(), getLayout(), 's');
  int64_t expected = tokens;
  if (!getPositions())
    expected = ShapedType::isDynamic(tokens) || ShapedType::isDynamic(fresh) ? ShapedType::kDynamic : tokens + fresh;
  if (mayDiffer(sizeOf(getOutput(), getLayout(), 's'), expected)) // append_kv_c3
    return emitOpError("result has ") << sizeOf(getOutput(), getLayout(), 's') << " tokens, expected " << expected
                                      << (getPositions() ? ", those of the cache" : ", those of cache and fresh");
  if (!getPositions())
    return success();
  auto positions = cast<RankedTensorType>(getPositions().getType());
  if (mayDiffer(positions.getShape().back(), fresh) ||
      (positions.getRank() == 2 && mayDiffer(positions.getDimSize(0), sizeOf(getCache(), getLayout(), 'b')))) // append_kv_c4
    return emitOpError("positions is ") << positions << ", expected one per fresh token (" << fresh
                                        << "), or batch size x that";
  return success();
}

OpFoldResult AppendKVOp::fold(FoldAdaptor) {
  bool writesNothing = sizeOf(getFresh(), getLayout(), 's') == 0;
  return writesNothing && getCache().getType() == getOutput().getType() ? getCache() : Value();
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

} // namespace gqa
