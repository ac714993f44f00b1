// The last contraction of an attention: probabilities, or exponentials that are divided later, with V.
#include "gqa/Raise/Match.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include <limits>

using namespace mlir;

namespace gqa {

void AttentionMatch::forEach(llvm::function_ref<void(Expr &)> change) {
  for (Expr *expr : {&q, &k, &v, &scaleValue, &sink, &dot, &score, &plain})
    if (*expr)
      change(*expr);
  for (Condition &condition : conditions)
    change(condition.expr);
  for (Bias &bias : biases)
    change(bias.expr);
}

/// `x / y`, or `x * (1 / y)`: x and y.
static std::pair<Expr, Expr> matchQuotient(Evaluator &evaluator, Expr expr) {
  if (expr->isApply("arith.divf"))
    return {expr->operands[0], expr->operands[1]};
  if (!expr->isApply("arith.mulf"))
    return {nullptr, nullptr};
  for (auto [e, inverse] :
       {std::pair(expr->operands[0], expr->operands[1]), std::pair(expr->operands[1], expr->operands[0])}) {
    Expr root = evaluator.peelCasts(inverse);
    if (root->isApply("arith.divf") && evaluator.peelCasts(root->operands[0])->getNumber() == 1.0)
      return {e, root->operands[1]};
  }
  return {nullptr, nullptr};
}

/// Which factor of `body` is the softmax, and which is V. `denominator`: what the whole product is divided
/// by.
bool Matcher::matchSides(AttentionMatch &match, Expr body, Expr denominator) {
  for (unsigned side : {0, 1}) {
    Expr v = Evaluator::withoutCasts(body->operands[1 - side]);
    Expr p = evaluator.peelCasts(body->operands[side]), sum = denominator, scores = nullptr;
    guarded = false;
    if (!sum) {
      std::optional<Guard> guard = takeGuard(p);
      guarded = guard.has_value() || takeNaNGuard(p);
      auto [numerator, quotientSum] = matchQuotient(evaluator, p);
      if (numerator)
        p = numerator, sum = quotientSum;
      if (guard && !matchSoftmax(p, sum, match, scores))
        continue;
      if (guard && !isAbout(*guard, scores, match))
        return refuse(match.exponential,
                      "the guard against empty rows looks at something other than the scores");
    }
    if (!scores && !matchSoftmax(p, sum, match, scores))
      continue;
    match.v = v;
    return true;
  }
  return false;
}

/// Reads `output` as the sum over the keys.
bool Matcher::matchOutput(Value output, linalg::LinalgOp product, AttentionMatch &match) {
  match.product = product;
  match.output = output;
  match.rows.clear();
  SmallVector<AffineExpr> coordinates;
  for (int64_t dim = 0; dim < cast<RankedTensorType>(output.getType()).getRank(); ++dim) {
    coordinates.push_back(context.space.addVariable(context.sizes.of(output, dim)));
    match.rows.push_back(context.space.numVariables() - 1);
  }
  Expr element = context.load(output, coordinates), denominator = nullptr;
  if (output != product->getResult(0)) {
    Expr root = evaluator.peelCasts(element);
    auto [numerator, sum] = matchQuotient(evaluator, root);
    if (!numerator)
      return false;
    element = evaluator.chain(evaluator.peelCasts(numerator)).back();
    denominator = sum;
    if (element->value != product->getResult(0))
      return false;
  }
  std::optional<Reduction> reduction = evaluator.reduction(element);
  if (!reduction || reduction->kind != Reduction::Kind::Sum || reduction->variables.size() != 1)
    return false;
  match.key = reduction->variables[0];
  Expr body = Evaluator::withoutCasts(reduction->body);
  return body->isApply("arith.mulf") && matchSides(match, body, denominator);
}

/// The product of exponentials with V, divided by their sum afterwards: looks for the division among what
/// follows.
bool Matcher::matchLate(AttentionMatch &match) {
  auto product = cast<linalg::LinalgOp>(match.product);
  SmallVector<Value> worklist = {product->getResult(0)};
  constexpr size_t kFarthest = 6;
  for (size_t next = 0; next < worklist.size() && worklist.size() < kFarthest; ++next)
    for (Operation *user : worklist[next].getUsers()) {
      if (user->getNumResults() != 1 || !isa<RankedTensorType>(user->getResult(0).getType()))
        continue;
      Value result = user->getResult(0);
      if (matchOutput(result, product, match))
        return true;
      if (!isa<linalg::LinalgOp>(user) || cast<linalg::LinalgOp>(user).getNumReductionLoops() == 0)
        worklist.push_back(result);
    }
  return false;
}

std::optional<AttentionMatch> Matcher::match(linalg::LinalgOp product, Refusal &why) {
  refusal = &why;
  clamped = false;
  narrowest = std::numeric_limits<double>::infinity();
  if (product->getNumResults() != 1 || !isa<RankedTensorType>(product->getResult(0).getType()))
    return std::nullopt;
  AttentionMatch match;
  bool found = matchOutput(product->getResult(0), product, match);
  // Exponentials that nothing divides in front of V: the division may follow.
  if (!found && refusal->exponential && !refusal->where)
    found = matchLate(match);
  if (!found) {
    if (refusal->exponential)
      refuse(nullptr,
             "the exponentials are not divided by their sum over the keys that the product with V contracts");
    return std::nullopt;
  }
  return match;
}

} // namespace gqa
