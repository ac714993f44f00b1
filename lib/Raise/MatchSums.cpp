// Products of exponentials with values, put together by whatever arithmetic: a softmax computed block by
// block with a maximum and a sum that run along, results of attentions weighed by their sums' logarithms,
// probabilities that are guarded. Which sets of keys there are is read off the products; that all of it is
// their attention, numbers tell.
#include "gqa/Raise/IntegerForm.h"
#include "gqa/Raise/Trial.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>
#include <limits>

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

/// `condition` as a number that is not negative, if it compares integers.
static std::optional<IntegerForm> formOf(Evaluator &evaluator, Condition condition) {
  condition.expr = evaluator.expandAll(condition.expr);
  while (Expr inner = getNegated(condition.expr))
    condition = {inner, !condition.negated};
  return matchNotNegative(evaluator, condition.expr, condition.negated);
}

/// Whether a row that sees a key of `other` sees the first of `set`, as of blocks of keys up to a length.
bool Matcher::isSeenWith(const AttentionMatch &set, const AttentionMatch &other) {
  auto isImplied = [&](const Condition &condition) {
    Expr first = context.substitute(condition.expr, set.key, context.space.constant(0));
    if (evaluator.expandAll(first)->getTruth() == !condition.negated)
      return true;
    std::optional<IntegerForm> form = formOf(evaluator, {first, condition.negated});
    return form && llvm::any_of(other.conditions, [&](const Condition &seen) {
             std::optional<IntegerForm> given = formOf(evaluator, seen);
             return given && form->hasSameData(*given, 1) &&
                    context.space.isNotNegative(form->affine - given->affine);
           });
  };
  return context.space.sizeOf(set.key) > 0 && !set.score &&
         llvm::none_of(set.biases, [&](const Bias &bias) { return mayHide(bias.expr); }) &&
         llvm::all_of(set.conditions, isImplied);
}

/// Whether `output` is the attention over the sets, also where a row sees no key of some that `mayBeDead`:
/// none of those that `isSeenWith` another one of which it sees a key.
static bool isAttention(Trial &trial, Expr output, ArrayRef<bool> mayBeDead,
                        llvm::function_ref<bool(size_t, size_t)> isSeenWith) {
  constexpr unsigned kRounds = 6;
  auto agrees = [&](llvm::function_ref<bool(size_t)> isDead) {
    SmallVector<bool> dead;
    for (auto [set, may] : llvm::enumerate(mayBeDead))
      dead.push_back(may && isDead(set));
    bool isSome = llvm::is_contained(dead, false);
    for (size_t set = 0; isSome && set < dead.size(); ++set)
      for (size_t other = 0; isSome && other < dead.size(); ++other)
        isSome = !dead[set] || dead[other] || !isSeenWith(set, other);
    if (!isSome) // there are no such rows
      return true;
    trial.draw(dead);
    std::optional<double> found = trial.evaluate(output);
    return found && Trial::areEqual(*found, trial.output(), output->type);
  };
  for (unsigned round = 0; round < kRounds; ++round) {
    bool agree = agrees([](size_t) { return false; });
    for (size_t which = 0; agree && which < mayBeDead.size(); ++which)
      agree = agrees([&](size_t set) { return set == which; }) &&
              agrees([&](size_t set) { return set != which; });
    if (!agree)
      return false;
  }
  return true;
}

/// What `output` is where no set has a key for a row; none if that is nothing that `dead_row` can say.
static std::optional<DeadRow> deadRowOf(Trial &trial, Expr output, size_t sets) {
  SmallVector<bool> dead(sets, true);
  trial.draw(dead);
  std::optional<double> found = trial.evaluate(output);
  if (!found)
    return std::nullopt;
  return std::isnan(*found)                                    ? std::optional(DeadRow::NaN)
         : *found == 0                                         ? std::optional(DeadRow::Zero)
         : Trial::areEqual(*found, trial.mean(), output->type) ? std::optional(DeadRow::Uniform)
                                                               : std::nullopt;
}

/// The masks, scale and product of one set; `match` is filled.
bool Matcher::matchSet(Part &part, bool isZeroed, AttentionMatch &match) {
  current = &part;
  match = part.match;
  clamped = guarded = false;
  zeroed = isZeroed;
  shift = Shift::Maximum; // whatever is subtracted: what comes of it is tried out
  deadFill = 0;
  narrowest = std::numeric_limits<double>::infinity();
  return matchScores(part.softmax.scores, part.softmax.factor, match);
}

/// Notes by what the set that was matched last hides its keys.
void Matcher::setFill(Part &part) {
  if (part.scores == part.softmax.scores)
    part.fill = deadFill == 0 ? -std::numeric_limits<double>::infinity() : deadFill;
}

/// Each set as an attention, if `output` is what all of them are together.
bool Matcher::matchSets(MutableArrayRef<Part> parts, Expr output) {
  double factor = parts.front().softmax.factor;
  if (llvm::any_of(parts, [&](const Part &part) { return part.softmax.factor != factor; }))
    return false;
  SmallVector<AttentionMatch, 1> matches(parts.size());
  SmallVector<KeySet> sets;
  SmallVector<bool> mayBeDead;
  seenElsewhere = true;
  for (auto [part, match] : llvm::zip_equal(parts, matches)) {
    if (!matchSet(part, /*isZeroed=*/false, match))
      return false;
    setFill(part);
    sets.push_back({match.key, part.scores, match.v, match.conditions, part.fill});
    mayBeDead.push_back(!isAlwaysSeen(match));
  }
  Trial trial(evaluator, sets, factor);
  DenseMap<std::pair<size_t, size_t>, bool> implied;
  auto isSeenWithOther = [&](size_t set, size_t other) {
    auto [place, isNew] = implied.try_emplace({set, other}, false);
    if (isNew)
      place->second = isSeenWith(matches[set], matches[other]);
    return place->second;
  };
  if (!isAttention(trial, output, mayBeDead, isSeenWithOther))
    return false;
  bool isSeen = llvm::is_contained(mayBeDead, false);
  std::optional<DeadRow> deadRow = isSeen ? DeadRow::NaN : deadRowOf(trial, output, parts.size());
  seenElsewhere = isSeen;
  for (auto [part, match] : llvm::zip_equal(parts, matches)) {
    if (!deadRow || !matchSet(part, *deadRow == DeadRow::Zero, match))
      return false;
    if (!isSeen && (match.deadRow != *deadRow || (match.score && hidesKeys(evaluator, match.score))))
      return false;
    part.match = match;
    part.match.mayBeDead = !isSeen;
  }
  return true;
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
