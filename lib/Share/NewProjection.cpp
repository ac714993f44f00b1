// The weights of a projection as matrices, and the product with other ones in its place.
#include "Projection.h"
#include "gqa/Raise/Build.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace gqa {

Rotation InputProjection::getRotation() const {
  if (RotaryOp turned = rotary)
    return Rotation::pairs(dim, turned.getRotaryDim(), turned.getKind() == RotaryKind::Interleaved);
  return Rotation::none(dim);
}

SmallVector<Matrix> InputProjection::read(WeightSource source, int64_t most) const {
  ConstantData weights = *source(weight.tensor);
  std::optional<ConstantData> biases = bias ? source(bias->tensor) : std::nullopt;
  int64_t rows = std::min(inputs, most);
  SmallVector<Matrix> matrices;
  for (int64_t h = 0; h < heads; ++h) {
    Matrix &matrix = matrices.emplace_back(rows + 1, dim);
    for (int64_t d = 0; d < dim; ++d) {
      for (int64_t row = 0; row < rows; ++row)
        matrix(row, d) = weights.at(weight.position({h, d, row * inputs / rows}));
      matrix(rows, d) = biases ? biases->at(bias->position({h, d})) : biasNumber;
    }
  }
  return matrices;
}

/// `product + bias`, the bias along the last dimension.
static Value addBias(OpBuilder &builder, Location loc, Value product, Value bias) {
  auto type = cast<RankedTensorType>(product.getType());
  AffineMap identity = builder.getMultiDimIdentityMap(2);
  AffineMap maps[] = {identity, AffineMap::get(2, 0, builder.getAffineDimExpr(1)), identity};
  SmallVector<utils::IteratorType> iterators(2, utils::IteratorType::parallel);
  Value empty = tensor::EmptyOp::create(builder, loc, tensor::getMixedSizes(builder, loc, product),
                                        type.getElementType());
  auto body = [](OpBuilder &inner, Location loc, ValueRange arguments) {
    Value sum = arith::AddFOp::create(inner, loc, arguments[0], arguments[1]);
    linalg::YieldOp::create(inner, loc, sum);
  };
  return linalg::GenericOp::create(builder, loc, type, ValueRange{product, bias}, empty, maps, iterators,
                                   body)
      .getResult(0);
}

/// A float tensor in another element type.
static Value convert(OpBuilder &builder, Location loc, Value value, Type element) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getElementType() == element)
    return value;
  Type wanted = type.clone(element);
  if (type.getElementTypeBitWidth() < element.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(builder, loc, wanted, value);
  return arith::TruncFOp::create(builder, loc, wanted, value);
}

/// The cache's tokens and the projected ones, with as many heads as these have.
static Operand appendTo(RewriterBase &rewriter, AppendKVOp append, const Operand &fresh) {
  StringRef layout = append.getLayout();
  Value cache = append.getCache();
  auto withHeads = [&](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    SmallVector<int64_t> shape(tensor.getShape());
    shape[dimOf(layout, 'h')] = sizeOf(fresh.tensor, fresh.layout, 'h');
    return tensor.clone(shape);
  };
  cache.setType(withHeads(cache.getType()));
  Value all = AppendKVOp::create(rewriter, append.getLoc(), withHeads(append.getType()), cache,
                                 transpose(rewriter, fresh, layout), append.getPositions(), layout);
  rewriter.replaceOp(append, all);
  return {all, layout.str()};
}

Operand InputProjection::build(RewriterBase &builder, ArrayRef<Matrix> matrices, Type element,
                               WeightSink sink) const {
  Location loc = product->getLoc();
  Operand tokens = materialize(builder, loc, context->space, input, axes);
  auto tokensType = cast<RankedTensorType>(tokens.tensor.getType());
  Type accumulator = cast<RankedTensorType>(product->getResult(0).getType()).getElementType();
  int64_t columns = int64_t(matrices.size()) * dim;
  SmallVector<double> weights(inputs * columns), biases(columns);
  for (auto [h, matrix] : llvm::enumerate(matrices))
    for (int64_t d = 0; d < dim; ++d) {
      for (int64_t x = 0; x < inputs; ++x)
        weights[x * columns + h * dim + d] = matrix(x, d);
      biases[h * dim + d] = matrix(inputs, d);
    }
  Type stored = cast<ShapedType>(weight.tensor.getType()).getElementType();
  Value w = sink(builder, loc, RankedTensorType::get({inputs, columns}, stored), weights, weight.tensor);
  w = convert(builder, loc, w, tokensType.getElementType());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, tokens.tensor);
  Value flat = tensor::CollapseShapeOp::create(builder, loc, tokens.tensor,
                                               ArrayRef<ReassociationIndices>{{0, 1}, {2}});
  SmallVector<OpFoldResult> flatSizes = {tensor::getMixedSize(builder, loc, flat, 0),
                                         builder.getIndexAttr(columns)};
  Value empty = tensor::EmptyOp::create(builder, loc, flatSizes, accumulator);
  Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(accumulator));
  Value filled = linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
  Value result = linalg::MatmulOp::create(builder, loc, ValueRange{flat, w}, filled).getResult(0);
  if (hasBias) {
    Value like = bias ? bias->tensor : weight.tensor;
    Value b = sink(builder, loc, RankedTensorType::get({columns}, accumulator), biases, like);
    result = addBias(builder, loc, result, b);
  }
  result = convert(builder, loc, result, element);
  Operand projected{nullptr, tokens.layout.substr(0, 2) + "hd"};
  SmallVector<int64_t> shape(tokensType.getShape().take_front(2));
  shape.append({int64_t(matrices.size()), dim});
  SmallVector<OpFoldResult> outputSizes = {sizes[0], sizes[1], builder.getIndexAttr(matrices.size()),
                                           builder.getIndexAttr(dim)};
  projected.tensor =
      tensor::ExpandShapeOp::create(builder, loc, RankedTensorType::get(shape, element), result,
                                    ArrayRef<ReassociationIndices>{{0, 1}, {2, 3}}, outputSizes);
  if (RotaryOp turned = rotary)
    projected.tensor = RotaryOp::create(builder, turned.getLoc(), projected.tensor, turned.getCos(),
                                        turned.getSin(), turned.getKind(), projected.layout);
  if (append)
    return appendTo(builder, append, projected);
  return projected;
}

} // namespace gqa
