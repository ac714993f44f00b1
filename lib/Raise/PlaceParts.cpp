// Where sets of keys stand among all that a softmax runs over: where its scores go over from one product to
// the next, and whether its sum is that of all of them.
#include "gqa/Raise/Match.h"

using namespace mlir;

namespace gqa {

/// Places along the keys at which the scores go over to those of another product.
void Matcher::collectCuts(Expr expr, unsigned key, llvm::SetVector<AffineExpr> &cuts,
                          DenseSet<Expr> &visited) {
  expr = evaluator.peel(expr);
  if (!visited.insert(expr).second || expr->kind != ExprNode::Kind::Apply || expr->value)
    return;
  for (Expr operand : expr->operands)
    collectCuts(operand, key, cuts, visited);
  Expr condition = expr->isSelect() ? evaluator.peel(expr->operands[0]) : nullptr;
  if (!condition || condition->kind != ExprNode::Kind::Compare ||
      condition->comparison != ExprNode::Comparison::NotNegative)
    return;
  AffineExpr place = getAffineDimExpr(key, context.space.getContext());
  AffineExpr cut = context.space.simplify(condition->affine + place + 1);
  llvm::SetVector<Expr> before, behind;
  DenseSet<Expr> seenBefore, seenBehind;
  collectDots(expr->operands[1], key, before, seenBefore);
  collectDots(expr->operands[2], key, behind, seenBehind);
  if (cut.isSymbolicOrConstant() && !before.empty() && !behind.empty() && before != behind)
    cuts.insert(cut);
}

/// These places, the nearest first; none if their order is not known.
SmallVector<AffineExpr> Matcher::cutsOf(Expr scores, unsigned key) {
  products.clear();
  llvm::SetVector<AffineExpr> cuts;
  DenseSet<Expr> visited;
  collectCuts(scores, key, cuts, visited);
  SmallVector<AffineExpr> sorted;
  for (AffineExpr cut : cuts) {
    auto isBehind = [&](AffineExpr other) { return context.space.isNotNegative(other - cut); };
    auto place = llvm::find_if(sorted, isBehind);
    bool isKnown = llvm::all_of(ArrayRef<AffineExpr>(sorted.begin(), place),
                                [&](AffineExpr other) { return context.space.isNotNegative(cut - other); });
    if (!isKnown)
      return {};
    sorted.insert(place, cut);
  }
  return sorted;
}

/// Finds the sets whose exponentials `sum` adds up, one behind the other; what else is in it is a sink.
bool Matcher::placeIn(const Reduction &sum, MutableArrayRef<Part> parts) {
  AffineExpr place = context.space.constant(0), all = context.space.extentOf(sum.variable);
  if (sum.kind != Reduction::Kind::Sum || !all)
    return false;
  all = context.space.simplify(all);
  while (!context.sizes.areEqual(place, all)) {
    if (context.space.isNotNegative(place - all))
      return false;
    auto isHere = [&](Part &candidate) {
      Part trial = candidate;
      trial.begin = place, trial.total = all;
      current = &trial;
      bool isNext = !candidate.begin && sameOver(sum, trial.match.key, sum.body, trial.softmax.numerator);
      current = nullptr;
      return isNext;
    };
    auto next = llvm::find_if(parts, isHere);
    Part &first = parts.front();
    if (next != parts.end()) {
      next->begin = place, next->total = all;
      place = context.space.simplify(place + context.space.extentOf(next->match.key));
    } else if (addSink(context.substitute(sum.body, sum.variable, place), first.softmax, first.match)) {
      place = context.space.simplify(place + 1);
    } else {
      return false;
    }
  }
  return true;
}

/// Whether all sets are divided by the sum of the exponentials of all of them.
bool Matcher::placeParts(MutableArrayRef<Part> parts) {
  Part &first = parts.front();
  auto isSame = [&](Expr a, Expr b) {
    return a == b || (a && b && evaluator.expandAll(a) == evaluator.expandAll(b));
  };
  for (const Part &part : parts)
    if (!isSame(part.softmax.denominator, first.softmax.denominator)) // of softmaxes of their own
      return false;
  refusal->exponential = first.match.exponential;
  for (const Part &part : parts)
    if (part.softmax.factor != first.softmax.factor || !isSame(part.softmax.shift, first.softmax.shift))
      return refuse(first.match.exponential,
                    "what is subtracted from the scores is not the same for all sets of keys");
  SmallVector<Expr> sums = {first.softmax.denominator};
  bool isPlaced = true;
  while (!sums.empty() && isPlaced) {
    Expr root = evaluator.peelCasts(sums.pop_back_val());
    if (std::optional<Reduction> sum = evaluator.reduction(root))
      isPlaced = placeIn(*sum, parts);
    else if (root->isApply("arith.addf"))
      llvm::append_range(sums, root->operands);
    else
      isPlaced = addSink(root, first.softmax, first.match);
  }
  if (isPlaced && llvm::all_of(parts, [](const Part &part) { return part.begin; }))
    return true;
  return refuse(
      first.match.exponential,
      "the softmax does not run over the keys that the products with V contract together, each of them once");
}

} // namespace gqa
