// Accessors and shapes of gqa.attention.
#include "gqa/Dialect/GQA/GQA.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include <cmath>

using namespace mlir;

namespace gqa {

void AttentionOp::build(OpBuilder &builder, OperationState &state, Type output, Value q, Value k, Value v) {
  state.addOperands({q, k, v});
  state.getOrAddProperties<Properties>().operandSegmentSizes = {1, 1, 1, 0, 0, 0, 0, 0, 0, 0};
  state.addRegion();
  state.addTypes(output);
}

int64_t AttentionOp::getBatch() { return sizeOf(getQ(), getQLayout(), 'b'); }
int64_t AttentionOp::getQueryHeads() { return sizeOf(getQ(), getQLayout(), 'h'); }
int64_t AttentionOp::getKvHeads() { return sizeOf(getK(), getKLayout(), 'h'); }
int64_t AttentionOp::getNumQueries() { return sizeOf(getQ(), getQLayout(), 's'); }
int64_t AttentionOp::getNumKeys() { return sizeOf(getK(), getKLayout(), 's'); }
int64_t AttentionOp::getKeyDim() { return sizeOf(getK(), getKLayout(), 'd'); }
int64_t AttentionOp::getValueDim() { return sizeOf(getV(), getVLayout(), 'd'); }

int64_t AttentionOp::getGroupSize() {
  int64_t queryHeads = getQueryHeads(), kvHeads = getKvHeads();
  if (ShapedType::isDynamic(queryHeads) || ShapedType::isDynamic(kvHeads))
    return ShapedType::kDynamic;
  return kvHeads == 0 ? 1 : queryHeads / kvHeads;
}

FloatType AttentionOp::getAccumulatorType() {
  Builder builder(getContext());
  Type element = cast<RankedTensorType>(getQ().getType()).getElementType();
  return element.isF64() ? FloatType(builder.getF64Type()) : FloatType(builder.getF32Type());
}

std::optional<double> AttentionOp::getConstantScale() {
  if (getScaleValue())
    return std::nullopt;
  if (std::optional<APFloat> scale = getScale())
    return scale->convertToDouble();
  if (ShapedType::isDynamic(getKeyDim()))
    return std::nullopt;
  return 1.0 / std::sqrt(static_cast<double>(getKeyDim()));
}

std::optional<int64_t> AttentionOp::getConstantOffset() {
  if (getOffsets())
    return std::nullopt;
  return getOffset().value_or(0);
}

/// The concatenation along what the attention takes for tokens, of a cache whose type knows the other sizes
/// as well as the result's.
static AppendKVOp concatOf(Value operand, StringRef layout) {
  auto append = operand.getDefiningOp<AppendKVOp>();
  if (!append || append.getPositions() || dimOf(append.getLayout(), 's') != dimOf(layout, 's'))
    return nullptr;
  bool known = llvm::all_of(StringRef("bhd"), [&](char letter) {
    return sizeOf(append.getCache(), layout, letter) == sizeOf(operand, layout, letter);
  });
  return known ? append : AppendKVOp();
}

AppendKVOp AttentionOp::getKeyAppend() { return concatOf(getK(), getKLayout()); }
AppendKVOp AttentionOp::getValueAppend() { return concatOf(getV(), getVLayout()); }

/// What the tokens, or those of the cache in front of fresh ones, are widened from. The mean of V over dead
/// rows reads V itself.
static DequantizeOp dequantizeOf(AttentionOp op, Value operand, AppendKVOp append) {
  bool readsWhole = operand == op.getV() && op.getDeadRow() == DeadRow::Uniform;
  Value tokens = append ? Value(append.getCache()) : operand;
  return readsWhole ? DequantizeOp() : tokens.getDefiningOp<DequantizeOp>();
}

DequantizeOp AttentionOp::getKeyDequantize() { return dequantizeOf(*this, getK(), getKeyAppend()); }
DequantizeOp AttentionOp::getValueDequantize() { return dequantizeOf(*this, getV(), getValueAppend()); }

/// Whether narrow heads have a scale for each head, or each batch element, at most, and no zero.
static bool isScaledByHead(DequantizeOp op, StringRef layout, StringRef letters) {
  if (op.getZero())
    return false;
  auto type = op.getScale() ? cast<RankedTensorType>(op.getScale().getType()) : RankedTensorType();
  return !type || llvm::all_of(letters, [&](char letter) {
    int64_t dim = int64_t(dimOf(layout, letter)) - (4 - type.getRank());
    return dim < 0 || type.getDimSize(dim) == 1;
  });
}

DequantizeOp AttentionOp::getQueryDequantize() {
  auto queries = getQ().getDefiningOp<DequantizeOp>();
  DequantizeOp keys = getKeyAppend() ? DequantizeOp() : getKeyDequantize();
  if (!queries || !keys || !isScaledByHead(queries, getQLayout(), "hsd") ||
      !isScaledByHead(keys, getKLayout(), "sd"))
    return nullptr;
  Type element = getElementTypeOrSelf(queries.getX());
  bool isCode = isa<Float8E4M3FNType, Float8E5M2Type>(element);
  return isCode && element == getElementTypeOrSelf(keys.getX()) ? queries : DequantizeOp();
}

RotaryOp AttentionOp::getQueryRotary() {
  auto rotary = getQ().getDefiningOp<RotaryOp>();
  bool taken =
      rotary && rotary->hasOneUse() && rotary.getLayout() == getQLayout() && rotary.getRotaryDim() > 0;
  return taken ? rotary : RotaryOp();
}

LogicalResult AttentionOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  auto size = [&](Value value, StringRef layout, char letter) {
    return tensor::getMixedSize(builder, getLoc(), value, dimOf(layout, letter));
  };
  // Sizes of what kernels take over are those of what is in front of it, which remains.
  RotaryOp rotary = getQueryRotary();
  AppendKVOp append = getValueAppend();
  DequantizeOp narrowQ = getQueryDequantize(), narrowV = getValueDequantize();
  Value q = rotary ? rotary.getX() : narrowQ ? narrowQ.getX() : getQ();
  Value v = narrowV ? narrowV.getX() : append ? append.getCache() : getV();
  OpFoldResult b = size(q, getQLayout(), 'b'), h = size(q, getQLayout(), 'h'), s = size(q, getQLayout(), 's'),
               d = size(v, getVLayout(), 'd');
  SmallVector<OpFoldResult> output(4);
  for (auto [letter, value] : {std::pair('b', b), std::pair('h', h), std::pair('s', s), std::pair('d', d)})
    output[dimOf(getOLayout(), letter)] = value;
  shapes = {output};
  if (getLse())
    shapes.push_back({b, h, s});
  return success();
}

} // namespace gqa
