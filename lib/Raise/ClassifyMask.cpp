// Conditions for a key to be seen as causal, window, number of keys, one dense mask, and the rest.
#include "gqa/Raise/Build.h"
#include "gqa/Raise/ConstantMask.h"
#include "gqa/Raise/Truth.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace gqa {
namespace {

/// `constant + data`, as a bound of the key: relative to the query's place, or of the key alone.
struct Bound {
  int64_t constant;
  IntegerForm form; ///< its data
  Condition source;
};

/// Sorts conditions that must all hold.
class MaskClassifier {
public:
  MaskClassifier(Evaluator &evaluator, const Axes &axes, Visibility &visibility, Taken taken)
      : evaluator(evaluator), axes(axes), visibility(visibility), taken(taken) {}

  void classify(Expr expr, bool negated);
  void settle();

private:
  void classifyNew(Expr expr, bool negated);
  bool classifyBound(const IntegerForm &form, Condition source);
  void takeLength();
  void settleLowers(const IntegerForm &base, std::optional<int64_t> upper);
  bool isImplied(const Condition &condition, ArrayRef<Condition> kept);
  void keep(const Condition &condition) { visibility.conditions.push_back(condition); }

  Evaluator &evaluator;
  const Axes &axes;
  Visibility &visibility;
  Taken taken;
  SmallVector<Bound> uppers, lowers; ///< j <= i + bound, j >= i + bound
  llvm::DenseSet<Expr> seen[2];      ///< by `negated`; conjunctions may share their parts
};

/// Whether the data is the same for all heads, queries and keys.
bool isPerBatch(const Axes &axes, const IntegerForm &form) {
  return llvm::all_of(form.data, [&](auto &entry) {
    for (const Axis *axis : {&axes.h, &axes.i, &axes.j, &axes.d, &axes.dv})
      for (unsigned variable : axis->variables)
        if (dependsOn(entry.first, variable))
          return false;
    return axes.b.variables.size() <= 1;
  });
}

/// One comparison as a bound of the key; false if it is none.
bool MaskClassifier::classifyBound(const IntegerForm &notNegative, Condition source) {
  LinearForm form = LinearForm::of(notNegative.affine);
  MLIRContext *context = notNegative.affine.getContext();
  int64_t key = form.coefficientOf(getAffineDimExpr(axes.match.key, context)), row = 0;
  size_t terms = key != 0;
  if (!axes.i.variables.empty()) {
    row = form.coefficientOf(getAffineDimExpr(axes.i.variables[0], context));
    terms += row != 0;
  }
  if (key == 0 && axes.j.variables.empty()) // of a single key: a bound on either side, as the query says
    key =
        row == -1 || (row == 0 && !notNegative.data.empty() && notNegative.data.front().second < 0) ? 1 : -1;
  if ((key != 1 && key != -1) || form.terms.size() != terms || !form.isSmall() ||
      !isPerBatch(axes, notNegative))
    return false;
  IntegerForm data{evaluator.context.space.constant(0), notNegative.data};
  if (row == -key || axes.i.variables.empty()) {
    if (taken.position)
      return false;
    if (key == -1) { // j <= i + c + data
      uppers.push_back({form.constant, data, source});
      return true;
    }
    for (auto &entry : data.data) // j >= i - c - data
      entry.second = -entry.second;
    lowers.push_back({-form.constant, data, source});
    return true;
  }
  if (row != 0 || key != -1 || data.data.empty() || visibility.kvLen || taken.length)
    return false;
  data.affine = evaluator.context.space.constant(form.constant + 1); // j <= c + data
  visibility.kvLen = data;
  return true;
}

/// Batch, heads and queries.
SmallVector<unsigned> rowVariables(const Axes &axes) {
  SmallVector<unsigned> rows;
  for (const Axis *axis : {&axes.b, &axes.h, &axes.i})
    rows.append(axis->variables.begin(), axis->variables.end());
  return rows;
}

void MaskClassifier::classify(Expr expr, bool negated) {
  if (seen[negated].insert(expr).second)
    classifyNew(expr, negated);
}

/// True if `expr` computes more than the scores have numbers to read: something follows query and key at
/// once.
bool followsBoth(const Axes &axes, Expr expr, llvm::DenseSet<Expr> &visited) {
  if (!visited.insert(expr).second)
    return false;
  if (expr->isLoad()) {
    auto follows = [&](const Axis &axis) {
      return llvm::any_of(axis.variables, [&](unsigned variable) { return dependsOn(expr, variable); });
    };
    return follows(axes.i) && follows(axes.j);
  }
  return llvm::any_of(expr->operands, [&](Expr operand) { return followsBoth(axes, operand, visited); });
}

void MaskClassifier::classifyNew(Expr expr, bool negated) {
  Expr expanded = evaluator.expandAll(expr);
  if (std::optional<bool> truth = expanded->getTruth(); truth && *truth != negated)
    return;
  if (auto form = matchNotNegative(evaluator, expanded, negated))
    if (classifyBound(*form, {expr, negated}))
      return;
  Expr root = evaluator.peel(expr);
  if (Expr inner = getNegated(root))
    return classify(inner, !negated);
  if (std::optional<Condition> inner = simplifyTruth(evaluator, root))
    return classify(inner->expr, inner->negated != negated);
  if (root->isApply(negated ? "arith.ori" : "arith.andi")) {
    for (Expr operand : root->operands)
      classify(operand, negated);
    return;
  }
  if (root->kind == ExprNode::Kind::Apply && !root->value) {
    auto hides = [&](double number) { return (number != 0) == negated; };
    if (std::optional<Decided> part = matchDecided(evaluator, root, hides)) {
      classify(part->truth, /*negated=*/part->value);
      return classify(part->rest, negated);
    }
  }
  auto constant = matchConstantMask(evaluator, root, rowVariables(axes), axes.match.key, negated);
  for (Expr comparison : constant && constant->isWhole ? ArrayRef(constant->comparisons) : ArrayRef<Expr>()) {
    auto form = matchNotNegative(evaluator, comparison, false);
    if (comparison->getTruth() != true && (!form || !classifyBound(*form, {comparison})))
      keep({comparison});
  }
  if (constant && constant->isWhole)
    return;
  if (auto forms = matchTableMask(evaluator, root, axes.match.key, negated))
    if (llvm::all_of(*forms, [&](const IntegerForm &form) { return classifyBound(form, {expr, negated}); }))
      return;
  // What a tensor holds stays there; what is a few comparisons of positions is computed.
  llvm::DenseSet<Expr> visited;
  bool isHeld = root->isLoad() || (expr->isLoad() && followsBoth(axes, expanded, visited));
  if (isHeld && !visibility.mask)
    visibility.mask = Condition{root->isLoad() ? root : expr, negated};
  else
    keep({expr, negated});
}

/// `j >= i + base + c` bounds a window on the left; with other data it is a condition like any other.
void MaskClassifier::settleLowers(const IntegerForm &base, std::optional<int64_t> upper) {
  std::optional<int64_t> lower;
  for (const Bound &bound : lowers) {
    if (bound.form.hasSameData(base, 1))
      lower = std::max(bound.constant, lower.value_or(bound.constant));
    else
      keep(bound.source);
  }
  if (!lower && !upper)
    return;
  visibility.offsetData = base;
  int64_t queries = axes.i.variables.empty() ? 1 : evaluator.context.space.sizeOf(axes.i.variables[0]);
  int64_t keys = axes.j.variables.empty() ? 1 : evaluator.context.space.sizeOf(axes.j.variables[0]);
  bool isKnown = base.data.empty() && !ShapedType::isDynamic(queries) && !ShapedType::isDynamic(keys);
  int64_t aligned = std::max<int64_t>(0, isKnown ? keys - queries : 0);
  if (lower && upper && *upper < *lower) { // an empty window has no attribute
    for (const Bound &bound : llvm::concat<Bound>(uppers, lowers))
      if (bound.form.hasSameData(base, 1))
        keep(bound.source);
    return;
  }
  // Keys behind the query's own are seen: a window to both sides.
  bool isTwoSided = lower && upper && base.data.empty() && *upper > aligned && *lower <= aligned;
  visibility.causal = upper && !isTwoSided;
  visibility.offset = visibility.causal ? *upper : aligned;
  if (lower && !upper) // a window reaches back from the query's place: that is moved in front of the keys
    visibility.offset = std::max<int64_t>(0, *lower);
  if (lower)
    visibility.window = {visibility.offset - *lower, isTwoSided ? *upper - aligned : -1};
}

/// Of a single query a length and a position say the same. What no other bound is about is a length.
void MaskClassifier::takeLength() {
  if (!axes.i.variables.empty() || visibility.kvLen)
    return;
  for (Bound *bound = uppers.begin(); bound != uppers.end(); ++bound) {
    auto agrees = [&](const Bound &other) { return other.form.hasSameData(bound->form, 1); };
    if (bound->form.data.empty() || llvm::any_of(lowers, agrees) ||
        llvm::all_of(llvm::concat<Bound>(uppers, lowers), agrees))
      continue;
    visibility.kvLen = bound->form; // j <= c + data
    visibility.kvLen->affine = evaluator.context.space.constant(bound->constant + 1);
    uppers.erase(bound);
    return;
  }
}

/// Bounds become attributes where they agree on what is known at run time only.
void MaskClassifier::settle() {
  takeLength();
  IntegerForm base{evaluator.context.space.constant(0), {}};
  const Bound *best = nullptr; // one without data if there is one
  for (const Bound &bound : uppers)
    if (!best || (bound.form.data.empty() && !best->form.data.empty()))
      best = &bound;
  if (best)
    base = best->form;
  else if (!lowers.empty())
    base = lowers.front().form;
  std::optional<int64_t> upper;
  for (const Bound &bound : uppers) {
    if (bound.form.hasSameData(base, 1))
      upper = std::min(bound.constant, upper.value_or(bound.constant));
    else
      keep(bound.source);
  }
  settleLowers(base, upper);
  SmallVector<Condition> kept = visibility.conditions;
  llvm::erase_if(visibility.conditions,
                 [&](const Condition &condition) { return isImplied(condition, kept); });
}

/// Whether a comparison of coordinates says less than a bound that is none of the conditions that are kept:
/// of groups of queries in one dimension, a table of constants bounds them all.
bool MaskClassifier::isImplied(const Condition &condition, ArrayRef<Condition> kept) {
  auto form = matchNotNegative(evaluator, evaluator.expandAll(condition.expr), condition.negated);
  if (!form || !form->data.empty())
    return false;
  MLIRContext *context = form->affine.getContext();
  AffineExpr query = evaluator.context.space.constant(0), key = getAffineDimExpr(axes.match.key, context);
  if (!axes.i.variables.empty())
    query = getAffineDimExpr(axes.i.variables[0], context);
  auto follows = [&](const Bound &bound, AffineExpr notNegative) {
    auto isSource = [&](const Condition &other) { return other.expr == bound.source.expr; };
    return bound.form.data.empty() && llvm::none_of(kept, isSource) &&
           evaluator.context.space.isNotNegative(form->affine - notNegative);
  };
  return llvm::any_of(uppers,
                      [&](const Bound &bound) { return follows(bound, query + bound.constant - key); }) ||
         llvm::any_of(lowers,
                      [&](const Bound &bound) { return follows(bound, key - query - bound.constant); });
}

} // namespace

Visibility classifyConditions(Evaluator &evaluator, const Axes &axes, Taken taken) {
  Visibility visibility;
  visibility.offsetData.affine = evaluator.context.space.constant(0);
  MaskClassifier classifier(evaluator, axes, visibility, taken);
  for (const Condition &condition : axes.match.conditions)
    classifier.classify(condition.expr, condition.negated);
  classifier.settle();
  return visibility;
}

} // namespace gqa
