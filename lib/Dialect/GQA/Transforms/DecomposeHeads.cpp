// gqa.repeat_heads: a broadcast over the group. gqa.merge: weights per query, then a weighted sum.
#include "gqa/Dialect/GQA/Transforms/Decompose.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {
namespace {

SmallVector<utils::IteratorType> parallel(unsigned rank) {
  return SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel);
}

/// What weighs two partial results: exp(lse - m) of each, and their common lse.
struct Weights {
  Value first, second, lse;
};

Weights mergeWeights(OpBuilder &builder, MergeOp op) {
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(op.getLse().getType());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, op.getLse0());
  SmallVector<Value> outputs;
  for (unsigned result = 0; result < 3; ++result)
    outputs.push_back(emptyTensor(builder, loc, type, sizes));
  SmallVector<AffineMap> maps(5, builder.getMultiDimIdentityMap(3));
  Type element = type.getElementType();
  auto generic = linalg::GenericOp::create(
      builder, loc, TypeRange{type, type, type}, ValueRange{op.getLse0(), op.getLse1()}, outputs, maps,
      parallel(3), [&](OpBuilder &b, Location, ValueRange lse) {
        Value zero = arith::ConstantOp::create(b, loc, b.getFloatAttr(element, 0.0));
        Value nothing = arith::ConstantOp::create(
            b, loc,
            b.getFloatAttr(element, APFloat::getInf(cast<FloatType>(element).getFloatSemantics(), true)));
        Value m = arith::MaximumFOp::create(b, loc, lse[0], lse[1]);
        auto weight = [&](Value part) -> Value {
          // -inf is tested, not computed with: where both are, the difference would be NaN.
          Value empty = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, part, nothing);
          Value shifted = arith::SubFOp::create(b, loc, part, m);
          Value weight = math::ExpOp::create(b, loc, shifted);
          return arith::SelectOp::create(b, loc, empty, zero, weight);
        };
        Value first = weight(lse[0]), second = weight(lse[1]);
        Value sum = arith::AddFOp::create(b, loc, first, second);
        Value log = math::LogOp::create(b, loc, sum);
        Value merged = arith::AddFOp::create(b, loc, m, log);
        linalg::YieldOp::create(b, loc, ValueRange{first, second, merged});
      });
  return {generic.getResult(0), generic.getResult(1), generic.getResult(2)};
}

} // namespace

SmallVector<Value> decompose(OpBuilder &builder, MergeOp op) {
  Location loc = op.getLoc();
  Weights weights = mergeWeights(builder, op);
  auto type = cast<RankedTensorType>(op.getOutput().getType());
  Type compute = computeType(type.getElementType());
  Value output = emptyTensor(builder, loc, type, tensor::getMixedSizes(builder, loc, op.getO0()));
  SmallVector<AffineExpr> query;
  for (char letter : StringRef("bhs"))
    query.push_back(builder.getAffineDimExpr(dimOf(op.getLayout(), letter)));
  AffineMap perQuery = AffineMap::get(4, 0, query, builder.getContext()),
            each = builder.getMultiDimIdentityMap(4);
  auto generic = linalg::GenericOp::create(
      builder, loc, type, ValueRange{op.getO0(), op.getO1(), weights.first, weights.second}, output,
      ArrayRef<AffineMap>{each, each, perQuery, perQuery, each}, parallel(4),
      [&](OpBuilder &b, Location, ValueRange in) {
        Value zero = arith::ConstantOp::create(b, loc, b.getFloatAttr(compute, 0.0));
        Value first = arith::MulFOp::create(b, loc, in[2], convertFloat(b, loc, in[0], compute));
        Value second = arith::MulFOp::create(b, loc, in[3], convertFloat(b, loc, in[1], compute));
        Value sum = arith::AddFOp::create(b, loc, first, second);
        Value weight = arith::AddFOp::create(b, loc, in[2], in[3]);
        Value mean = arith::DivFOp::create(b, loc, sum, weight);
        Value empty = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, weight, zero);
        Value merged = arith::SelectOp::create(b, loc, empty, zero, mean);
        linalg::YieldOp::create(b, loc, convertFloat(b, loc, merged, type.getElementType()));
      });
  return {generic.getResult(0), weights.lse};
}

SmallVector<Value> decompose(OpBuilder &builder, RepeatHeadsOp op) {
  Location loc = op.getLoc();
  auto input = cast<RankedTensorType>(op.getX().getType());
  unsigned heads = dimOf(op.getLayout(), 'h');
  // Block order copies a head next to itself, tiled order repeats the whole list: the copy index is inside or
  // outside.
  unsigned copyDim = op.getOrder() == HeadOrder::Block ? heads + 1 : heads;
  SmallVector<int64_t> shape(input.getShape());
  shape.insert(shape.begin() + copyDim, op.getGroups());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, op.getX());
  sizes.insert(sizes.begin() + copyDim, builder.getIndexAttr(op.getGroups()));
  auto type = RankedTensorType::get(shape, input.getElementType());
  AffineMap each = builder.getMultiDimIdentityMap(5);
  auto generic = linalg::GenericOp::create(
      builder, loc, type, op.getX(), emptyTensor(builder, loc, type, sizes),
      ArrayRef<AffineMap>{each.dropResult(copyDim), each}, parallel(5),
      [&](OpBuilder &b, Location, ValueRange in) { linalg::YieldOp::create(b, loc, in[0]); });
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim = 0; dim < 5; ++dim) {
    if (dim == heads + 1)
      groups.back().push_back(dim);
    else
      groups.push_back({dim});
  }
  return {tensor::CollapseShapeOp::create(builder, loc, generic.getResult(0), groups)};
}

} // namespace gqa
