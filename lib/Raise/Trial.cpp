// Attentions over a few keys, computed with random numbers.
#include "gqa/Raise/Trial.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace gqa {

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

Trial::Trial(Evaluator &evaluator, ArrayRef<KeySet> sets, double factor)
    : evaluator(evaluator), context(evaluator.context), sets(sets), factor(factor) {
  for (auto [number, set] : llvm::enumerate(sets)) {
    scores.try_emplace(evaluator.peelCasts(set.scores), number);
    values.try_emplace(evaluator.peelCasts(set.values), number);
    atoms.emplace_back();
    for (const Condition &condition : set.conditions)
      addAtoms(condition, number);
  }
  keys.resize(sets.size() * kKeys);
  places.resize(sets.size());
}

/// What the condition is made of: all of it must hold.
void Trial::addAtoms(const Condition &condition, unsigned set) {
  SmallVector<Condition> worklist = {condition};
  DenseSet<Expr> visited[2];
  while (!worklist.empty()) {
    auto [expr, negated] = worklist.pop_back_val();
    Expr root = evaluator.peel(expr);
    if (!visited[negated].insert(root).second)
      continue;
    if (Expr inner = getNegated(root)) {
      worklist.push_back({inner, !negated});
    } else if (root->isApply(negated ? "arith.ori" : "arith.andi")) {
      for (Expr operand : root->operands)
        worklist.push_back({operand, negated});
    } else {
      conditions.try_emplace(root, set);
      atoms[set].push_back({root, negated});
    }
  }
}

void Trial::draw(ArrayRef<bool> dead) {
  known.clear();
  steps = 0;
  truths.clear();
  // All scores may be high or low, those of one set far above another's, and of one key far above the next.
  constexpr double kAll[] = {0, 0, 55, -55}, kEach[] = {0, 15, -15}, kKey[] = {0, -5, -10, -15, -20};
  bool isWide = random() % 2;
  double all = kAll[draws++ % std::size(kAll)];
  for (auto [number, set] : llvm::enumerate(sets)) {
    MutableArrayRef<Key> own(&keys[number * kKeys], kKeys);
    double shift = all + kEach[random() % std::size(kEach)];
    for (Key &key : own)
      key = {shift + (isWide ? kKey[random() % std::size(kKey)] : 0) + uniform(-2, 2), uniform(-2, 2),
             !dead[number]};
    ArrayRef<Condition> all = atoms[number];
    unsigned witness = random() % kKeys, blocker = all.empty() ? 0 : random() % all.size();
    for (auto [which, condition] : llvm::enumerate(all)) {
      bool isOfKey = dependsOn(condition.expr, set.key);
      auto [place, isNew] = truths.try_emplace(condition.expr);
      for (unsigned key = 0; key < kKeys && isNew; ++key) {
        bool holds = dead[number] ? which != blocker : !isOfKey || key == witness || random() % 2;
        place->second[key] = holds != condition.negated;
      }
      for (auto [key, truth] : llvm::zip_equal(own, place->second))
        key.isSeen &= truth != condition.negated;
    }
    for (Key &key : own)
      if (!key.isSeen && set.fill)
        key.score = *set.fill;
  }
}

double Trial::lse() const {
  double most = -kInfinity, sum = 0;
  for (const Key &key : keys)
    most = key.isSeen ? std::max(most, factor * key.score) : most;
  for (const Key &key : keys)
    sum += key.isSeen ? std::exp(factor * key.score - most) : 0;
  return sum == 0 ? -kInfinity : most + std::log(sum);
}

double Trial::output() const {
  double sum = 0, total = lse();
  for (const Key &key : keys)
    sum += key.isSeen ? std::exp(factor * key.score - total) * key.value : 0;
  return sum;
}

double Trial::mean() const {
  double sum = 0;
  for (const Key &key : keys)
    sum += key.value;
  return sum / static_cast<double>(keys.size());
}

bool Trial::areEqual(double found, double wanted, Type type) {
  if (!std::isfinite(found) || !std::isfinite(wanted))
    return found == wanted || (std::isnan(found) && std::isnan(wanted));
  double rounding = type.isF64() ? 1e-11 : 5e-8; // half of what f32 tells apart
  return std::abs(found - wanted) <= rounding * std::max(1.0, std::abs(wanted));
}

//===-- Evaluation --------------------------------------------------------------------------------------===//

