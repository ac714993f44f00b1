// Sets of keys, each read as an attention, and an output: whether numbers say that it is the attention over
// all of them, and what becomes of rows that see no key of some, or of any.
#include "gqa/Raise/IntegerForm.h"
#include "gqa/Raise/Trial.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace gqa {

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

} // namespace gqa
