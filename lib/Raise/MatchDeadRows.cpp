// Rows that see no key: whether there are any, and what the graph makes of them.
#include "gqa/Raise/ConstantData.h"
#include "gqa/Raise/ConstantMask.h"
#include "gqa/Raise/Match.h"

#include <cmath>

using namespace mlir;

namespace gqa {

/// True if every row provably sees a key: key 0, or the key at the row's own position.
bool Matcher::isNeverDead(const AttentionMatch &match) {
  auto holdsAt = [&](AffineExpr witness) {
    return llvm::all_of(match.conditions, [&](const Condition &condition) {
      Expr seen = evaluator.expandAll(context.substitute(condition.expr, match.key, witness));
      return seen->getTruth() == !condition.negated;
    });
  };
  if (holdsAt(context.space.constant(0)))
    return true;
  return llvm::any_of(match.rows, [&](unsigned row) {
    AffineExpr queries = context.space.extentOf(row), keys = context.space.extentOf(match.key);
    return queries && keys && context.space.isNotNegative(keys - queries) &&
           holdsAt(getAffineDimExpr(row, context.space.getContext()));
  });
}

/// Whether a number that hides keys is among the constants of `expr`.
static bool mentionsFill(Evaluator &evaluator, Expr expr, double least, DenseSet<Expr> &visited) {
  expr = evaluator.peel(expr);
  if (!visited.insert(expr).second)
    return false;
  if (std::optional<double> number = expr->getNumber())
    return isAbsorbing(-std::abs(*number), expr->type, least);
  return llvm::any_of(expr->operands,
                      [&](Expr operand) { return mentionsFill(evaluator, operand, least, visited); });
}

bool hidesKeys(Evaluator &evaluator, Expr expr, double least) {
  DenseSet<Expr> visited;
  return mentionsFill(evaluator, expr, least, visited);
}

/// Whether a bias might be somebody's mask: an element of a tensor that came from outside, as it stands, or
/// arithmetic with a number that hides keys. What the graph looks up or computes otherwise (a relative
/// position, a slope times a distance) is taken to be small.
bool Matcher::mayHide(Expr bias) {
  double least = leastFill < kBeyondScores ? leastFill / 100 : leastFill; // anywhere near it, on either side
  Expr root = evaluator.peelCasts(bias);
  if (std::optional<ConstantData> data = root->isLoad() ? ConstantData::of(root->value) : std::nullopt)
    return llvm::any_of(llvm::seq<int64_t>(0, data->getType().getNumElements()), [&](int64_t place) {
      return isAbsorbing(-std::abs(data->at(place)), root->type, least);
    });
  bool isGiven = root->isLoad() && !evaluator.reduction(root);
  return isGiven || hidesKeys(evaluator, root, least);
}

/// What rows without a key become: 0 if guarded, NaN after a fill of -inf, the mean after a finite one. Two
/// finite fills add up to -inf where they meet, and a bias may hide keys of its own: what such rows become is
/// nothing simple. False if it is nothing that `dead_row` can say.
bool Matcher::settleDeadRows(AttentionMatch &match, const Masks &masks) {
  match.deadRow = guarded || zeroed ? DeadRow::Zero : DeadRow::NaN;
  unsigned finite = 0, rounded = 0, infinite = 0;
  std::optional<double> selected; // by masks around each other: the same fill is one
  for (auto [fill, isAdded] : masks.fills) {
    bool passes = !std::isinf(fill) && -fill <= narrowest && shift != Shift::None;
    if (!passes) // without a maximum to subtract the exponential of any fill is 0
      ++infinite;
    else if (!isAdded && selected == fill)
      continue;
    else if (isAdded && (narrowest < 1e5 || -fill < kBeyondScores))
      ++rounded; // near 65504 scores are rounded to multiples of 32, not absorbed
    else
      ++finite, deadFill = fill;
    if (!isAdded)
      selected = fill;
  }
  if (clamped && infinite > 0) { // raised to a finite number
    finite += infinite;
    infinite = 0;
  }
  bool noKeys = context.space.sizeOf(match.key) == 0; // the product with V is a sum of nothing
  auto hides = [&](const Bias &bias) { return mayHide(bias.expr); };
  bool visible = match.conditions.empty() || isNeverDead(match);
  if (noKeys || match.sink || seenElsewhere) {
    match.deadRow = DeadRow::Zero;
    return true;
  }
  if (shift == Shift::Other && !visible)
    return false;
  if (finite + rounded == 0 || zeroed)
    return true; // NaN, or 0 behind a guard, as matched
  if (llvm::any_of(match.biases, hides) || match.score)
    return false;
  if (visible)
    return true;
  if (finite > 1 || rounded + infinite > 0)
    return false;
  match.deadRow = DeadRow::Uniform;
  return true;
}

/// Whether every row sees a key, whatever the data.
bool Matcher::isAlwaysSeen(const AttentionMatch &match) {
  auto hides = [&](const Bias &bias) { return mayHide(bias.expr); };
  return match.sink || (context.space.sizeOf(match.key) > 0 && llvm::none_of(match.biases, hides) &&
                        !(match.score && hidesKeys(evaluator, match.score)) &&
                        (match.conditions.empty() || isNeverDead(match)));
}

/// The bounds of a mask that stays a bias: in each of its rows a key is seen. Where something else may hide
/// that key, the finite fill would choose among all others, those beyond the bounds as well.
void Matcher::addImplied(AttentionMatch &match, const Masks &masks) {
  auto isTable = [&](const Bias &bias) {
    Expr root = evaluator.peelCasts(bias.expr);
    return root->isLoad() && ConstantData::of(root->value);
  };
  SmallVector<Bias> hiding;
  llvm::copy_if(match.biases, std::back_inserter(hiding),
                [&](const Bias &bias) { return mayHide(bias.expr); });
  if (masks.implied.empty() || match.score || hiding.size() != 1 || !isTable(hiding.front()) ||
      !match.conditions.empty())
    return;
  match.conditions = masks.implied;
}

} // namespace gqa
