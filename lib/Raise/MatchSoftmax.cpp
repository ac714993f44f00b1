// The softmax between the two contractions: exp(s - c) / sum exp(s - c), with any c that is the same for all
// keys, and in its forms of logarithms.
#include "gqa/Raise/Match.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace gqa {

bool Matcher::refuse(Operation *where, const Twine &reason) {
  if (refusal->reason.empty()) {
    refusal->where = where ? where : refusal->exponential; // a select that no operation wrote is nowhere
    refusal->reason = reason.str();
  }
  return false;
}

/// Whether both compute the same, in types that may differ: a sum may be in f64 where the rest is in f32.
static bool sameButCasts(Evaluator &evaluator, Expr a, Expr b, llvm::DenseSet<std::pair<Expr, Expr>> &known) {
  a = evaluator.peelCasts(a), b = evaluator.peelCasts(b);
  if (a == b || known.contains({a, b}))
    return true;
  if (std::optional<double> number = a->getNumber())
    return number == b->getNumber();
  bool sameKind = a->kind == ExprNode::Kind::Apply && b->kind == ExprNode::Kind::Apply && !a->value &&
                  !b->value && a->operands.size() == b->operands.size() && a->isSelect() == b->isSelect() &&
                  (a->isSelect() || (a->op->getName() == b->op->getName() &&
                                     a->op->getAttrDictionary() == b->op->getAttrDictionary()));
  if (!sameKind)
    return evaluator.expandAll(a) == evaluator.expandAll(b);
  for (auto [x, y] : llvm::zip_equal(a->operands, b->operands))
    if (!sameButCasts(evaluator, x, y, known))
      return false;
  known.insert({a, b});
  return true;
}

/// True if both variables run over as many values. Sizes of which nothing is known are taken to be the same.
bool Matcher::haveSameSize(unsigned a, unsigned b) {
  AffineExpr first = context.space.extentOf(a), second = context.space.extentOf(b);
  return context.space.sizeOf(a) == context.space.sizeOf(b) &&
         (!first || !second ||
          context.sizes.areEqual(context.space.simplify(first), context.space.simplify(second)));
}

/// True if `body`, a part of the reduction's body, is `expr` when the reduction stands at `variable`, or, of
/// one of several sets of keys, at its place in that set.
bool Matcher::sameOver(const Reduction &reduction, unsigned variable, Expr body, Expr expr) {
  AffineExpr replacement = getAffineDimExpr(variable, context.space.getContext());
  if (current) {
    AffineExpr all = context.space.extentOf(reduction.variable);
    if (!all || !context.sizes.areEqual(context.space.simplify(all), current->total))
      return false;
    replacement = current->begin + replacement;
  } else if (!haveSameSize(reduction.variable, variable)) {
    return false;
  }
  // What changes with the key while it is reduced: the diagonal would say nothing about it.
  if (dependsOn(body, variable))
    return false;
  body = context.substitute(body, reduction.variable, replacement);
  llvm::DenseSet<std::pair<Expr, Expr>> known;
  return body == expr || evaluator.expandAll(body) == evaluator.expandAll(expr) ||
         sameButCasts(evaluator, body, expr, known);
}

/// True if the value changes with the variable, as far as it can be told.
bool Matcher::follows(Expr expr, unsigned variable) {
  return dependsOn(expr, variable) && dependsOn(evaluator.expandAll(expr), variable);
}

/// The exponential in a numerator that is 0 for the keys that a mask hides, as a product with the mask or a
/// select; null if it is neither. What the mask leaves is `visible`.
Expr Matcher::unmask(Expr numerator, Expr &visible) {
  auto isExponential = [](Expr expr) { return expr->isApply("math.exp") || expr->isApply("math.exp2"); };
  if (numerator->isSelect() && evaluator.peelCasts(numerator->operands[2])->getNumber() == 0.0) {
    visible = numerator->operands[0];
    Expr e = evaluator.peelCasts(numerator->operands[1]);
    return isExponential(e) ? e : nullptr;
  }
  if (!numerator->isApply("arith.mulf"))
    return nullptr;
  for (unsigned side : {0, 1}) {
    Expr e = evaluator.peelCasts(numerator->operands[side]),
         mask = evaluator.peelCasts(numerator->operands[1 - side]);
    if (!isExponential(e) || !mask->isApply("arith.uitofp") || !mask->operands[0]->type.isInteger(1))
      continue;
    visible = mask->operands[0];
    return e;
  }
  return nullptr;
}

/// -inf for the keys that are not visible, if the scores are not hidden so already.
Expr Matcher::hide(Expr scores, Expr visible) {
  Expr root = evaluator.peelCasts(scores);
  if (root->isSelect() && evaluator.expandAll(root->operands[0]) == evaluator.expandAll(visible) &&
      evaluator.peelCasts(root->operands[2])->getNumber() == -std::numeric_limits<double>::infinity())
    return scores;
  auto type = cast<FloatType>(scores->type);
  APFloat none = APFloat::getInf(type.getFloatSemantics(), /*Negative=*/true);
  return context.select(visible, scores, context.constant(FloatAttr::get(type, none), type));
}

