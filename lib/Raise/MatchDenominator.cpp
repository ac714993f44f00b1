// What a softmax divides by: the sum of the exponentials over the keys, and over sinks, which are no keys.
#include "gqa/Raise/Match.h"

#include "mlir/IR/BuiltinAttributes.h"
#include <cmath>

using namespace mlir;

namespace gqa {

/// The sum of the exponentials over the keys, and, where the sum runs over more, over sinks.
bool Matcher::matchSum(const Reduction &sum, const Softmax &softmax, AttentionMatch &match) {
  if (sum.kind != Reduction::Kind::Sum)
    return false;
  unsigned variable = sum.variable;
  if (sameOver(sum, match.key, sum.body, softmax.numerator))
    return true;
  AffineExpr keys = context.space.extentOf(match.key), all = context.space.extentOf(variable);
  auto more =
      dyn_cast_if_present<AffineConstantExpr>(keys && all ? context.space.simplify(all - keys) : keys);
  constexpr int64_t kMostSinks = 4;
  int64_t sinks = keys && all && more ? more.getValue() : 0;
  if (sinks <= 0 || sinks > kMostSinks || dependsOn(sum.body, match.key))
    return false;
  for (int64_t first : {int64_t(0), sinks}) { // sinks behind the keys, or in front of them
    AffineExpr key = getAffineDimExpr(match.key, context.space.getContext());
    Expr body = context.substitute(sum.body, variable, key + first);
    if (evaluator.expandAll(body) != evaluator.expandAll(softmax.numerator))
      continue;
    return llvm::all_of(llvm::seq<int64_t>(0, sinks), [&](int64_t place) {
      AffineExpr position = first == 0 ? keys + place : context.space.constant(place);
      return addSink(context.substitute(sum.body, variable, position), softmax, match);
    });
  }
  return false;
}

/// exp(sink - c), with the c of the scores; without one, exp(sink) or a number.
bool Matcher::addSink(Expr exponential, const Softmax &softmax, AttentionMatch &match) {
  if (match.sink || softmax.factor != 1.0)
    return false;
  exponential = evaluator.peelCasts(exponential);
  if (!softmax.shift && exponential->getNumber().value_or(0) > 0) {
    Type type = exponential->type;
    match.sink = context.constant(FloatAttr::get(type, std::log(*exponential->getNumber())), type);
    return true;
  }
  if (!exponential->isApply("math.exp"))
    return false;
  Expr argument = evaluator.peelCasts(exponential->operands[0]);
  if (!softmax.shift) {
    match.sink = exponential->operands[0];
  } else {
    auto isShift = [&](Expr expr) {
      return evaluator.expandAll(evaluator.peelCasts(expr)) ==
             evaluator.expandAll(evaluator.peelCasts(softmax.shift));
    };
    if (argument->isApply("arith.subf") && isShift(argument->operands[1]))
      match.sink = argument->operands[0];
    else if (argument->isApply("arith.negf") && isShift(argument->operands[0]))
      match.sink = context.constant(FloatAttr::get(argument->type, 0.0), argument->type);
    else
      return false;
  }
  return !follows(match.sink, match.key);
}

bool Matcher::matchDenominator(const Softmax &softmax, AttentionMatch &match) {
  Expr root = evaluator.peelCasts(softmax.denominator);
  if (std::optional<Reduction> sum = evaluator.reduction(root))
    return matchSum(*sum, softmax, match);
  if (!root->isApply("arith.addf"))
    return false;
  for (unsigned side : {0, 1}) {
    std::optional<Reduction> sum = evaluator.reduction(evaluator.peelCasts(root->operands[side]));
    if (sum && matchSum(*sum, softmax, match))
      return addSink(root->operands[1 - side], softmax, match);
  }
  return false;
}

} // namespace gqa