std::optional<double> Trial::evaluate(Expr expr) {
  constexpr unsigned kMostSteps = 1 << 14; // since the last draw
  Expr root = evaluator.peelCasts(expr);
  if (std::optional<double> number = root->getNumber())
    return root->type.isInteger(1) ? std::abs(*number) : *number;
  if (++steps > kMostSteps)
    return std::nullopt;
  bool followsKey = false;
  for (auto [set, place] : llvm::zip_equal(sets, places))
    followsKey |= place && dependsOn(root, set.key);
  if (followsKey) // of which there are few
    return evaluateNew(root);
  auto place = known.find(root);
  if (place != known.end())
    return place->second;
  std::optional<double> value = evaluateNew(root);
  known[root] = value;
  return value;
}

std::optional<double> Trial::evaluateNew(Expr root) {
  auto keyAt = [&](unsigned set) { return places[set] ? &keys[set * kKeys + *places[set]] : nullptr; };
  if (auto set = scores.find(root); set != scores.end())
    return keyAt(set->second) ? std::optional(keyAt(set->second)->score) : std::nullopt;
  if (auto set = values.find(root); set != values.end())
    return keyAt(set->second) ? std::optional(keyAt(set->second)->value) : std::nullopt;
  if (auto truth = truths.find(root); truth != truths.end()) {
    unsigned set = conditions.lookup(root);
    bool isOfKey = dependsOn(root, sets[set].key);
    if (isOfKey && !places[set])
      return std::nullopt;
    return truth->second[isOfKey ? *places[set] : 0];
  }
  if (root->isLoad())
    return reduce(root);
  return root->kind == ExprNode::Kind::Apply && !root->value ? apply(root) : std::nullopt;
}

//===-- Reductions --------------------------------------------------------------------------------------===//

/// Over the keys of the set whose numbers are found in it; else over its few values.
std::optional<Trial::Range> Trial::rangeOf(const Reduction &reduction) {
  AffineExpr extent = context.space.extentOf(reduction.variable);
  for (auto [number, set] : llvm::enumerate(sets)) {
    AffineExpr size = context.space.extentOf(set.key);
    bool isOwn = reduction.variable == set.key;
    bool isAlike = extent && size &&
                   context.sizes.areEqual(context.space.simplify(extent), context.space.simplify(size)) &&
                   !dependsOn(reduction.body, set.key);
    if (!isOwn && !isAlike)
      continue;
    AffineExpr key = getAffineDimExpr(set.key, context.space.getContext());
    Range range{number, {context.substitute(reduction.body, reduction.variable, key)}};
    if (reduceOver(reduction, range))
      return range;
  }
  constexpr int64_t kFew = 16;
  int64_t size = context.space.sizeOf(reduction.variable);
  if (ShapedType::isDynamic(size) || size > kFew)
    return std::nullopt;
  Range range;
  for (int64_t place : llvm::seq(size))
    range.bodies.push_back(
        context.substitute(reduction.body, reduction.variable, context.space.constant(place)));
  return range;
}

std::optional<double> Trial::reduceOver(const Reduction &reduction, const Range &range) {
  SmallVector<double> x;
  std::optional<unsigned> outer = range.set ? places[*range.set] : std::nullopt;
  bool isKnown = true;
  for (unsigned place = 0; isKnown && place < (range.set ? kKeys : range.bodies.size()); ++place) {
    if (range.set)
      places[*range.set] = place;
    std::optional<double> value = evaluate(range.bodies[range.set ? 0 : place]);
    isKnown = value.has_value();
    x.push_back(value.value_or(0));
  }
  if (range.set)
    places[*range.set] = outer;
  if (!isKnown)
    return std::nullopt;
  double sum = 0, most = -kInfinity;
  for (double value : x) {
    sum += value;
    most = std::isnan(value) || std::isnan(most) ? value + most : std::max(most, value);
  }
  switch (reduction.kind) {
  case Reduction::Kind::Sum:
    return sum;
  case Reduction::Kind::Max:
    return most;
  case Reduction::Kind::Any:
    return llvm::is_contained(x, 1);
  case Reduction::Kind::All:
    return !llvm::is_contained(x, 0);
  }
  llvm_unreachable("every kind is handled");
}

std::optional<double> Trial::reduce(Expr load) {
  std::optional<Reduction> reduction = evaluator.reduction(load);
  if (!reduction)
    return std::nullopt;
  auto range = ranges.find(load);
  if (range == ranges.end()) {
    std::optional<Range> found = rangeOf(*reduction);
    if (!found)
      return std::nullopt;
    range = ranges.try_emplace(load, *found).first;
  }
  Range copy = range->second; // others may be found meanwhile
  return reduceOver(*reduction, copy);
}

} // namespace gqa
