// gqa.rotary and gqa.repeat_heads: syntax, constraints and shapes.
#include "Verify.h"
#include "gqa/Dialect/GQA/GQA.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace gqa {
namespace {

/// An enum's keyword without quotes or brackets.
template <typename Attr, typename Symbolize>
ParseResult parseKeywordAttr(OpAsmParser &parser, Attr &attr, Symbolize symbolize, StringRef choices) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  auto value = symbolize(keyword);
  if (!value)
    return parser.emitError(loc, "found '") << keyword << "', expected " << choices;
  attr = Attr::get(parser.getContext(), *value);
  return success();
}

ParseResult parseKeyword(OpAsmParser &parser, RotaryKindAttr &attr) {
  return parseKeywordAttr(
      parser, attr, [](StringRef word) { return symbolizeRotaryKind(word); }, "half or interleaved");
}
ParseResult parseKeyword(OpAsmParser &parser, HeadOrderAttr &attr) {
  return parseKeywordAttr(
      parser, attr, [](StringRef word) { return symbolizeHeadOrder(word); }, "block or tiled");
}
void printKeyword(OpAsmPrinter &printer, Operation *, RotaryKindAttr attr) {
  printer << stringifyRotaryKind(attr.getValue());
}
void printKeyword(OpAsmPrinter &printer, Operation *, HeadOrderAttr attr) {
  printer << stringifyHeadOrder(attr.getValue());
}

/// The second of two operands that share one spelled type.
ParseResult parseSameType(OpAsmParser &, Type first, Type &second) {
  second = first;
  return success();
}
void printSameType(OpAsmPrinter &, Operation *, Type, Type) {}

} // namespace

//===--------------------------------------------------------------------===//
// gqa.rotary
//===--------------------------------------------------------------------===//

int64_t RotaryOp::getRotaryDim() { return 2 * cast<RankedTensorType>(getCos().getType()).getShape().back(); }

LogicalResult RotaryOp::verify() {
  if (failed(verifyTensors(*this)) || failed(verifyLayout(*this, getLayout()))) // rotary_c5, rotary_c1
    return failure();
  auto cos = dyn_cast<RankedTensorType>(getCos().getType());
  if (!cos || cos != getSin().getType() || cos.getRank() < 1 || cos.getRank() > 4 ||
      !isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(cos.getElementType()) ||
      ShapedType::isDynamic(cos.getShape().back())) // rotary_c2
    return emitOpError("cos is ") << getCos().getType() << " and sin " << getSin().getType()
                                  << ", expected one tensor type of f16, bf16, f32 or f64, of rank 1 to 4, "
                                     "with a static last dimension";
  int64_t dim = sizeOf(getX(), getLayout(), 'd');
  if (!ShapedType::isDynamic(dim) && getRotaryDim() > dim) // rotary_c3
    return emitOpError("rotates ") << getRotaryDim()
                                   << " elements (twice the last dimension of cos), but the head "
                                   << "dimension is " << dim;
  int64_t full[] = {sizeOf(getX(), getLayout(), 'b'), sizeOf(getX(), getLayout(), 'h'),
                    sizeOf(getX(), getLayout(), 's')};
  int64_t angles = cos.getShape().back();
  if (!broadcastsTo(cos.getShape(), {full[0], full[1], full[2], angles})) // rotary_c4
    return emitOpError("cos is ") << cos
                                  << ", which does not broadcast to B x H x S x R/2 = " << sizeText(full[0])
                                  << " x " << sizeText(full[1]) << " x " << sizeText(full[2]) << " x "
                                  << angles;
  return success();
}

LogicalResult RotaryOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  shapes = {tensor::getMixedSizes(builder, getLoc(), getX())};
  return success();
}

//===--------------------------------------------------------------------===//
// gqa.repeat_heads
//===--------------------------------------------------------------------===//

LogicalResult RepeatHeadsOp::verify() {
  if (failed(verifyTensors(*this)) ||
      failed(verifyLayout(*this, getLayout()))) // repeat_heads_c4, repeat_heads_c1
    return failure();
  int64_t groups = getGroups();
  if (groups < 1) // repeat_heads_c2
    return emitOpError("groups is ") << groups << ", expected at least 1";
  auto x = cast<RankedTensorType>(getX().getType()), output = cast<RankedTensorType>(getOutput().getType());
  SmallVector<int64_t> shape(x.getShape());
  int64_t &heads = shape[dimOf(getLayout(), 'h')];
  if (!ShapedType::isDynamic(heads) && llvm::MulOverflow(heads, groups, heads))
    return emitOpError("groups is ") << groups << ", which makes more heads than can be counted";
  if (provablyDiffer(shape, output.getShape()) ||
      x.getElementType() != output.getElementType()) // repeat_heads_c3
    return emitOpError("result is ") << output << ", expected " << groups
                                     << " times the heads of the operand, "
                                     << RankedTensorType::get(shape, x.getElementType());
  return success();
}

LogicalResult RepeatHeadsOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  shapes = {tensor::getMixedSizes(builder, getLoc(), getX())};
  OpFoldResult &heads = shapes[0][dimOf(getLayout(), 'h')];
  if (std::optional<int64_t> size = getConstantIntValue(heads)) {
    heads = builder.getIndexAttr(*size * static_cast<int64_t>(getGroups()));
    return success();
  }
  Value groups = arith::ConstantIndexOp::create(builder, getLoc(), getGroups());
  heads = arith::MulIOp::create(builder, getLoc(), cast<Value>(heads), groups).getResult();
  return success();
}

OpFoldResult RepeatHeadsOp::fold(FoldAdaptor) {
  if (getGroups() == 1 && getX().getType() == getOutput().getType())
    return getX();
  return {};
}

} // namespace gqa

#define GET_OP_CLASSES
#include "gqa/Dialect/GQA/GQAOps.cpp.inc"
