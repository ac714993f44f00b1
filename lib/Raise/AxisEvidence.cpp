// What the expressions of an attention say of one variable: whether it counts queries, sequences or heads.
#include "AxisEvidence.h"
#include "gqa/Raise/IntegerForm.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace gqa {

void collectDivisors(AffineExpr expr, unsigned variable, llvm::SmallSet<int64_t, 4> &divisors) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return;
  auto divisor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  auto dim = dyn_cast<AffineDimExpr>(binary.getLHS());
  bool divides = expr.getKind() == AffineExprKind::FloorDiv || expr.getKind() == AffineExprKind::Mod;
  if (divides && divisor && dim && dim.getPosition() == variable)
    divisors.insert(divisor.getValue());
  collectDivisors(binary.getLHS(), variable, divisors);
  collectDivisors(binary.getRHS(), variable, divisors);
}

ArrayRef<Expr> sourceOf(ArrayRef<Expr> chain) { return chain.empty() ? chain : chain.take_back(); }

bool standTogether(ExprContext &context, ArrayRef<Expr> chain, unsigned outer, unsigned inner) {
  for (Expr element : chain)
    for (AffineExpr index : element->indices) {
      LinearForm form = LinearForm::of(index);
      int64_t innerSize = context.space.sizeOf(inner);
      AffineExpr outerExpr = getAffineDimExpr(outer, context.space.getContext());
      AffineExpr innerExpr = getAffineDimExpr(inner, context.space.getContext());
      int64_t step = form.coefficientOf(innerExpr); // 1, or more where head dimensions stand inside
      int64_t stride = form.coefficientOf(outerExpr);
      bool isNext =
          llvm::none_of(form.terms, [&](auto &term) { return term.second > step && term.second < stride; });
      if (step > 0 && !ShapedType::isDynamic(innerSize) && stride >= innerSize * step && stride % step == 0 &&
          isNext)
        return true;
    }
  return false;
}

bool areNeighbours(Expr element, unsigned outer, unsigned inner) {
  auto isDim = [](AffineExpr index, unsigned variable) {
    return index == getAffineDimExpr(variable, index.getContext());
  };
  for (size_t dim = 1; dim < element->indices.size(); ++dim)
    if (isDim(element->indices[dim - 1], outer) && isDim(element->indices[dim], inner))
      return true;
  return false;
}

/// Whether one element of a tensor follows both variables.
static bool holdsBoth(Expr expr, unsigned a, unsigned b) {
  return expr->isLoad()
             ? dependsOn(expr, a) && dependsOn(expr, b)
             : llvm::any_of(expr->operands, [&](Expr operand) { return holdsBoth(operand, a, b); });
}

/// Whether some comparison in `expr` is one of the variable with the key; what a mask holds for both says
/// nothing.
static bool relates(Evaluator &evaluator, Expr expr, unsigned key, unsigned variable,
                    DenseSet<Expr> &visited) {
  if (!expr->type.isInteger(1) || expr->isLoad() || !visited.insert(expr).second)
    return false;
  bool isComparison = llvm::none_of(expr->operands, [](Expr operand) { return operand->type.isInteger(1); });
  if (!isComparison)
    return llvm::any_of(expr->operands,
                        [&](Expr operand) { return relates(evaluator, operand, key, variable, visited); });
  bool single = evaluator.context.space.sizeOf(key) == 1; // nothing follows it
  return dependsOn(expr, variable) && (single || dependsOn(expr, key)) && !holdsBoth(expr, key, variable);
}

bool isPosition(Evaluator &evaluator, const AttentionMatch &match, unsigned variable) {
  DenseSet<Expr> visited;
  return llvm::any_of(match.conditions, [&](const Condition &condition) {
    return relates(evaluator, evaluator.expandAll(condition.expr), match.key, variable, visited);
  });
}

/// Whether some comparison in `expr` is one of the key with a number that is known for each value of the
/// variable.
static bool comparesKey(Evaluator &evaluator, Expr expr, unsigned key, unsigned variable,
                        DenseSet<Expr> &visited) {
  if (!expr->type.isInteger(1) || !visited.insert(expr).second)
    return false;
  if (auto form = matchNotNegative(evaluator, expr, /*negated=*/false))
    return (dependsOn(form->affine, key) || evaluator.context.space.sizeOf(key) == 1) &&
           llvm::any_of(form->data, [&](auto &entry) { return dependsOn(entry.first, variable); });
  return llvm::any_of(expr->operands,
                      [&](Expr operand) { return comparesKey(evaluator, operand, key, variable, visited); });
}

