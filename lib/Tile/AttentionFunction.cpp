// The function around the kernel: arguments, sizes, and views that hide layouts and broadcasting from the
// kernel.
#include "AttentionFunction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {
namespace {

/// What stands for a value of this type among the function's arguments. Floats of 8 bits are passed as their
/// bits: neither processors nor LLVM have such numbers.
Type argumentType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return isa<FloatType>(type) && type.getIntOrFloatBitWidth() < 16
               ? IntegerType::get(type.getContext(), type.getIntOrFloatBitWidth())
               : type;
  // A view of an empty dimension is rejected where its size is known, so it is not known here.
  SmallVector<int64_t> shape(tensor.getShape());
  llvm::replace(shape, int64_t(0), ShapedType::kDynamic);
  return stridedType(shape, tensor.getElementType());
}

/// `buffer`, laid out as `layout`, in logical order.
Value toLogical(IndexBuilder &b, Value buffer, StringRef layout) {
  SmallVector<unsigned> order;
  for (char letter : StringRef("bhsd"))
    order.push_back(dimOf(layout, letter));
  auto map = AffineMap::getPermutationMap(order, b.getContext());
  if (map.isIdentity())
    return buffer;
  return memref::TransposeOp::create(b, buffer, AffineMapAttr::get(map));
}

/// `buffer` as a buffer of the given sizes; dimensions that are missing or 1 repeat, by a stride of zero.
Value toBroadcast(IndexBuilder &b, Value buffer, ArrayRef<Value> sizes) {
  auto type = cast<MemRefType>(buffer.getType());
  auto data = memref::ExtractStridedMetadataOp::create(b, buffer);
  unsigned missing = sizes.size() - type.getRank();
  SmallVector<OpFoldResult> strides(missing, b.getIndexAttr(0));
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    Value isOne = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, b.size(buffer, dim), b.index(1));
    strides.push_back(b.createOrFold<arith::SelectOp>(isOne, b.index(0), data.getStrides()[dim]));
  }
  SmallVector<int64_t> shape;
  for (Value size : sizes)
    shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  SmallVector<OpFoldResult> dynamicStrides;
  for (OpFoldResult stride : strides) // as values: the type says that strides are dynamic
    dynamicStrides.push_back(getValueOrCreateConstantIndexOp(b, b.getLoc(), stride));
  return memref::ReinterpretCastOp::create(b, stridedType(shape, type.getElementType()), data.getBaseBuffer(),
                                           OpFoldResult(data.getOffset()), getAsOpFoldResult(sizes),
                                           dynamicStrides);
}

/// Whether a scale differs along a dimension of the tokens that it belongs to: only a 1 in the type
/// broadcasts.
bool variesAlong(Value factor, StringRef layout, char letter) {
  auto type = cast<MemRefType>(factor.getType());
  int64_t dim = int64_t(dimOf(layout, letter)) - (4 - type.getRank());
  return dim >= 0 && type.getDimSize(dim) != 1;
}

/// A scale or a zero in the shape of the tokens that it belongs to, which are in logical order; where it is
/// known to be one number for all of a row, with a head dimension of 1.
Value toRows(IndexBuilder &b, Value factor, Value tokens, StringRef layout) {
  SmallVector<Value> sizes;
  for (char letter : layout)
    sizes.push_back(b.size(tokens, dimOf("bhsd", letter)));
  if (!variesAlong(factor, layout, 'd'))
    sizes[dimOf(layout, 'd')] = b.index(1);
  return toLogical(b, toBroadcast(b, factor, sizes), layout);
}

/// The scale in the accumulator's type: an operand, a constant, or 1 / sqrt(Dk) where Dk is known at run time
/// only.
Value buildScale(AttentionOp op, Value operand, Value keyDim, IndexBuilder &b) {
  FloatType type = op.getAccumulatorType();
  if (operand)
    return castFloat(b, operand, type);
  if (std::optional<double> constant = op.getConstantScale())
    return arith::ConstantOp::create(b, b.getFloatAttr(type, *constant));
  Value dim = arith::IndexCastOp::create(b, b.getI64Type(), keyDim);
  Value root = math::SqrtOp::create(b, arith::SIToFPOp::create(b, b.getF64Type(), dim));
  Value one = arith::ConstantOp::create(b, b.getF64FloatAttr(1.0));
  return castFloat(b, arith::DivFOp::create(b, one, root), type);
}

void bindSizes(AttentionValues &values, IndexBuilder &b) {
  values.batch = b.size(values.q, 0);
  values.queries = b.size(values.q, 2);
  values.keyDim = b.size(values.q, 3);
  values.kvHeads = b.size(values.k.cached, 1);
  values.keys = b.size(values.k.cached, 2);
  if (values.k.fresh)
    values.keys = b.add(values.keys, b.size(values.k.fresh, 2));
  values.valueDim = b.size(values.v.cached, 3);
  values.group = b.div(b.size(values.q, 1), b.max(values.kvHeads, b.index(1)));
}

/// Whether scores are more than the products times a positive constant.
bool needsScore(AttentionOp op) {
  // Exponentials divide by the scale: the distance at which they vanish has to be a number.
  constexpr double kLeastScale = 1e-30;
  std::optional<double> scale = op.getConstantScale();
  return op.getSoftcap() || op.getBias() || op.getMask() || op.hasScore() || !scale ||
         !(*scale >= kLeastScale);
}

