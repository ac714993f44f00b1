// From the scores in front of the softmax down to q times k: masks, biases, softcap, scale.
#include "gqa/Raise/Match.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace gqa {

/// The largest finite number of a float type; infinity for any other type.
static double largestOf(Type type) {
  auto floatType = dyn_cast<FloatType>(type);
  if (!floatType || floatType.getIntOrFloatBitWidth() > 64)
    return std::numeric_limits<double>::infinity();
  return APFloat::getLargest(floatType.getFloatSemantics()).convertToDouble();
}

bool isAbsorbing(double fill, Type type) {
  if (!isa<FloatType>(type) || std::isnan(fill))
    return false;
  return fill <= -0.6 * largestOf(type); // -inf, finfo.min, and the -0.7 max of JAX
}

/// Whether q times k is somewhere below: which operand of a sum is the score, and which is a mask.
bool Matcher::containsProduct(Expr expr) {
  expr = evaluator.peel(expr);
  auto [known, isNew] = products.try_emplace(expr, false);
  if (!isNew)
    return known->second;
  bool contains;
  if (expr->kind == ExprNode::Kind::Apply) {
    contains = llvm::any_of(expr->operands, [&](Expr operand) { return containsProduct(operand); });
  } else {
    std::optional<Reduction> reduction = evaluator.reduction(expr);
    contains = reduction && reduction->kind == Reduction::Kind::Sum && reduction->variables.size() == 1 &&
               evaluator.peelCasts(reduction->body)->isApply("arith.mulf");
  }
  return products[expr] = contains;
}

/// `load * c` as load and c: how half of the scale ends up on q and on k.
static Expr takeFactor(Evaluator &evaluator, Expr load, double &scale) {
  for (Expr element : evaluator.chain(load)) {
    Expr computed = evaluator.expand(element);
    if (!computed || computed->isLoad())
      continue;
    bool isProduct = computed->isApply("arith.mulf"), isQuotient = computed->isApply("arith.divf");
    if (!isProduct && !isQuotient)
      return load;
    std::optional<double> left = evaluator.peelCasts(computed->operands[0])->getNumber();
    std::optional<double> right = evaluator.peelCasts(computed->operands[1])->getNumber();
    bool known = isProduct ? bool(left) != bool(right) : !left && right && *right != 0;
    Expr scaled = computed->operands[left ? 1 : 0];
    if (!known || !scaled->isLoad())
      return load;
    scale *= isQuotient ? 1 / *right : left ? *left : *right;
    return takeFactor(evaluator, scaled, scale);
  }
  return load;
}

bool Matcher::matchProduct(Expr expr, const Reduction &product, AttentionMatch &match) {
  Expr body = evaluator.peelCasts(product.body);
  Expr a = Evaluator::withoutCasts(body->operands[0]), b = Evaluator::withoutCasts(body->operands[1]);
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

static std::string text(double number) {
  std::string digits;
  llvm::raw_string_ostream(digits) << llvm::format("%g", number);
  return digits;
}

bool Matcher::matchMasked(Expr select, AttentionMatch &match) {
  for (bool seenWhenTrue : {true, false}) {
    Expr score = select->operands[seenWhenTrue ? 1 : 2], other = select->operands[seenWhenTrue ? 2 : 1];
    std::optional<double> fill = evaluator.peelCasts(other)->getNumber();
    if (!fill)
      continue;
    if (inner)
      return refuse(select->op, "a mask inside of a scale or a softcap");
    if (!isAbsorbing(*fill, other->type))
      return refuse(select->op, "a mask that fills with " + text(*fill) +
                                    ", which does not hide a key: its probability is not 0");
    countFill(*fill, other->type, /*added=*/false);
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
        countFill(*hidden, root->type, /*added=*/true);
        match.conditions.push_back({root->operands[0], negated});
        return true;
      }
  }
  if (root->isLoad()) {
    double fill = 0;
    if (auto conditions =
            matchConstantMask(context, root, match.rows, match.key, /*trueHides=*/false, fill)) {
      if (fill != 0)
        countFill(fill, root->type, /*added=*/true);
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

/// `peelCasts`, remembering the narrowest type that all scores pass through.
Expr Matcher::peelScores(Expr expr) {
  for (expr = evaluator.peel(expr);; expr = evaluator.peel(expr->operands[0])) {
    narrowest = std::min(narrowest, largestOf(expr->type));
    if (Evaluator::withoutCasts(expr) == expr)
      return expr;
  }
}

bool Matcher::matchScores(Expr expr, AttentionMatch &match) {
  expr = peelScores(expr);
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
    return matchAdded(expr->operands[first ? 1 : 0], match) &&
           matchScores(expr->operands[first ? 0 : 1], match);
  }
  return refuse(expr->op ? expr->op : match.exponential,
                Twine("'") + (expr->op ? expr->op->getName().getStringRef() : "select") +
                    "' on the scores is none of scale, softcap, bias and mask");
}

std::optional<AttentionMatch> Matcher::match(linalg::LinalgOp product, Refusal &why) {
  refusal = &why;
  inner = false;
  narrowest = std::numeric_limits<double>::infinity();
  finiteFills = roundedFills = infiniteFills = 0;
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
  Expr body = Evaluator::withoutCasts(reduction->body);
  if (!body->isApply("arith.mulf"))
    return std::nullopt;
  for (unsigned side : {0, 1}) {
    Expr probabilities = body->operands[side], v = Evaluator::withoutCasts(body->operands[1 - side]),
         scores = nullptr;
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