bool isSequence(Evaluator &evaluator, const AttentionMatch &match, unsigned variable) {
  DenseSet<Expr> visited;
  return llvm::any_of(match.conditions, [&](const Condition &condition) {
    return comparesKey(evaluator, evaluator.expandAll(condition.expr), match.key, variable, visited);
  });
}

bool isRepeated(Evaluator &evaluator, const AttentionMatch &match, unsigned variable) {
  return llvm::none_of(ArrayRef{match.k, match.v},
                       [&](Expr operand) { return dependsOn(evaluator.expandAll(operand), variable); });
}

bool isDivided(Evaluator &evaluator, Expr operand, unsigned variable) {
  llvm::SmallSet<int64_t, 4> divisors;
  if (operand->isLoad())
    for (AffineExpr index : evaluator.chain(operand).back()->indices)
      collectDivisors(index, variable, divisors);
  return !divisors.empty();
}

bool isCopy(ExprContext &context, Evaluator &evaluator, const AttentionMatch &match, unsigned variable) {
  if (!isRepeated(evaluator, match, variable))
    return false;
  bool inBoth = dependsOn(match.factoredK, variable) && dependsOn(match.v, variable);
  if (!inBoth || isPosition(evaluator, match, variable))
    return true;
  // As q comes: batched products hold batches and heads side by side.
  SmallVector<Expr> chain = evaluator.chain(match.q);
  return llvm::any_of(llvm::seq(context.space.numVariables()), [&](unsigned other) {
    return other != variable && dependsOn(match.k, other) &&
           standTogether(context, sourceOf(chain), other, variable);
  });
}

bool isBesideToken(Evaluator &evaluator, const AttentionMatch &match, unsigned row) {
  if (!match.q->isLoad() || !match.k->isLoad())
    return false;
  Expr q = evaluator.chain(match.q).back(), k = evaluator.chain(match.k).back();
  MLIRContext *context = evaluator.context.space.getContext();
  size_t place = llvm::find(k->indices, getAffineDimExpr(match.key, context)) - k->indices.begin();
  // Of a K with as many dimensions q's other one may be a head, with queries behind it.
  bool isToken = place > 0 && place < k->indices.size() && k->indices.size() < q->indices.size() &&
                 cast<ShapedType>(q->value.getType()).getDimSize(place) == 1;
  return isToken && llvm::is_contained(q->indices, getAffineDimExpr(row, context)) &&
         ArrayRef(q->indices).take_front(place) == ArrayRef(k->indices).take_front(place);
}

/// The factors of the nearest product in `expr` that is summed up and of which one factor has the head
/// dimension: that one first.
static std::optional<std::pair<Expr, Expr>> findProjection(Evaluator &evaluator, Expr expr, unsigned keyDim,
                                                           unsigned &budget) {
  if (budget == 0 || !dependsOn(expr, keyDim))
    return std::nullopt;
  --budget;
  Expr root = evaluator.peel(expr);
  std::optional<Reduction> sum = root->isLoad() ? evaluator.reduction(root) : std::nullopt;
  if (sum && sum->kind == Reduction::Kind::Sum) {
    Expr product = evaluator.peelCasts(sum->body);
    if (!product->isApply("arith.mulf"))
      return std::nullopt;
    // As they come: batched products hold copies of the weights.
    Expr a = evaluator.peelCasts(product->operands[0]), b = evaluator.peelCasts(product->operands[1]);
    if (dependsOn(a, keyDim) == dependsOn(b, keyDim))
      return std::nullopt;
    return dependsOn(a, keyDim) ? std::pair(a, b) : std::pair(b, a);
  }
  if (sum) // queries that are pooled
    return findProjection(evaluator, sum->body, keyDim, budget);
  for (Expr operand : root->operands) // norms, scales and rotations behind it
    if (auto found = findProjection(evaluator, operand, keyDim, budget))
      return found;
  return std::nullopt;
}

Projection projectionOf(Evaluator &evaluator, const AttentionMatch &match, unsigned variable) {
  constexpr unsigned kMostSteps = 64; // expressions to look at
  unsigned budget = kMostSteps;
  auto found = findProjection(evaluator, match.q, match.keyDim, budget);
  if (!found) { // queries that are learned, or given
    budget = kMostSteps;
    found = findProjection(evaluator, match.factoredK, match.keyDim, budget);
  }
  if (!found)
    return {};
  return {dependsOn(found->first, variable), dependsOn(found->second, variable)};
}

} // namespace gqa
