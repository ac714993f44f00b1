// gqa.attention from a match: the operation, its attributes, and its operands in front of what it replaces.
#include "AttentionBuilder.h"
#include "BuildOperands.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/TypeUtilities.h"

#include <cmath>

using namespace mlir;

namespace gqa {

void setVisibility(AttentionOp op, const Visibility &visibility, Value offsets, Value kvLen) {
  op.setCausal(visibility.causal);
  if (visibility.window)
    op.setWindow(ArrayRef<int64_t>{visibility.window->first, visibility.window->second});
  if (kvLen)
    op.getKvLenMutable().assign(kvLen);
  if (offsets)
    return op.getOffsetsMutable().assign(offsets);
  bool square = op.getNumQueries() == op.getNumKeys() && !ShapedType::isDynamic(op.getNumQueries());
  if ((visibility.causal || visibility.window) && (visibility.offset != 0 || !square))
    op.setOffset(visibility.offset);
}

void setScale(AttentionOp op, double scale) {
  double usual = op.getKeyDim() > 0 ? 1.0 / std::sqrt(static_cast<double>(op.getKeyDim())) : 0.0;
  // The graph's constant is rounded to its type, which may be as narrow as q's.
  Type element = cast<RankedTensorType>(op.getQ().getType()).getElementType();
  double rounding = element.isF16() ? 0x1p-11 : element.isBF16() ? 0x1p-8 : 1e-7;
  if (usual == 0.0 || std::abs(scale - usual) > rounding * usual)
    op.setScale(APFloat(scale));
  else
    op.removeScaleAttr();
}

static AttentionOp createOp(RewriterBase &rewriter, Axes &axes, const Parts &parts, const Findings &findings,
                            const Visibility &visibility) {
  Location loc = axes.match.product->getLoc();
  Value k = buildRepeat(rewriter, loc, parts.k, findings.k),
        v = buildRepeat(rewriter, loc, parts.v, findings.v);
  auto size = [](const Operand &operand, char letter) {
    return sizeOf(operand.tensor, operand.layout, letter);
  };
  SmallVector<int64_t> shape = {size(parts.q, 'b'), size(parts.q, 'h'), size(parts.q, 's'),
                                size(parts.v, 'd')};
  auto element = cast<RankedTensorType>(parts.q.tensor.getType()).getElementType();
  auto type = RankedTensorType::get(toLayout(shape, parts.layout), element);
  auto op = AttentionOp::create(rewriter, loc, type, parts.q.tensor, k, v);
  op.setQLayout(parts.q.layout);
  op.setKLayout(parts.k.layout);
  op.setVLayout(parts.v.layout);
  op.setOLayout(parts.layout);
  if (parts.mask)
    op.getMaskMutable().assign(parts.mask);
  if (parts.bias)
    op.getBiasMutable().assign(parts.bias);
  if (parts.sinks)
    op.getSinksMutable().assign(parts.sinks);
  if (parts.scale)
    op.getScaleValueMutable().assign(parts.scale);
  else
    setScale(op, axes.match.scale);
  if (axes.match.softcap)
    op.setSoftcap(APFloat(*axes.match.softcap));
  op.setDeadRow(axes.match.deadRow);
  setVisibility(op, visibility, parts.offsets, parts.kvLen);
  return op;
}

bool AttentionBuilder::refuse(Value value, const Twine &reason) {
  refusal.where = value && value.getDefiningOp() ? value.getDefiningOp() : match.product;
  refusal.reason = reason.str();
  return false;
}

/// q, k and v as the type of the output, where that is wider: an attention has one type, and products of
/// narrower numbers are the same in it.
bool AttentionBuilder::widenOperands() {
  auto isWider = [](Type wide, Type narrow) {
    return isa<FloatType>(wide) && isa<FloatType>(narrow) &&
           narrow.getIntOrFloatBitWidth() < wide.getIntOrFloatBitWidth();
  };
  Type output = getElementTypeOrSelf(match.output);
  for (Operand *operand : {&parts.q, &parts.k, &parts.v}) {
    auto type = cast<RankedTensorType>(operand->tensor.getType());
    if (isWider(output, type.getElementType()))
      operand->tensor = arith::ExtFOp::create(rewriter, loc, type.clone(output), operand->tensor);
    else if (type.getElementType() != output)
      return refuse(operand->tensor, "q, k, v and the output do not have the same element type");
  }
  return true;
}

std::optional<AttentionOp> AttentionBuilder::buildOp() {
  visibility = classifyConditions(evaluator, axes);
  parts.layout = outputLayout(axes, parts.output).value_or("bhsd");
  Operation *replacedOp = match.output.getDefiningOp();
  rewriter.setInsertionPoint(replacedOp);
  collectSizes();
  if (!buildOperands())
    return std::nullopt;
  if (!widenOperands() || !buildMask() || !buildBias() || !buildVectors() || !buildScalar())
    return std::nullopt;
  AttentionOp op = createOp(rewriter, axes, parts, findings, visibility);
  bool scored = buildScore(evaluator, axes, visibility, op);
  if (std::string invalid =
          scored ? whyInvalid(op) : "the score depends on something that is no coordinate of it";
      !invalid.empty()) {
    rewriter.eraseOp(op);
    refuse(nullptr, invalid);
    return std::nullopt;
  }
  return op;
}

std::optional<AttentionOp> AttentionBuilder::build() {
  std::optional<AttentionOp> op = buildOp();
  if (!op)
    return std::nullopt;
  if (!match.lses.empty()) {
    op = withLse(*op);
    replaceLses(rewriter, evaluator, axes, op->getLse(),
                {axes.b.variables, axes.h.variables, axes.i.variables});
  }
  Value output = parts.sinkRows ? mergeSinks(*op).getOutput() : op->getOutput();
  rewriter.replaceAllUsesWith(match.output, buildResult(output, parts.output, axes.output));
  return op;
}

std::optional<AttentionOp> buildAttention(RewriterBase &rewriter, Evaluator &evaluator, Axes &axes,
                                          Findings &findings, Refusal &refusal) {
  return AttentionBuilder(rewriter, evaluator, axes, findings, refusal).build();
}

} // namespace gqa