/// Buffers of scores, of angles, and of what narrow tokens are made of, seen in their full shape.
void broadcast(AttentionOp op, AttentionValues &values, IndexBuilder &b) {
  for (auto [tokens, layout] :
       {std::pair(&values.k, op.getKLayout()), std::pair(&values.v, op.getVLayout())}) {
    if (tokens->scale) {
      tokens->scaledByToken = variesAlong(tokens->scale, layout, 's');
      tokens->scaledByChannel = variesAlong(tokens->scale, layout, 'd');
    }
    for (Value *factor : {&tokens->scale, &tokens->zero})
      if (*factor)
        *factor = toRows(b, *factor, tokens->cached, layout);
  }
  if (values.queryScale)
    values.queryScale = toRows(b, values.queryScale, values.q, op.getQLayout());
  SmallVector<Value> sizes = {values.batch, b.size(values.q, 1), values.queries, values.keys};
  for (Value *scores : {&values.mask, &values.bias})
    if (*scores)
      *scores = toBroadcast(b, *scores, sizes);
  if (RotaryOp rotary = op.getQueryRotary()) {
    sizes.back() = b.index(rotary.getRotaryDim() / 2);
    values.cos = toBroadcast(b, values.cos, sizes);
    values.sin = toBroadcast(b, values.sin, sizes);
  }
}

/// Takes the function's arguments apart, in the order of `functionOperands` and the attention's results.
AttentionValues bindArguments(AttentionOp op, bool onDevice, Block &block, IndexBuilder &b) {
  auto arguments = block.getArguments().begin();
  auto next = [&](Value operand) -> Value { return operand ? Value(*arguments++) : Value(); };
  AttentionValues values;
  values.q = toLogical(b, next(op.getQ()), op.getQLayout());
  if (op.getQueryRotary()) {
    values.cos = *arguments++;
    values.sin = *arguments++;
  }
  if (DequantizeOp dequantize = onDevice ? op.getQueryDequantize() : DequantizeOp()) {
    values.queryDequantize = dequantize;
    values.queryScale = next(dequantize.getScale());
  }
  auto nextTokens = [&](DequantizeOp dequantize, AppendKVOp append, StringRef layout) {
    TokenBuffers tokens;
    tokens.cached = toLogical(b, *arguments++, layout);
    tokens.dequantize = dequantize;
    if (dequantize) {
      tokens.scale = next(dequantize.getScale());
      tokens.zero = next(dequantize.getZero());
    }
    if (append)
      tokens.fresh = toLogical(b, *arguments++, layout);
    return tokens;
  };
  values.k = nextTokens(op.getKeyDequantize(), op.getKeyAppend(), op.getKLayout());
  values.v = nextTokens(op.getValueDequantize(), op.getValueAppend(), op.getVLayout());
  values.mask = next(op.getMask());
  values.bias = next(op.getBias());
  values.kvLen = next(op.getKvLen());
  values.offsets = next(op.getOffsets());
  values.sinks = next(op.getSinks());
  Value scale = next(op.getScaleValue());
  for (Value capture : op.getCaptures())
    values.captures.push_back(next(capture));
  values.output = toLogical(b, next(op.getOutput()), op.getOLayout());
  values.lse = next(op.getLse());
  bindSizes(values, b);
  buildRuntimeChecks(op, values, b);
  values.scale = buildScale(op, scale, values.keyDim, b);
  values.scored = needsScore(op);
  values.unit = values.scale;
  if (values.scored)
    values.unit = arith::ConstantOp::create(b, b.getFloatAttr(op.getAccumulatorType(), 1.0));
  broadcast(op, values, b);
  return values;
}

} // namespace

Value castFloat(IndexBuilder &b, Value value, Type type) {
  unsigned from = value.getType().getIntOrFloatBitWidth(), to = type.getIntOrFloatBitWidth();
  if (from < to)
    return arith::ExtFOp::create(b, type, value);
  return from == to ? value : arith::TruncFOp::create(b, type, value);
}

SmallVector<Value> functionOperands(AttentionOp op, bool onDevice) {
  SmallVector<Value> operands;
  auto addFactors = [&](DequantizeOp dequantize) {
    for (Value factor : {dequantize.getScale(), dequantize.getZero()})
      if (factor)
        operands.push_back(factor);
  };
  DequantizeOp narrow = onDevice ? op.getQueryDequantize() : DequantizeOp();
  if (RotaryOp rotary = op.getQueryRotary())
    operands.append({rotary.getX(), rotary.getCos(), rotary.getSin()});
  else
    operands.push_back(narrow ? narrow.getX() : op.getQ());
  if (narrow)
    addFactors(narrow);
  auto addTokens = [&](Value tokens, DequantizeOp dequantize, AppendKVOp append) {
    operands.push_back(dequantize ? dequantize.getX() : append ? append.getCache() : tokens);
    if (dequantize)
      addFactors(dequantize);
    if (append)
      operands.push_back(append.getFresh());
  };
  addTokens(op.getK(), op.getKeyDequantize(), op.getKeyAppend());
  addTokens(op.getV(), op.getValueDequantize(), op.getValueAppend());
  llvm::append_range(operands, op->getOperands().drop_front(3)); // behind q, k and v
  return operands;
}

func::FuncOp buildAttentionFunction(AttentionOp op, bool onDevice, StringRef name, OpBuilder &builder,
                                    function_ref<void(const AttentionValues &, IndexBuilder &)> kernels) {
  SmallVector<Type> types = llvm::map_to_vector(functionOperands(op, onDevice),
                                                [](Value value) { return argumentType(value.getType()); });
  llvm::append_range(types, llvm::map_range(op->getResultTypes(), argumentType));
  auto function = func::FuncOp::create(builder, op.getLoc(), name, builder.getFunctionType(types, {}));
  function.setPrivate();
  IndexBuilder b(op.getLoc(), function.addEntryBlock(), function.getBody().front().end());
  AttentionValues values = bindArguments(op, onDevice, function.getBody().front(), b);
  kernels(values, b);
  func::ReturnOp::create(b);
  return function;
}

} // namespace gqa
