// Products of exponentials with values, put together by whatever arithmetic: a softmax computed block by
// block with a maximum and a sum that run along, results of attentions weighed by their sums' logarithms,
// probabilities that are guarded. Which sets of keys there are is read off the products; that all of it is
// their attention, numbers tell.
#include "gqa/Raise/Match.h"

#include <cmath>

using namespace mlir;

namespace gqa {

static constexpr size_t kMostSets = 16;

/// The scores under `exponential`, without what is the same for all keys and computed of them; null if what
/// is the same is given, and may be far from them.
static Expr scoresOf(Evaluator &evaluator, Expr exponential, unsigned key) {
  Expr scores = exponential->operands[0];
  for (Expr root = evaluator.peelCasts(scores); root->isApply("arith.subf");
       root = evaluator.peelCasts(scores)) {
    Expr right = evaluator.peelCasts(root->operands[1]);
    if (dependsOn(evaluator.expandAll(right), key))
      return scores;
    if (right->isLoad() && !evaluator.reduction(right))
      return nullptr;
    scores = root->operands[0];
  }
  return scores;
}

/// The exponential that makes weights of the keys, under factors of each row and guards; null if there is
/// none. `visible` is set to what hides its keys.
Expr Matcher::findExponential(Expr weight, unsigned key, Expr &visible) {
  Expr root = evaluator.peelCasts(weight);
  if (root->isApply("math.exp") || root->isApply("math.exp2"))
    return root;
  if (Expr mask = nullptr, exponential = unmask(root, mask); exponential) {
    visible = mask;
    return exponential;
  }
  bool isScaled = root->isApply("arith.mulf") || root->isApply("arith.divf");
  if (!isScaled && !root->isSelect())
    return nullptr;
  Expr inner = nullptr;
  for (Expr operand : ArrayRef<Expr>(root->operands).drop_front(isScaled ? 0 : 1)) {
    Expr factor = evaluator.peelCasts(operand);
    bool isTruth = factor->isApply("arith.uitofp") && factor->operands[0]->type.isInteger(1);
    if (factor->getNumber() || isTruth || !follows(operand, key))
      continue;
    if (inner)
      return nullptr;
    inner = operand;
  }
  return inner ? findExponential(inner, key, visible) : nullptr;
}

/// The set of keys that `product` contracts with their values; false if it is no product of exponentials.
bool Matcher::readSet(const Reduction &product, Part &part) {
  Expr body = withoutSkip(Evaluator::withoutCasts(product.body));
  if (product.kind != Reduction::Kind::Sum || !body->isApply("arith.mulf"))
    return false;
  part.match.product = product.op;
  part.match.key = product.variable;
  for (unsigned side : {0, 1}) {
    Expr visible = nullptr, exponential = findExponential(body->operands[side], product.variable, visible);
    if (!exponential)
      continue;
    part.softmax.factor = exponential->isApply("math.exp2") ? std::log(2.0) : 1.0;
    part.scores = scoresOf(evaluator, exponential, product.variable);
    if (!part.scores)
      return false;
    part.softmax.scores = visible ? hide(part.scores, visible) : part.scores;
    products.clear();
    if (!containsDot(part.scores, product.variable)) // weights of results, not of keys
      return false;
    part.match.exponential = ownerOf(exponential);
    part.match.v = Evaluator::withoutCasts(body->operands[1 - side]);
    // Of keys hidden twice numbers would have to be told apart.
    return part.scores == part.softmax.scores || !hidesKeys(evaluator, part.scores);
  }
  return false;
}

/// Whether `expr` is made of products of exponentials, not all of which need be of one tensor.
bool Matcher::leadsToSet(Expr expr, DenseSet<Expr> &visited) {
  Expr root = evaluator.peelCasts(expr);
  if ((root->value && !root->isLoad()) || !visited.insert(root).second)
    return false;
  std::optional<Reduction> sum = root->isLoad() ? evaluator.reduction(root) : std::nullopt;
  Part part;
  return (sum && readSet(*sum, part)) ||
         llvm::any_of(root->operands, [&](Expr operand) { return leadsToSet(operand, visited); });
}

/// The sets whose products `expr` is computed from.
void Matcher::collectSets(Expr expr, const AttentionMatch &whole, DenseSet<Expr> &visited,
                          SmallVectorImpl<Part> &sets) {
  constexpr size_t kMostExpressions = 512;
  expr = evaluator.peelCasts(expr);
  if (visited.size() > kMostExpressions || !visited.insert(expr).second || (expr->value && !expr->isLoad()))
    return;
  for (Expr operand : expr->operands)
    collectSets(operand, whole, visited, sets);
  std::optional<Reduction> sum = expr->isLoad() ? evaluator.reduction(expr) : std::nullopt;
  Part part{whole};
  if (!sum || sum->kind != Reduction::Kind::Sum)
    return;
  if (readSet(*sum, part))
    return sets.push_back(part);
  int64_t size = context.space.sizeOf(sum->variable);
  DenseSet<Expr> seen;
  bool isOfFew = !ShapedType::isDynamic(size) && size <= int64_t(kMostSets) && leadsToSet(sum->body, seen);
  for (int64_t place = 0; isOfFew && place < size; ++place)
    collectSets(context.substitute(sum->body, sum->variable, context.space.constant(place)), whole, visited,
                sets);
}

/// Whether what `user` computes may still be the output: it is elementwise, or adds up a few tensors.
static bool mayLead(Operation *user) {
  auto op = dyn_cast<linalg::LinalgOp>(user);
  bool isOne = user->getNumResults() == 1 && isa<RankedTensorType>(user->getResult(0).getType());
  if (!isOne || !op || op.getNumReductionLoops() == 0)
    return isOne;
  return llvm::all_of(llvm::zip_equal(op.getIteratorTypesArray(), op.getStaticLoopRanges()), [](auto loop) {
    auto [type, size] = loop;
    bool isOfFew = !ShapedType::isDynamic(size) && size <= int64_t(kMostSets);
    return type != utils::IteratorType::reduction || isOfFew;
  });
}

/// The attentions of which `product`, or something that follows it, is made; the more sets the better.
/// `areSeveral`: the graph has several sets, which may be one behind the other.
SmallVector<AttentionMatch, 1> Matcher::matchSums(linalg::LinalgOp product, bool &areSeveral) {
  llvm::SetVector<Value> worklist;
  worklist.insert(product->getResult(0));
  constexpr size_t kFarthest = 24;
  SmallVector<Part, 2> best;
  for (size_t next = 0; next < worklist.size(); ++next) {
    Value output = worklist[next];
    AttentionMatch whole;
    Expr element = readOutput(output, product, whole);
    SmallVector<Part, 2> parts;
    DenseSet<Expr> visited;
    collectSets(element, whole, visited, parts);
    if (next == 0 && parts.empty())
      return {};
    bool isOfProduct = llvm::any_of(parts, [&](const Part &part) { return part.match.product == product; });
    if (isOfProduct && parts.size() <= kMostSets && parts.size() > best.size() && matchSets(parts, element))
      best = parts;
    for (Operation *user : output.getUsers())
      if (worklist.size() < kFarthest && mayLead(user))
        worklist.insert(user->getResult(0));
  }
  current = nullptr;
  seenElsewhere = false;
  SmallVector<AttentionMatch, 1> matches;
  if (!best.empty())
    best.front().match.lses = findLse(best);
  for (Part &part : best) {
    matches.push_back(part.match);
    matches.back().products = {part.match.product};
  }
  areSeveral = matches.size() > 1;
  joinSets(matches);
  return matches;
}

} // namespace gqa
