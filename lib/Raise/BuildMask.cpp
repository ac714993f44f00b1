// What is added to the scores and what hides keys, as operands of an attention.
#include "AttentionBuilder.h"
#include "BuildOperands.h"
#include "gqa/Raise/ExprEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace gqa {

/// Dimensions of `expr`'s tensor: batch, heads, queries and keys, those that it follows.
static SmallVector<Axis> broadcastAxes(const Axes &axes, Evaluator &evaluator, Expr expr) {
  Expr expanded = evaluator.expandAll(expr);
  SmallVector<Axis> present = {axes.b, axes.h, axes.i, axes.j};
  for (Axis &axis : present)
    if (llvm::none_of(axis.variables, [&](unsigned variable) { return dependsOn(expanded, variable); }))
      axis.variables.clear();
  return present;
}

/// One bias as it is held by a tensor; the sum of several as a tensor of their dimensions.
bool AttentionBuilder::buildBias() {
  if (match.biases.empty())
    return true;
  Expr first = match.biases.front().expr;
  double factor = match.biases.front().factor;
  if (match.biases.size() == 1 && factor == 1.0 && first->isLoad())
    if ((parts.bias = buildBroadcast(rewriter, evaluator, axes, first)))
      return true;
  SmallVector<Axis> present = {axes.b, axes.h, axes.i, axes.j};
  for (size_t k = 0; k < present.size(); ++k)
    if (llvm::all_of(match.biases, [&](const Bias &bias) {
          return broadcastAxes(axes, evaluator, bias.expr)[k].variables.empty();
        }))
      present[k].variables.clear();
  Type type = first->type.isF64() ? first->type : rewriter.getF32Type();
  auto sum = [&](OpBuilder &builder, ExprEmitter &emitter) {
    Value total;
    for (const Bias &bias : match.biases) {
      Value next = emitter.emit(bias.expr);
      if (!next)
        return Value();
      next = convertScore(builder, loc, next, type);
      if (bias.factor != 1.0) {
        auto factor = arith::ConstantOp::create(builder, loc, builder.getFloatAttr(type, bias.factor));
        next = arith::MulFOp::create(builder, loc, next, factor);
      }
      total = total ? arith::AddFOp::create(builder, loc, total, next) : next;
    }
    return total;
  };
  parts.bias = buildTensor(rewriter, loc, evaluator, type, present, sizes, sum);
  return parts.bias || refuse(match.biases.front().expr->value,
                              "the bias does not broadcast to batch, heads, queries and keys");
}

bool AttentionBuilder::buildMask() {
  if (!visibility.mask)
    return true;
  Expr expr = visibility.mask->expr;
  if (!visibility.mask->negated && expr->isLoad())
    if ((parts.mask = buildBroadcast(rewriter, evaluator, axes, expr)))
      return true;
  auto emit = [&](OpBuilder &builder, ExprEmitter &emitter) {
    return emitCondition(builder, loc, emitter, *visibility.mask);
  };
  parts.mask =
      buildTensor(rewriter, loc, evaluator, expr->type, broadcastAxes(axes, evaluator, expr), sizes, emit);
  return parts.mask || refuse(expr->value, "the mask does not broadcast to batch, heads, queries and keys");
}

} // namespace gqa
