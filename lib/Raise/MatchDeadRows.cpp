// Rows that see no key: whether there are any, and what the graph makes of them.
#include "gqa/Raise/Match.h"

#include <cmath>

using namespace mlir;

namespace gqa {

/// Counts a fill by what it does to rows in which it hides every key.
void Matcher::countFill(double fill, Type type, bool added) {
  if (std::isinf(fill) || -fill > narrowest)
    ++infiniteFills;
  else if (added && type.isF16()) // near 65504 scores are rounded to multiples of 32, not absorbed
    ++roundedFills;
  else
    ++finiteFills;
}

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
    int64_t queries = context.space.sizeOf(row), keys = context.space.sizeOf(match.key);
    return !ShapedType::isDynamic(queries) && !ShapedType::isDynamic(keys) && queries <= keys &&
           holdsAt(getAffineDimExpr(row, context.space.getContext()));
  });
}

/// What rows without a key become: 0 if guarded, NaN after a fill of -inf, the mean after a finite one. Two
/// finite fills add up to -inf where they meet, and a bias may hide keys of its own: what such rows become is
/// nothing simple.
bool Matcher::settleDeadRows(AttentionMatch &match) {
  bool noKeys = context.space.sizeOf(match.key) == 0; // the product with V is a sum of nothing
  if (noKeys || (match.biases.empty() && (match.conditions.empty() || isNeverDead(match)))) {
    match.deadRow = DeadRow::Zero;
    return true;
  }
  if (finiteFills + roundedFills == 0)
    return true; // NaN, or 0 behind a guard, as matched
  if (finiteFills > 1 || roundedFills + infiniteFills > 0 || !match.biases.empty())
    return refuse(match.exponential, "rows that see no key would depend on how several masks add up");
  match.deadRow = DeadRow::Uniform;
  return true;
}

} // namespace gqa
