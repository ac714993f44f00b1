// Operands of an attention that hold a number per head or sequence, or one number: sinks, positions, scale.
#include "AttentionBuilder.h"
#include "gqa/Raise/ExprEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace gqa {

/// The tensor of rank 1 that has the element of `load` for each place along the axis; null if there is none.
static Value viewVector(OpBuilder &builder, Location loc, Evaluator &evaluator, Expr load, const Axis &axis) {
  if (!load->isLoad())
    return nullptr;
  const IndexSpace &space = evaluator.context.space;
  std::optional<View> view = findView(evaluator.context, evaluator.chain(load), axis);
  return view ? reshape(builder, loc, space, view->tensor, view->dims, axis.variables) : Value();
}

Value buildPerBatch(OpBuilder &builder, Location loc, Evaluator &evaluator, const Axis &batches,
                    const IntegerForm &form, int64_t constant, const DenseMap<unsigned, Value> &sizes) {
  if (form.data.empty())
    return nullptr;
  Axis batch{'b', {}};
  for (unsigned variable : batches.variables)
    if (llvm::any_of(form.data, [&](auto &entry) { return dependsOn(entry.first, variable); }))
      batch.variables.push_back(variable);
  auto [first, factor] = form.data.front();
  bool isOperand = first->type.isInteger(32) || first->type.isInteger(64);
  if (form.data.size() == 1 && factor == 1 && constant == 0 && isOperand)
    if (Value vector = viewVector(builder, loc, evaluator, first, batch))
      return vector;
  auto sum = [&](OpBuilder &inner, ExprEmitter &emitter) {
    Value total = arith::ConstantIntOp::create(inner, loc, constant, 64);
    for (const auto &[data, coefficient] : form.data) {
      Value next = emitter.emit(data);
      if (!next)
        return Value();
      if (!next.getType().isInteger(64))
        next = next.getType().isIndex()
                   ? Value(arith::IndexCastOp::create(inner, loc, inner.getI64Type(), next))
                   : Value(arith::ExtSIOp::create(inner, loc, inner.getI64Type(), next));
      Value factor = arith::ConstantIntOp::create(inner, loc, coefficient, 64);
      total = arith::AddIOp::create(inner, loc, total, arith::MulIOp::create(inner, loc, next, factor));
    }
    return total;
  };
  return buildTensor(builder, loc, evaluator, builder.getI64Type(), {batch}, sizes, sum);
}

/// Sinks per head, offsets and lengths per sequence.
bool AttentionBuilder::buildVectors() {
  if (match.sink && isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(match.sink->type))
    parts.sinks = viewVector(rewriter, loc, evaluator, match.sink, axes.h);
  if (match.sink && !parts.sinks)
    parts.sinks = buildTensor(rewriter, loc, evaluator, match.sink, {axes.h}, sizes);
  if (match.sink && !parts.sinks) {
    Type type = match.sink->type.isF64() ? match.sink->type : rewriter.getF32Type();
    auto widen = [&](OpBuilder &builder, ExprEmitter &emitter) {
      Value sink = emitter.emit(match.sink);
      return sink ? convertScore(builder, loc, sink, type) : sink;
    };
    parts.sinkRows = buildTensor(rewriter, loc, evaluator, type, {axes.b, axes.h, axes.i}, sizes, widen);
    if (!parts.sinkRows)
      return refuse(match.sink->value, "a sink that is not one number per row of scores");
  }
  findings.sinks = match.sink != nullptr;
  if (visibility.causal || visibility.window)
    parts.offsets =
        buildPerBatch(rewriter, loc, evaluator, axes.b, visibility.offsetData, visibility.offset, sizes);
  if (visibility.kvLen) {
    auto constant = cast<AffineConstantExpr>(visibility.kvLen->affine).getValue();
    parts.kvLen = buildPerBatch(rewriter, loc, evaluator, axes.b, *visibility.kvLen, constant, sizes);
  }
  bool isMissing =
      ((visibility.causal || visibility.window) && !visibility.offsetData.data.empty() && !parts.offsets) ||
      (visibility.kvLen && !parts.kvLen);
  return !isMissing || refuse(nullptr, "the position of the queries is not known for each sequence");
}

/// The scale that is known at run time.
bool AttentionBuilder::buildScalar() {
  if (!match.scaleValue)
    return true;
  ExprEmitter emitter(
      rewriter, loc, evaluator, [](unsigned) { return Value(); }, [](Value value) { return value; });
  Value value = emitter.emit(match.scaleValue);
  if (!value)
    return refuse(match.scaleValue->value, "the scores are multiplied by something that is not one number");
  if (match.scale != 1.0 || match.scaleDivides) {
    Value factor =
        arith::ConstantOp::create(rewriter, loc, rewriter.getFloatAttr(value.getType(), match.scale));
    value = match.scaleDivides ? Value(arith::DivFOp::create(rewriter, loc, factor, value))
                               : Value(arith::MulFOp::create(rewriter, loc, value, factor));
  }
  parts.scale = value;
  return true;
}

} // namespace gqa
