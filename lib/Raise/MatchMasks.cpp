// Masks around the scores: selects of, and additions of, numbers that hide a key.
#include "gqa/Raise/ConstantMask.h"
#include "gqa/Raise/Match.h"
#include "gqa/Raise/Truth.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/APFloat.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace gqa {

double largestOf(Type type) {
  auto floatType = dyn_cast<FloatType>(type);
  if (!floatType || floatType.getIntOrFloatBitWidth() > 64)
    return std::numeric_limits<double>::infinity();
  return APFloat::getLargest(floatType.getFloatSemantics()).convertToDouble();
}

bool isAbsorbing(double fill, Type type, double least) {
  if (!isa<FloatType>(type) || std::isnan(fill))
    return false;
  // -inf, finfo.min, and the -0.7 max of JAX; where exponents are as wide as f32's, whatever is far enough.
  return fill <= -std::min(0.6 * largestOf(type), least);
}

static bool isOnlyInMod(AffineExpr expr, unsigned variable) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary || expr.getKind() == AffineExprKind::Mod)
    return binary || !dependsOn(expr, variable);
  return isOnlyInMod(binary.getLHS(), variable) && isOnlyInMod(binary.getRHS(), variable);
}

/// Whether the expression follows the variable, and only in a part of it, `i mod n`: there are several rows
/// of queries in one dimension.
static bool followsPart(Expr expr, unsigned variable) {
  if (!dependsOn(expr, variable))
    return false;
  auto isPart = [&](AffineExpr affine) { return isOnlyInMod(affine, variable); };
  return (!expr->affine || isPart(expr->affine)) && llvm::all_of(expr->indices, isPart) &&
         llvm::all_of(expr->operands, [&](Expr operand) {
           return !dependsOn(operand, variable) || followsPart(operand, variable);
         });
}

/// A condition, by comparisons if constants spell them out.
void Matcher::addCondition(Condition condition, AttentionMatch &match, Masks &masks) {
  auto constant = matchConstantMask(evaluator, condition.expr, match.rows, match.key, condition.negated);
  if (constant && !constant->isWhole) // bounds of a part are read where the parts are known
    if (Expr expanded = evaluator.expandAll(condition.expr);
        llvm::any_of(match.rows, [&](unsigned row) { return followsPart(expanded, row); }))
      constant.reset();
  if (constant)
    for (Expr comparison : constant->comparisons)
      masks.conditions.push_back({comparison});
  if (!constant || !constant->isWhole)
    masks.conditions.push_back(condition);
}

/// The larger of `expr` and a number below every score, by a maximum or a select: `expr`.
static Expr takeClamp(Evaluator &evaluator, Expr root) {
  bool isMaximum = root->isApply("arith.maximumf") || root->isApply("arith.maxnumf");
  if (!isMaximum && !root->isSelect())
    return nullptr;
  Expr first = root->operands[isMaximum ? 0 : 1], second = root->operands[isMaximum ? 1 : 2];
  if (!isMaximum) {
    Expr condition = evaluator.peel(root->operands[0]);
    auto compare = condition->op ? dyn_cast<arith::CmpFOp>(condition->op) : nullptr;
    using Predicate = arith::CmpFPredicate;
    bool isGreater =
        compare && (compare.getPredicate() == Predicate::OGT || compare.getPredicate() == Predicate::OGE);
    if (!isGreater || evaluator.expandAll(condition->operands[0]) != evaluator.expandAll(first) ||
        evaluator.expandAll(condition->operands[1]) != evaluator.expandAll(second))
      return nullptr;
  }
  for (auto [expr, bound] : {std::pair(first, second), std::pair(second, first)}) {
    std::optional<double> number = evaluator.peelCasts(bound)->getNumber();
    if (number && isAbsorbing(*number, root->type))
      return expr;
  }
  return nullptr;
}

/// `expr` without the masks that apply to all of it, which are added to `masks`; of the same type.
Expr Matcher::stripMasks(Expr expr, AttentionMatch &match, Masks &masks) {
  Expr root = evaluator.peel(expr);
  if (root == match.dot) // whose terms, if it is a sum of two products, are no masks
    return expr;
  narrowest = std::min(narrowest, largestOf(root->type));
  auto stripOperand = [&](unsigned which) {
    SmallVector<Expr, 3> operands(root->operands);
    operands[which] = stripMasks(operands[which], match, masks);
    return context.rebuild(root, operands);
  };
  if (Evaluator::withoutCasts(root) != root)
    return stripOperand(0);
  if (Expr inner = takeClamp(evaluator, root)) {
    clamped = true;
    return stripMasks(inner, match, masks);
  }
  if (root->isSelect()) {
    for (bool seenWhenTrue : {true, false}) {
      Expr score = root->operands[seenWhenTrue ? 1 : 2], other = root->operands[seenWhenTrue ? 2 : 1];
      std::optional<double> fill = evaluator.peelCasts(other)->getNumber();
      if (!fill || !isAbsorbing(*fill, other->type, leastFill) || !containsDot(score, match.key))
        continue;
      addCondition({root->operands[0], !seenWhenTrue}, match, masks);
      masks.fills.emplace_back(*fill, false);
      return stripMasks(score, match, masks);
    }
    return expr;
  }
  // A positive factor of a mask leaves it one.
  if (root->isApply("arith.mulf") || root->isApply("arith.divf")) {
    unsigned side = containsDot(root->operands[0], match.key) ? 0 : 1;
    std::optional<double> number = evaluator.peelCasts(root->operands[1 - side])->getNumber();
    bool isQuotient = root->isApply("arith.divf");
    constexpr double kModerate = 1e4; // a fill times it still hides
    if (!number || *number < 1 / kModerate || *number > kModerate || (isQuotient && side == 1))
      return expr;
    Masks before = masks;
    Expr stripped = stripOperand(side);
    for (auto &[fill, isAdded] : MutableArrayRef(masks.fills).drop_front(before.fills.size())) {
      double scaled = isQuotient ? fill / *number : fill * *number;
      if (-fill >= kBelowScores && -scaled < kBelowScores) { // a number like others
        masks = before;
        return expr;
      }
      fill = -scaled > largestOf(root->type) ? -std::numeric_limits<double>::infinity() : scaled;
    }
    return stripped;
  }
  if (!root->isApply("arith.addf"))
    return expr;
  unsigned side = containsDot(root->operands[0], match.key) ? 0 : 1;
  if (containsDot(root->operands[1 - side], match.key))
    return expr;
  Expr term = stripTerm(root->operands[1 - side], match, masks);
  Expr rest = stripMasks(root->operands[side], match, masks);
  if (!term)
    return rest;
  return side == 0 ? context.rebuild(root, {rest, term}) : context.rebuild(root, {term, rest});
}

