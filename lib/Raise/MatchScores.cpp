// From the scores in front of the softmax down to q times k: masks, biases, softcap, scale; what is none of
// them stays an expression.
#include "gqa/Raise/Match.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;

namespace gqa {

/// `cap * tanh(s / cap)`; the factor `cap` is in match.scale already, the walk being from the outside in.
bool Matcher::matchSoftcap(Expr tanh, AttentionMatch &match) {
  double cap = match.scale;
  if (match.softcap || match.scaleValue || cap <= 0)
    return false;
  match.softcap = cap;
  match.scale = 1.0;
  if (!matchTerms(tanh->operands[0], match))
    return false;
  match.scale *= cap; // s / cap * cap: the scale of the scores before the cap
  return true;
}

/// A factor of all scores: a number, or one number known at run time.
bool Matcher::matchFactor(Expr expr, AttentionMatch &match) {
  bool isQuotient = expr->isApply("arith.divf");
  bool first = containsDot(expr->operands[0], match.key);
  if ((isQuotient && !first) || (first && containsDot(expr->operands[1], match.key)))
    return false;
  Expr factor = expr->operands[first ? 1 : 0], rest = expr->operands[first ? 0 : 1];
  if (std::optional<double> number = evaluator.peelCasts(factor)->getNumber()) {
    if (isQuotient && *number == 0)
      return false;
    match.scale *= isQuotient ? 1 / *number : *number;
    return matchTerms(rest, match);
  }
  Expr value = evaluator.expandAll(factor);
  auto varies = [&](Expr expr) {
    return dependsOn(expr, match.key) ||
           llvm::any_of(match.rows, [&](unsigned row) { return dependsOn(expr, row); });
  };
  if (varies(value) || match.scaleValue)
    return false;
  match.scaleValue = varies(factor) ? value : factor; // of copies of one number, that number
  match.scaleDivides = isQuotient;
  return matchTerms(rest, match);
}

/// Scale, softcap and biases around the product; false if there is anything else, or in another order.
bool Matcher::matchTerms(Expr expr, AttentionMatch &match) {
  expr = evaluator.peelCasts(expr);
  if (expr == match.dot)
    return true;
  if (expr->isApply("math.tanh"))
    return matchSoftcap(expr, match);
  if (expr->isApply("arith.mulf") || expr->isApply("arith.divf"))
    return matchFactor(expr, match);
  if (expr->isApply("arith.negf")) {
    match.scale = -match.scale;
    return matchTerms(expr->operands[0], match);
  }
  if (!expr->isApply("arith.addf"))
    return false;
  bool first = containsDot(expr->operands[0], match.key);
  Expr term = expr->operands[first ? 1 : 0], rest = expr->operands[first ? 0 : 1];
  Expr root = evaluator.peelCasts(term);
  if (root->getNumber() == 0.0)
    return matchTerms(rest, match);
  // Constant factors outside are the bias's as well; of a cap, or of a factor at run time, it is no part.
  if (match.softcap || match.scaleValue || (first && containsDot(term, match.key)))
    return false;
  match.biases.push_back({term, match.scale});
  return matchTerms(rest, match);
}

/// How much of the score is plain: the largest expression, of those that all of the score is one of, that
/// scale, softcap and biases explain. Where masks are left in the score, biases are as well: what both round
/// to is the graph's. False if the product is not found on the way.
bool Matcher::matchPlain(AttentionMatch &match, bool withBiases) {
  Expr expr = evaluator.peelCasts(match.score);
  while (expr != match.dot) {
    AttentionMatch trial = match;
    if (matchTerms(expr, trial) && (withBiases || trial.biases.empty())) {
      match = trial;
      break;
    }
    Expr next = nullptr;
    for (Expr operand : expr->operands) {
      if (!containsDot(operand, match.key))
        continue;
      operand = evaluator.peelCasts(operand);
      if (next && next != operand) { // several expressions of the product
        match.plain = match.dot;
        return true;
      }
      next = operand;
    }
    if (!next)
      return false;
    expr = next;
  }
  match.plain = expr;
  return true;
}

/// `x - max x`, which the softmax does not see; the sink, if there is one, is shifted alike.
static Expr takeShift(Evaluator &evaluator, Expr scores, AttentionMatch &match) {
  while (true) {
    Expr root = evaluator.peelCasts(scores);
    if (!root->isApply("arith.subf") || dependsOn(evaluator.expandAll(root->operands[1]), match.key))
      return scores;
    Expr right = evaluator.peelCasts(root->operands[1]);
    std::optional<Reduction> maximum = evaluator.reduction(right);
    if (!maximum || maximum->kind != Reduction::Kind::Max)
      return scores;
    if (match.sink) {
      Expr sink = evaluator.peelCasts(match.sink);
      if (!sink->isApply("arith.subf") ||
          evaluator.expandAll(evaluator.peelCasts(sink->operands[1])) != evaluator.expandAll(right))
        return scores;
      match.sink = sink->operands[0];
    }
    scores = root->operands[0];
  }
}

/// The scores without their masks, numbers from `least` on taken for such. False if what rows that see no key
/// become is nothing that `dead_row` can say.
bool Matcher::matchMasked(Expr scores, double factor, double least, const AttentionMatch &match,
                          AttentionMatch &plain, Masks &masks, bool &isFound) {
  constexpr unsigned kMostTerms = 256;
  termsLeft = kMostTerms;
  leastFill = least;
  llvm::SaveAndRestore keepClamped(clamped);
  llvm::SaveAndRestore keepNarrowest(narrowest);
  masks = {};
  plain = match;
  Expr stripped = stripMasks(scores, plain, masks);
  plain.conditions = masks.conditions;
  plain.scale = factor;
  isFound = true;
  if (AttentionMatch terms = plain; matchTerms(stripped, terms)) {
    plain = terms;
  } else { // kept as it stands, without the masks around it
    plain.scale = match.scale;
    plain.score = stripped;
    isFound = matchPlain(plain, /*withBiases=*/true);
  }
  bool isModerate = llvm::any_of(
      masks.fills, [](auto &entry) { return -entry.first >= kBelowScores && -entry.first < kBeyondScores; });
  if (isModerate && // else a bias may lift what is hidden, or hide what is not
      (plain.score || llvm::any_of(plain.biases, [&](const Bias &bias) { return mayHide(bias.expr); })))
    return false;
  return settleDeadRows(plain, masks);
}

bool Matcher::matchScores(Expr scores, double factor, AttentionMatch &match) {
  products.clear();
  if (!current) // other sets of keys are not shifted with this one
    scores = takeShift(evaluator, scores, match);
  llvm::SetVector<Expr> dots;
  DenseSet<Expr> visited;
  collectDots(scores, match.key, dots, visited);
  if (dots.empty())
    return refuse(match.exponential, "the scores are not a product of q and k");
  match.dot = joinDots(scores, dots, match);
  products.clear(); // of several products the first is q times k, the others are biases
  for (Expr other : dots)
    products[other] = other == match.dot;
  products[match.dot] = true;
  Masks masks;
  AttentionMatch plain;
  bool isFound = true;
  // A merge of several sets tells rows that see no key by how far below 0 their sums are.
  double least = current ? kBeyondScores : kBelowScores;
  if (!matchMasked(scores, factor, least, match, plain, masks, isFound) &&
      !matchMasked(scores, factor, kBeyondScores, match, plain, masks, isFound)) {
    if (shift == Shift::Other)
      return refuse(match.exponential,
                    "rows that see no key would depend on what is subtracted from the scores");
    // Kept with its masks: what rows without a key become is nothing simpler than what the graph says.
    plain = match;
    plain.score = scores;
    isFound = matchPlain(plain, /*withBiases=*/false);
    plain.deadRow = guarded ? DeadRow::Zero : DeadRow::NaN;
  }
  if (!isFound)
    return refuse(match.exponential, "q times k is not found in what the scores are computed of");
  addImplied(plain, masks);
  if (plain.score && factor != 1.0)
    return refuse(match.exponential, "an exponential of base 2 of something that is not a scaled product");
  match = plain;
  return matchDot(match);
}

} // namespace gqa
