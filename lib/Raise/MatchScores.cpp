// From the scores in front of the softmax down to q times k: masks, biases, softcap, scale.
#include "gqa/Raise/Match.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;

namespace gqa {

bool isAbsorbing(double fill, Type type) {
  auto floatType = dyn_cast<FloatType>(type);
  if (!floatType || std::isnan(fill))
    return false;
  double largest = APFloat::getLargest(floatType.getFloatSemantics()).convertToDouble();
  return fill <= -0.6 * largest; // -inf, finfo.min, and the -0.7 max of JAX
}

/// Whether q times k is somewhere below: which operand of a sum is the score, and which is a mask.
bool Matcher::containsProduct(Expr expr) {
  expr = evaluator.peel(expr);
  if (expr->kind == ExprNode::Kind::Apply)
    return llvm::any_of(expr->operands, [&](Expr operand) { return containsProduct(operand); });
  std::optional<Reduction> reduction = evaluator.reduction(expr);
  return reduction && reduction->kind == Reduction::Kind::Sum && reduction->variables.size() == 1 &&
         evaluator.peelCasts(reduction->body)->isApply("arith.mulf");
}

/// `load * c` as load and c: how half of the scale ends up on q and on k.
static Expr takeFactor(Evaluator &evaluator, Expr load, double &scale) {
  for (Expr element : evaluator.chain(load)) {
    Expr computed = evaluator.expand(element);
    if (!computed || computed->isLoad())
      continue;
    if (!computed->isApply("arith.mulf") && !computed->isApply("arith.divf"))
      return load;
    std::optional<double> right = evaluator.peelCasts(computed->operands[1])->getNumber();
    std::optional<double> left = evaluator.peelCasts(computed->operands[0])->getNumber();
    if (computed->isApply("arith.divf") && right && *right != 0) {
      scale /= *right;
      return takeFactor(evaluator, computed->operands[0], scale);
    }
    if (!computed->isApply("arith.mulf") || bool(left) == bool(right))
      return load;
    scale *= left ? *left : *right;
    return takeFactor(evaluator, computed->operands[left ? 1 : 0], scale);
  }
  return load;
}

bool Matcher::matchProduct(Expr expr, const Reduction &product, AttentionMatch &match) {
  Expr body = evaluator.peelCasts(product.body);
  Expr a = body->operands[0], b = body->operands[1];
  while (a->isApply("arith.extf"))
    a = a->operands[0];
  while (b->isApply("arith.extf"))
    b = b->operands[0];
  if (!a->isLoad() || !b->isLoad())
    return refuse(product.op, "the factors of q times k are computed inside of the contraction");
  if (dependsOn(a, match.key))
    std::swap(a, b);
  if (dependsOn(a, match.key) || !dependsOn(b, match.key))
    return refuse(product.op, "both factors of the scores, or none, depend on the key");
  match.keyDim = product.variables[0];
  match.q = takeFactor(evaluator, a, match.scale);
  match.k = takeFactor(evaluator, b, match.scale);
  return true;
}

/// `cap * tanh(s / cap)`; the factor `cap` is in match.scale already, the walk being from the outside in.
bool Matcher::matchSoftcap(Expr tanh, AttentionMatch &match) {
  double cap = match.scale, inside = 1.0;
  if (match.softcap || cap <= 0)
    return refuse(tanh->op, "a tanh of the scores that is not softcap * tanh(s / softcap)");
  match.softcap = cap;
  match.scale = inside;
  inner = true;
  if (!matchScores(tanh->operands[0], match))
    return false;
  match.scale *= cap; // s / cap * cap: the scale of the scores before the cap
  return true;
}

bool Matcher::matchMasked(Expr select, AttentionMatch &match) {
  for (bool seenWhenTrue : {true, false}) {
    Expr score = select->operands[seenWhenTrue ? 1 : 2], other = select->operands[seenWhenTrue ? 2 : 1];
    std::optional<double> fill = evaluator.peelCasts(other)->getNumber();
    if (!fill)
      continue;
    if (!isAbsorbing(*fill, other->type) || inner)
      return refuse(select->op, "a mask that fills with " + llvm::formatv("{0}", *fill).str() +
                                    ", which does not hide a key: its probability is not 0");
    ++(std::isinf(*fill) ? infiniteFills : finiteFills);
    match.conditions.push_back({select->operands[0], !seenWhenTrue});
    return matchScores(score, match);
  }
  return refuse(select->op, "a select between two scores");
}

/// A term added to the scores: a mask if all its values are 0 or hide the key, else a bias.
bool Matcher::matchAdded(Expr term, AttentionMatch &match) {
  Expr root = evaluator.peelCasts(term);
  if (root->getNumber() == 0.0)
    return true;
  if (inner)
    return refuse(match.exponential, "a bias inside of a scale or a softcap");
  if (root->isSelect()) {
    std::optional<double> a = evaluator.peelCasts(root->operands[1])->getNumber();
    std::optional<double> b = evaluator.peelCasts(root->operands[2])->getNumber();
    for (auto [seen, hidden, negated] : {std::tuple(a, b, false), std::tuple(b, a, true)})
      if (seen == 0.0 && hidden && isAbsorbing(*hidden, root->type)) {
        ++(std::isinf(*hidden) ? infiniteFills : finiteFills);
        match.conditions.push_back({root->operands[0], negated});
        return true;
      }
  }
  if (root->isLoad()) {
    double fill = 0;
    if (auto conditions = matchConstantMask(context, root, match.rows, match.key, /*trueHides=*/false, fill)) {
      ++(std::isinf(fill) ? infiniteFills : finiteFills);
      for (Expr condition : *conditions)
        match.conditions.push_back({condition});
      return true;
    }
  }
  if (!term->isLoad())
    return refuse(match.exponential, "a bias that no tensor holds");
  match.biases.push_back(term);
  return true;
}

bool Matcher::matchScores(Expr expr, AttentionMatch &match) {
  expr = evaluator.peelCasts(expr);
  if (expr->isLoad()) {
    std::optional<Reduction> product = evaluator.reduction(expr);
    if (product && containsProduct(expr))
      return matchProduct(expr, *product, match);
    return refuse(match.exponential, "the scores are not a product of q and k");
  }
  if (expr->isSelect())
    return matchMasked(expr, match);
  if (expr->isApply("math.tanh"))
    return matchSoftcap(expr, match);
  bool isProduct = expr->isApply("arith.mulf"), isQuotient = expr->isApply("arith.divf");
  if (isProduct || isQuotient) {
    std::optional<double> left = evaluator.peelCasts(expr->operands[0])->getNumber();
    std::optional<double> right = evaluator.peelCasts(expr->operands[1])->getNumber();
    bool known = (isProduct && bool(left) != bool(right)) || (isQuotient && !left && right && *right != 0);
    if (!known)
      return refuse(expr->op, "the scores are multiplied by something that is not a constant");
    match.scale *= isQuotient ? 1 / *right : left ? *left : *right;
    bool outer = std::exchange(inner, true);
    bool matched = matchScores(expr->operands[left ? 1 : 0], match);
    inner = outer;
    return matched;
  }
  if (expr->isApply("arith.addf")) {
    bool first = containsProduct(expr->operands[0]);
    if (first && containsProduct(expr->operands[1]))
      return refuse(expr->op, "the scores are a sum of two products");
    return matchAdded(expr->operands[first ? 1 : 0], match) && matchScores(expr->operands[first ? 0 : 1], match);
  }
  return refuse(expr->op ? expr->op : match.exponential,
                Twine("'") + (expr->op ? expr->op->getName().getStringRef() : "select") +
                    "' on the scores is none of scale, softcap, bias and mask");
}

/// True if every row provably sees a key: key 0, or the key at the row's own position.
bool Matcher::isNeverDead(const AttentionMatch &match) {
  auto holdsAt = [&](AffineExpr witness) {
    return llvm::all_of(match.conditions, [&](const Condition &condition) {
      Expr seen = evaluator.expandAll(context.substitute(condition.expr, match.key, witness));
      return seen->getTruth() == !condition.negated;
    });
  };
  if (context.space.sizeOf(match.key) == 0)
    return false;
  if (holdsAt(context.space.constant(0)))
    return true;
  return llvm::any_of(match.rows, [&](unsigned row) {
    int64_t queries = context.space.sizeOf(row), keys = context.space.sizeOf(match.key);
    return !ShapedType::isDynamic(queries) && !ShapedType::isDynamic(keys) && queries <= keys &&
           holdsAt(getAffineDimExpr(row, context.space.getContext()));
  });
}

/// What rows without a key become: 0 if guarded, NaN after a fill of -inf, the mean after a finite one. Two finite fills
/// add up to -inf where they meet, and a bias may hide keys of its own: what such rows become is nothing simple.
bool Matcher::settleDeadRows(AttentionMatch &match) {
  if (match.biases.empty() && (match.conditions.empty() || isNeverDead(match))) {
    match.deadRow = DeadRow::Zero;
    return true;
  }
  if (finiteFills == 0)
    return true; // NaN, or 0 behind a guard, as matched
  if (finiteFills > 1 || infiniteFills > 0 || !match.biases.empty())
    return refuse(match.exponential, "rows that see no key would depend on how several masks add up");
  match.deadRow = DeadRow::Uniform;
  return true;
}

std::optional<AttentionMatch> Matcher::match(linalg::LinalgOp product, Refusal &why) {
  refusal = &why;
  inner = false;
  finiteFills = infiniteFills = 0;
  if (product->getNumResults() != 1 || !isa<RankedTensorType>(product->getResult(0).getType()))
    return std::nullopt;
  AttentionMatch match;
  match.product = product;
  SmallVector<AffineExpr> coordinates;
  for (int64_t size : cast<RankedTensorType>(product->getResult(0).getType()).getShape()) {
    coordinates.push_back(context.space.addVariable(size));
    match.rows.push_back(context.space.numVariables() - 1);
  }
  Expr output = context.load(product->getResult(0), coordinates);
  std::optional<Reduction> reduction = evaluator.reduction(output);
  if (!reduction || reduction->kind != Reduction::Kind::Sum || reduction->variables.size() != 1)
    return std::nullopt;
  match.key = reduction->variables[0];
  Expr body = reduction->body;
  while (body->isApply("arith.extf") || body->isApply("arith.truncf"))
    body = body->operands[0];
  if (!body->isApply("arith.mulf"))
    return std::nullopt;
  for (unsigned side : {0, 1}) {
    Expr probabilities = body->operands[side], v = body->operands[1 - side], scores = nullptr;
    while (v->isApply("arith.extf"))
      v = v->operands[0];
    if (!v->isLoad() || !matchSoftmax(probabilities, match, scores))
      continue;
    match.v = v;
    if (!matchScores(scores, match))
      return std::nullopt;
    if (!settleDeadRows(match))
      return std::nullopt;
    return match;
  }
  return std::nullopt;
}

} // namespace gqa
