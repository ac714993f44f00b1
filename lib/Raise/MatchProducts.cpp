// The products of q and k: where they are in the scores, which factor is which, and what two of them are
// together.
#include "gqa/Raise/Match.h"

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

/// q and k of one product, over `keyDim`, and the constants that multiply them.
Matcher::Factors Matcher::factorsOf(Expr dot, const AttentionMatch &match) {
  Reduction product = *evaluator.reduction(dot);
  Expr body = evaluator.peelCasts(product.body);
  Factors factors;
  factors.dot = dot;
  factors.q = Evaluator::withoutCasts(body->operands[0]);
  factors.factoredK = Evaluator::withoutCasts(body->operands[1]);
  if (isKey(factors.q, factors.factoredK, match))
    std::swap(factors.q, factors.factoredK);
  factors.keyDim = product.variable;
  factors.q = takeFactor(evaluator, factors.q, factors.scale);
  factors.k = takeFactor(evaluator, factors.factoredK, factors.scale);
  return factors;
}

/// The two terms of a sum as products with constant factors; without q and k if a term is none.
std::pair<Matcher::Factors, Matcher::Factors> Matcher::partsOf(Expr sum, const AttentionMatch &match) {
  auto partOf = [&](Expr term) {
    double scale = 1.0;
    Expr dot = evaluator.peelCasts(takeFactor(evaluator, term, scale));
    Factors factors = isDot(dot, match.key) ? factorsOf(dot, match) : Factors();
    factors.scale *= scale;
    return factors;
  };
  return {partOf(sum->operands[0]), partOf(sum->operands[1])};
}

/// Whether two products are one over both of their head dimensions, as multi-head latent attention has them
/// for what is rotated and what is not. Of one K there would be two copies.
bool Matcher::areParts(const Factors &a, const Factors &b, const AttentionMatch &match) {
  auto isStatic = [&](const Factors &factors) {
    return !ShapedType::isDynamic(context.space.sizeOf(factors.keyDim));
  };
  auto isOfKeys = [&](Expr k, Expr other) { // a bias by relative positions follows the query
    return llvm::all_of(match.rows, [&](unsigned row) {
      return !follows(k, row) || follows(other, row) || follows(match.v, row);
    });
  };
  AffineExpr d = getAffineDimExpr(a.keyDim, context.space.getContext());
  bool isOneK = context.space.sizeOf(a.keyDim) == context.space.sizeOf(b.keyDim) &&
                evaluator.expandAll(context.substitute(b.k, b.keyDim, d)) == evaluator.expandAll(a.k);
  return isStatic(a) && isStatic(b) && a.scale == b.scale && a.q->type == b.q->type &&
         a.k->type == b.k->type && !isOneK && isOfKeys(a.k, b.k) && isOfKeys(b.k, a.k);
}

/// The sum of the first product and another one right beside it, if they are parts of one; else the first.
Expr Matcher::joinDots(Expr scores, const llvm::SetVector<Expr> &dots, const AttentionMatch &match) {
  for (Expr expr = evaluator.peelCasts(scores); expr->kind == ExprNode::Kind::Apply && !expr->value;) {
    Expr next = nullptr;
    for (Expr operand : expr->operands)
      if (!next && containsDot(operand, match.key))
        next = evaluator.peelCasts(operand);
    if (!next)
      break;
    if (expr->isApply("arith.addf")) {
      auto [a, b] = partsOf(expr, match);
      if (dots.contains(a.dot) && dots.contains(b.dot) && a.dot != b.dot)
        return areParts(a, b, match) ? expr : dots.front();
    }
    expr = next;
  }
  return dots.front();
}

/// q and k of the product, or of the sum of two.
bool Matcher::matchDot(AttentionMatch &match) {
  if (match.dot->isLoad()) {
    Factors factors = factorsOf(match.dot, match);
    match.keyDim = factors.keyDim;
    match.q = factors.q, match.k = factors.k, match.factoredK = factors.factoredK;
    match.scale *= factors.scale;
    return true;
  }
  std::pair<Factors, Factors> parts = partsOf(match.dot, match);
  const Factors &a = parts.first, &b = parts.second;
  AffineExpr first = context.space.extentOf(a.keyDim);
  AffineExpr d = context.space.addVariable(context.space.simplify(first + context.space.extentOf(b.keyDim)));
  auto join = [&](Expr left, Expr right) {
    return context.select(context.compare(ExprNode::Comparison::NotNegative, first - 1 - d),
                          context.substitute(left, a.keyDim, d),
                          context.substitute(right, b.keyDim, d - first));
  };
  match.keyDim = context.space.numVariables() - 1;
  match.q = join(a.q, b.q);
  match.k = join(a.k, b.k);
  match.factoredK = join(a.factoredK, b.factoredK);
  match.scale *= a.scale;
  return true;
}

} // namespace gqa