/// A term added to the scores without the masks in it; null if nothing else is in it.
Expr Matcher::stripTerm(Expr term, AttentionMatch &match, Masks &masks) {
  if (takeMask(term, match, masks))
    return nullptr;
  Expr root = evaluator.peel(term);
  if (termsLeft == 0)
    return term;
  if (root->isSelect())
    for (bool seenWhenTrue : {true, false}) {
      Expr rest = root->operands[seenWhenTrue ? 1 : 2], other = root->operands[seenWhenTrue ? 2 : 1];
      std::optional<double> fill = evaluator.peelCasts(other)->getNumber();
      if (!fill || !isAbsorbing(*fill, root->type, leastFill))
        continue;
      addCondition({root->operands[0], !seenWhenTrue}, match, masks);
      masks.fills.emplace_back(*fill, true);
      return stripTerm(rest, match, masks);
    }
  if (!root->isApply("arith.addf"))
    return term;
  size_t before = masks.conditions.size();
  Expr left = stripTerm(root->operands[0], match, masks), right = stripTerm(root->operands[1], match, masks);
  if (!left || !right)
    return left ? left : right;
  return masks.conditions.size() == before ? term : context.rebuild(root, {left, right});
}

/// 0 where i1s say so and absorbing where one does not, by whatever arithmetic: `(1 - float(seen)) * min`.
bool Matcher::takeTruth(Expr term, AttentionMatch &match, Masks &masks) {
  std::optional<OfTruth> found = matchOfTruth(evaluator, term);
  if (!found) {
    auto hides = [&](double number) { return isAbsorbing(number, term->type, leastFill); };
    std::optional<Decided> part = matchDecided(evaluator, term, hides);
    if (!part || !takeMask(part->rest, match, masks))
      return false;
    addCondition({part->truth, /*negated=*/part->value}, match, masks);
    masks.fills.emplace_back(part->number, true);
    return true;
  }
  for (auto [seen, hidden, negated] : {std::tuple(found->whenTrue, found->whenFalse, false),
                                       std::tuple(found->whenFalse, found->whenTrue, true)})
    if (seen == 0.0 && isAbsorbing(hidden, term->type, leastFill)) {
      addCondition({found->truth, negated}, match, masks);
      masks.fills.emplace_back(hidden, true);
      return true;
    }
  return false;
}

/// True, with its conditions added to `masks`, if all values of `term` are 0 or hide the key.
bool Matcher::takeMask(Expr term, AttentionMatch &match, Masks &masks) {
  if (termsLeft == 0)
    return false;
  --termsLeft;
  Expr root = evaluator.peelCasts(term);
  if (root->getNumber() == 0.0)
    return true;
  Masks found = masks;
  auto done = [&] {
    masks = found;
    return true;
  };
  if (root->isSelect())
    for (bool seenWhenTrue : {true, false}) {
      Expr rest = root->operands[seenWhenTrue ? 1 : 2], other = root->operands[seenWhenTrue ? 2 : 1];
      std::optional<double> fill = evaluator.peelCasts(other)->getNumber();
      if (!fill || !isAbsorbing(*fill, root->type, leastFill) || !takeMask(rest, match, found))
        continue;
      addCondition({root->operands[0], !seenWhenTrue}, match, found);
      found.fills.emplace_back(*fill, true);
      return done();
    }
  if (root->isApply("arith.addf") || root->isApply("arith.minimumf"))
    if (takeMask(root->operands[0], match, found) && takeMask(root->operands[1], match, found))
      return done();
  if (takeTruth(root, match, masks))
    return true;
  auto constant = matchConstantMask(evaluator, root, match.rows, match.key, /*trueHides=*/false, leastFill);
  if (!constant)
    return false;
  if (constant->isWhole && constant->fill != 0)
    masks.fills.emplace_back(constant->fill, true);
  bool isImplied = !constant->isWhole && std::isfinite(constant->fill);
  for (Expr comparison : constant->comparisons)
    (isImplied ? masks.implied : masks.conditions).push_back({comparison});
  return constant->isWhole;
}

} // namespace gqa
