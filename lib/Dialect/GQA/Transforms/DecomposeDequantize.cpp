// gqa.dequantize: one elementwise operation.
#include "gqa/Dialect/GQA/Transforms/Decompose.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {
namespace {

/// Where a scale or a zero is read for an element of `full`: compared from the last dimension.
AffineMap broadcastMap(OpBuilder &builder, RankedTensorType type, int64_t full) {
  SmallVector<AffineExpr> at;
  for (auto [dim, size] : llvm::enumerate(type.getShape()))
    at.push_back(size == 1 ? builder.getAffineConstantExpr(0)
                           : builder.getAffineDimExpr(full - type.getRank() + dim));
  return AffineMap::get(full, 0, at, builder.getContext());
}

Value widen(OpBuilder &b, Location loc, Value x, bool isUnsigned, Type type) {
  if (!x.getType().isInteger())
    return convertFloat(b, loc, x, type);
  return isUnsigned ? arith::UIToFPOp::create(b, loc, type, x).getResult()
                    : arith::SIToFPOp::create(b, loc, type, x).getResult();
}

} // namespace

SmallVector<Value> decompose(OpBuilder &builder, DequantizeOp op) {
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(op.getOutput().getType());
  Type compute = computeType(type.getElementType());
  SmallVector<Value> inputs = {op.getX()};
  SmallVector<AffineMap> maps = {builder.getMultiDimIdentityMap(4)};
  for (Value operand : {op.getZero(), op.getScale()})
    if (operand) {
      inputs.push_back(operand);
      maps.push_back(broadcastMap(builder, cast<RankedTensorType>(operand.getType()), 4));
    }
  maps.push_back(builder.getMultiDimIdentityMap(4));
  Value empty = emptyTensor(builder, loc, type, tensor::getMixedSizes(builder, loc, op.getX()));
  SmallVector<utils::IteratorType> parallel(4, utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      builder, loc, type, inputs, empty, maps, parallel, [&](OpBuilder &b, Location, ValueRange in) {
        Value value = widen(b, loc, in[0], op.getIsUnsigned(), compute);
        if (op.getZero())
          value = arith::SubFOp::create(b, loc, value, convertFloat(b, loc, in[1], compute));
        if (op.getScale())
          value =
              arith::MulFOp::create(b, loc, value, convertFloat(b, loc, in[op.getZero() ? 2 : 1], compute));
        linalg::YieldOp::create(b, loc, convertFloat(b, loc, value, type.getElementType()));
      });
  return {generic.getResult(0)};
}

} // namespace gqa