/// exp(s - c) or exp(s): s and c. Of several subtractions the innermost s is taken, as long as what is
/// subtracted is a maximum.
bool Matcher::matchNumerator(Softmax &softmax, Expr e) {
  softmax.factor = e->isApply("math.exp2") ? std::log(2.0) : 1.0;
  softmax.scores = e->operands[0];
  Expr argument = evaluator.peelCasts(e->operands[0]);
  if (argument->isApply("arith.subf")) {
    softmax.scores = argument->operands[0];
    softmax.shift = argument->operands[1];
  }
  return true;
}

/// What the logarithm is taken of, a sum of exponentials: the same with JAX's `abs` around it.
static Expr logarithmOf(Evaluator &evaluator, Expr log) {
  Expr sum = evaluator.peelCasts(log->operands[0]);
  return sum->isApply("math.absf") ? sum->operands[0] : log->operands[0];
}

/// exp(x - log(sum exp x)), where x may be a difference itself, and exp(s - (log(sum exp(s - c)) + c)): the
/// exponential and the sum.
bool Matcher::matchLogarithm(Softmax &softmax) {
  Expr e = evaluator.peelCasts(softmax.numerator);
  Expr argument = evaluator.peelCasts(e->operands[0]);
  if (!e->isApply("math.exp") || !argument->isApply("arith.subf"))
    return false;
  softmax.scores = argument->operands[0];
  Expr right = evaluator.peelCasts(argument->operands[1]);
  if (right->isApply("math.log")) {
    softmax.denominator = logarithmOf(evaluator, right);
    Expr difference = evaluator.peelCasts(argument->operands[0]);
    softmax.numerator = context.apply(e->op, {argument->operands[0]});
    if (difference->isApply("arith.subf")) {
      softmax.scores = difference->operands[0];
      softmax.shift = difference->operands[1];
    }
    return true;
  }
  if (!right->isApply("arith.addf"))
    return false;
  for (unsigned side : {0, 1}) {
    Expr log = evaluator.peelCasts(right->operands[side]);
    if (!log->isApply("math.log"))
      continue;
    softmax.denominator = logarithmOf(evaluator, log);
    softmax.shift = right->operands[1 - side];
    softmax.numerator =
        context.apply(e->op, {context.apply(argument->op, {argument->operands[0], softmax.shift})});
    return true;
  }
  return false;
}

/// Whether a maximum is somewhere in what is subtracted.
static bool mentionsMaximum(Evaluator &evaluator, Expr expr, DenseSet<Expr> &visited) {
  expr = evaluator.peel(expr);
  if (!visited.insert(expr).second)
    return false;
  if (expr->kind == ExprNode::Kind::Apply)
    return llvm::any_of(expr->operands,
                        [&](Expr operand) { return mentionsMaximum(evaluator, operand, visited); });
  std::optional<Reduction> reduction = evaluator.reduction(expr);
  return reduction && reduction->kind == Reduction::Kind::Max;
}

/// What is subtracted must be the same for all keys; whether it is the maximum decides what becomes of rows
/// without a key. `scores`: those of the softmax with what hides their exponentials.
bool Matcher::matchShift(const Softmax &softmax, Expr scores, AttentionMatch &match) {
  shift = Shift::None;
  if (!softmax.shift)
    return true;
  if (follows(softmax.shift, match.key))
    return refuse(match.exponential, "what is subtracted from the scores is not the same for all keys");
  std::optional<Reduction> maximum = evaluator.reduction(evaluator.peelCasts(softmax.shift));
  auto isMaximumOf = [&](Expr expr) {
    return maximum && maximum->kind == Reduction::Kind::Max &&
           sameOver(*maximum, match.key, maximum->body, expr);
  };
  // One over hidden keys as well may lie above all that is seen, and another mask's fill: no simple mean
  // then.
  bool exact = isMaximumOf(scores) || (isMaximumOf(softmax.scores) && !hidesKeys(evaluator, softmax.scores));
  shift = exact ? Shift::Maximum : Shift::Other;
  DenseSet<Expr> visited;
  if (!exact && !mentionsMaximum(evaluator, softmax.shift, visited))
    return refuse(match.exponential, "what is subtracted from the scores is not their maximum over the keys");
  return true;
}

bool Matcher::matchSoftmax(Expr probabilities, Expr denominator, AttentionMatch &match, Expr &scores) {
  Softmax softmax;
  softmax.numerator = probabilities;
  softmax.denominator = denominator;
  Expr e = evaluator.peelCasts(probabilities), visible = nullptr;
  if (Expr exponential = denominator ? unmask(e, visible) : nullptr)
    e = exponential;
  if (!e->isApply("math.exp") && !e->isApply("math.exp2"))
    return false;
  match.exponential = refusal->exponential = ownerOf(e);
  match.sink = nullptr;
  bool known = denominator ? matchNumerator(softmax, e) : matchLogarithm(softmax);
  if (!known)
    return false;
  if (!matchDenominator(softmax, match))
    return refuse(match.exponential,
                  "the softmax does not run over the keys that the product with V contracts: the "
                  "denominator is not the sum of the exponentials over them");
  scores = visible ? hide(softmax.scores, visible) : softmax.scores;
  return matchShift(softmax, scores, match) && matchScores(scores, softmax.factor, match);
}

} // namespace gqa
