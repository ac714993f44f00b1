// From the scores in front of the softmax down to q times k: masks, biases, softcap, scale; what is none of
// them stays an expression.
#include "gqa/Raise/Match.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace gqa {

/// A sum of products, one factor of which follows the key.
bool Matcher::isDot(Expr load, unsigned key) {
  std::optional<Reduction> reduction = load->isLoad() ? evaluator.reduction(load) : std::nullopt;
  if (!reduction || reduction->kind != Reduction::Kind::Sum)
    return false;
  Expr body = evaluator.peelCasts(reduction->body);
  if (!body->isApply("arith.mulf"))
    return false;
  bool single = context.space.sizeOf(key) == 1; // nothing follows it
  return single || follows(body->operands[0], key) != follows(body->operands[1], key);
}

/// Whether q times k is somewhere below: which operand of a sum is the score, and which is a mask.
bool Matcher::containsDot(Expr expr, unsigned key) {
  expr = evaluator.peel(expr);
  auto [known, isNew] = products.try_emplace(expr, false);
  if (!isNew)
    return known->second;
  bool contains = expr->kind == ExprNode::Kind::Apply && !expr->value
                      ? llvm::any_of(expr->operands, [&](Expr operand) { return containsDot(operand, key); })
                      : isDot(expr, key);
  return products[expr] = contains;
}

/// The products of q and k in `expr`, left to right.
void Matcher::collectDots(Expr expr, unsigned key, llvm::SetVector<Expr> &dots, DenseSet<Expr> &visited) {
  expr = evaluator.peel(expr);
  if (!visited.insert(expr).second || !containsDot(expr, key))
    return;
  if (expr->isLoad())
    dots.insert(expr);
  for (Expr operand : expr->operands)
    collectDots(operand, key, dots, visited);
}

/// `x * c` as x and c: how half of the scale ends up on q and on k.
static Expr takeFactor(Evaluator &evaluator, Expr expr, double &scale) {
  SmallVector<Expr> chain = expr->isLoad() ? evaluator.chain(expr) : SmallVector<Expr>{expr};
  for (Expr element : chain) {
    Expr computed = element->isLoad() ? evaluator.expand(element) : Evaluator::withoutCasts(element);
    if (!computed || computed->isLoad())
      continue;
    bool isProduct = computed->isApply("arith.mulf"), isQuotient = computed->isApply("arith.divf");
    if (!isProduct && !isQuotient)
      return expr;
    std::optional<double> left = evaluator.peelCasts(computed->operands[0])->getNumber();
    std::optional<double> right = evaluator.peelCasts(computed->operands[1])->getNumber();
    bool known = isProduct ? bool(left) != bool(right) : !left && right && *right != 0;
    Expr scaled = Evaluator::withoutCasts(computed->operands[left ? 1 : 0]);
    if (!known)
      return expr;
    scale *= isQuotient ? 1 / *right : left ? *left : *right;
    return takeFactor(evaluator, scaled, scale);
  }
  return expr;
}

/// Which of two factors is k: the one that follows the key; of a single key the one that follows fewer rows.
bool Matcher::isKey(Expr a, Expr b, const AttentionMatch &match) {
  if (context.space.sizeOf(match.key) != 1)
    return follows(a, match.key);
  auto count = [&](Expr expr) {
    return llvm::count_if(match.rows, [&](unsigned row) { return follows(expr, row); });
  };
  return count(a) < count(b);
}

/// q and k of the product, and the constants that multiply them.
bool Matcher::matchDot(AttentionMatch &match) {
  Reduction product = *evaluator.reduction(match.dot);
  Expr body = evaluator.peelCasts(product.body);
  Expr a = Evaluator::withoutCasts(body->operands[0]), b = Evaluator::withoutCasts(body->operands[1]);
  if (isKey(a, b, match))
    std::swap(a, b);
  match.keyDim = product.variable;
  match.q = takeFactor(evaluator, a, match.scale);
  match.factoredK = b;
  match.k = takeFactor(evaluator, b, match.scale);
  return true;
}

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
  bool isUniform = dependsOn(value, match.key) ||
                   llvm::any_of(match.rows, [&](unsigned row) { return dependsOn(value, row); });
  if (isUniform || match.scaleValue)
    return false;
  match.scaleValue = factor;
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
/// to is the graph's.
void Matcher::matchPlain(AttentionMatch &match, bool withBiases) {
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
        return;
      }
      next = operand;
    }
    if (!next)
      break;
    expr = next;
  }
  match.plain = expr;
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

bool Matcher::matchScores(Expr scores, double factor, AttentionMatch &match) {
  constexpr unsigned kMostTerms = 256;
  termsLeft = kMostTerms;
  products.clear();
  scores = takeShift(evaluator, scores, match);
  llvm::SetVector<Expr> dots;
  DenseSet<Expr> visited;
  collectDots(scores, match.key, dots, visited);
  if (dots.empty())
    return refuse(match.exponential, "the scores are not a product of q and k");
  match.dot = dots.front();
  products.clear(); // of several products the first is q times k, the others are biases
  for (Expr other : ArrayRef(dots.getArrayRef()).drop_front())
    products[other] = false;
  Masks masks;
  Expr stripped = stripMasks(scores, match, masks);
  AttentionMatch plain = match;
  plain.conditions = masks.conditions;
  plain.scale = factor;
  bool known = matchTerms(stripped, plain);
  if (!known) { // kept as it stands, without the masks around it
    plain = match;
    plain.conditions = masks.conditions;
    plain.score = stripped;
    matchPlain(plain, /*withBiases=*/true);
  }
  if (!settleDeadRows(plain, masks)) {
    if (shift == Shift::Other)
      return refuse(match.exponential,
                    "rows that see no key would depend on what is subtracted from the scores");
    // Kept with its masks: what rows without a key become is nothing simpler than what the graph says.
    plain = match;
    plain.score = scores;
    matchPlain(plain, /*withBiases=*/false);
    plain.deadRow = guarded ? DeadRow::Zero : DeadRow::NaN;
  }
  addImplied(plain, masks);
  if (plain.score && factor != 1.0)
    return refuse(match.exponential, "an exponential of base 2 of something that is not a scaled product");
  match = plain;
  return matchDot(match);
}

} // namespace gqa
