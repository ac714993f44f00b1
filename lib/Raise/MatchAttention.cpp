// The last contraction of an attention: probabilities, or exponentials that are divided later, with V.
#include "gqa/Raise/Match.h"
#include "gqa/Raise/Truth.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include <limits>
#include <utility>

using namespace mlir;

namespace gqa {

void AttentionMatch::forEach(llvm::function_ref<void(Expr &)> change) {
  for (Expr *expr : {&q, &k, &v, &factoredK, &scaleValue, &sink, &dot, &score, &plain})
    if (*expr)
      change(*expr);
  for (Condition &condition : conditions)
    change(condition.expr);
  for (Bias &bias : biases)
    change(bias.expr);
  for (Expr &lse : lses)
    change(lse);
}

/// `x / y`, or `x * (1 / y)`: x and y.
std::pair<Expr, Expr> Matcher::matchQuotient(Expr expr) {
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

/// Comparisons of a factor of `product` with 0 in a condition, each with whether it asks for equality.
static void collectZeroTests(Evaluator &evaluator, Expr condition, Expr product, DenseSet<Expr> &visited,
                             SmallVectorImpl<std::pair<Expr, bool>> &tests) {
  condition = evaluator.peel(condition);
  if (!visited.insert(condition).second || !condition->op)
    return;
  auto compare = dyn_cast<arith::CmpFOp>(condition->op);
  if (!compare) {
    for (Expr operand : condition->operands)
      collectZeroTests(evaluator, operand, product, visited, tests);
    return;
  }
  using Predicate = arith::CmpFPredicate;
  bool isEqual = compare.getPredicate() == Predicate::OEQ || compare.getPredicate() == Predicate::UEQ;
  bool isDifferent = compare.getPredicate() == Predicate::ONE || compare.getPredicate() == Predicate::UNE;
  for (unsigned side : {0, 1}) {
    Expr zero = evaluator.peelCasts(condition->operands[side]),
         other = evaluator.peelCasts(condition->operands[1 - side]);
    bool isFactor =
        llvm::any_of(product->operands, [&](Expr factor) { return evaluator.peelCasts(factor) == other; });
    if ((isEqual || isDifferent) && isFactor && zero->getNumber() == 0.0)
      tests.push_back({condition, isEqual});
  }
}

/// `p == 0 and ... ? 0 : p v`, which keeps a V that is not finite out of the sum: `p v`.
Expr Matcher::withoutSkip(Expr expr) {
  Expr root = expr->isApply("arith.mulf") ? expr : evaluator.peelCasts(expr);
  if (!root->isSelect())
    return root;
  for (unsigned side : {1, 2}) {
    Expr zero = evaluator.peelCasts(root->operands[side]),
         product = evaluator.peelCasts(root->operands[3 - side]);
    if (zero->getNumber() != 0.0 || !product->isApply("arith.mulf"))
      continue;
    SmallVector<std::pair<Expr, bool>> tests;
    DenseSet<Expr> visited;
    collectZeroTests(evaluator, root->operands[0], product, visited, tests);
    for (auto [test, isEqual] : tests) // of a weight that is not 0 the product is taken
      if (assume(evaluator, root->operands[0], test, !isEqual)->getTruth() == (side == 2))
        return product;
  }
  return root;
}

/// Whether `p` is the softmax, and `v` the values, as they are set in `match`; none if it is something else,
/// false if it is refused. `denominator`: what the whole product is divided by.
std::optional<bool> Matcher::matchSide(AttentionMatch &match, Expr p, Expr v, Expr denominator,
                                       std::optional<Guard> late) {
  Expr sum = denominator, scores = nullptr;
  std::optional<Guard> guard = late;
  std::optional<Hidden> hidden;
  guarded = late.has_value();
  if (!sum) {
    guard = takeGuard(p);
    guarded = guard.has_value() || takeNaNGuard(p);
    hidden = takeHidden(p);
    auto [numerator, quotientSum] = matchQuotient(p);
    if (numerator)
      p = numerator, sum = quotientSum;
  }
  zeroed = hidden.has_value();
  match.v = v;
  bool found = matchSoftmax(p, sum, match, scores);
  if (!found && hidden && sum && !hidden->whenTrue) { // the sum may be over the keys that are seen only
    Expr zero = context.constant(FloatAttr::get(p->type, 0.0), p->type);
    found = matchSoftmax(context.select(hidden->condition, p, zero), sum, match, scores);
  }
  if (!found)
    return std::nullopt;
  if (guard && !isAbout(*guard, scores, match))
    return refuse(match.exponential, "the guard against empty rows looks at something other than the scores");
  if (hidden && !isAbout(*hidden, scores, match))
    return refuse(match.exponential, "the probabilities are set to 0 by something other than what hides keys "
                                     "from the softmax");
  return true;
}

/// `p * c` times v, where c follows nothing that v does not follow, such as the scales of a narrow cache: p,
/// and v times c.
std::optional<std::pair<Expr, Expr>> Matcher::moveFactor(Expr p, Expr v, unsigned side,
                                                         const AttentionMatch &match) {
  Expr factor = p->operands[side];
  if (factor->isLoad()) // of what is broadcast to the probabilities, the element itself
    factor = evaluator.chain(factor).back();
  bool isOfValues = p->type == v->type && llvm::all_of(match.rows, [&](unsigned row) {
                      return !follows(factor, row) || follows(v, row);
                    });
  if (!isOfValues || evaluator.peelCasts(factor)->isApply("math.exp"))
    return std::nullopt;
  return std::pair(evaluator.peelCasts(p->operands[1 - side]), context.rebuild(p, {v, factor}));
}

/// Which factor of `body` is the softmax, and which is V.
bool Matcher::matchSides(AttentionMatch &match, Expr body, Expr denominator, std::optional<Guard> late) {
  for (unsigned side : {0, 1}) {
    Expr v = body->operands[1 - side], p = evaluator.peelCasts(body->operands[side]);
    if (std::optional<bool> found = matchSide(match, p, Evaluator::withoutCasts(v), denominator, late))
      return *found;
    for (unsigned place : {1, 0}) {
      auto moved = p->isApply("arith.mulf") ? moveFactor(p, v, place, match) : std::nullopt;
      if (!moved)
        continue;
      Refusal before = *refusal;
      std::optional<bool> found = matchSide(match, moved->first, moved->second, denominator, late);
      if (found)
        return *found;
      *refusal = before;
    }
  }
  return false;
}

/// An element of `output`, whose coordinates are the match's rows.
Expr Matcher::readOutput(Value output, linalg::LinalgOp product, AttentionMatch &match) {
  match.product = product;
  match.output = output;
  match.rows.clear();
  SmallVector<AffineExpr> coordinates;
  for (int64_t dim = 0; dim < cast<RankedTensorType>(output.getType()).getRank(); ++dim) {
    coordinates.push_back(context.space.addVariable(context.sizes.of(output, dim)));
    match.rows.push_back(context.space.numVariables() - 1);
  }
  return context.load(output, coordinates);
}

/// Reads `output` as the sum over the keys.
bool Matcher::matchOutput(Value output, linalg::LinalgOp product, AttentionMatch &match) {
  Expr element = readOutput(output, product, match), denominator = nullptr;
  auto isProduct = [&](Expr expr) { return expr->isLoad() && expr->value == product->getResult(0); };
  if (!isProduct(element))
    element = evaluator.peelCasts(element);
  std::optional<Guard> guard;
  if (!isProduct(element)) {
    guard = takeGuard(element);
    auto [numerator, sum] = matchQuotient(element);
    if (!numerator)
      return false;
    element = evaluator.peelCasts(numerator);
    if (element->isLoad())
      element = evaluator.chain(element).back();
    denominator = sum;
    if (!isProduct(element))
      return false;
  }
  std::optional<Reduction> reduction = evaluator.reduction(element);
  if (!reduction || reduction->kind != Reduction::Kind::Sum)
    return false;
  match.key = reduction->variable;
  Expr body = withoutSkip(Evaluator::withoutCasts(reduction->body));
  return body->isApply("arith.mulf") && matchSides(match, body, denominator, guard);
}

SmallVector<AttentionMatch, 1> Matcher::match(linalg::LinalgOp product, Refusal &why) {
  refusal = &why;
  if (product->getNumResults() != 1 || !isa<RankedTensorType>(product->getResult(0).getType()))
    return {};
  if (SmallVector<AttentionMatch, 1> parts = matchParts(product); !parts.empty())
    return parts;
  Refusal ofParts = std::exchange(why, {});
  bool areSeveral = false;
  SmallVector<AttentionMatch, 1> sets = matchSums(product, areSeveral);
  why = {};
  if (areSeveral) {
    why.exponential = sets.front().exponential;
    return sets;
  }
  clamped = false;
  deadFill = 0;
  narrowest = std::numeric_limits<double>::infinity();
  AttentionMatch match;
  bool found = matchOutput(product->getResult(0), product, match);
  // Exponentials that nothing divides in front of V: the division may follow.
  if (!found && refusal->exponential && !refusal->where)
    found = matchLate(match);
  if (!found && !sets.empty()) {
    why = {sets.front().exponential, nullptr, ""};
    return sets;
  }
  if (!found) {
    if (!ofParts.reason.empty())
      why = ofParts;
    else if (refusal->exponential)
      refuse(nullptr,
             "the exponentials are not divided by their sum over the keys that the product with V contracts");
    return {};
  }
  matchRounding(match);
  match.lses = findLse(match);
  return {match};
}

} // namespace gqa
