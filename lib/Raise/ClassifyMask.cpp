// Conditions for a key to be seen as causal, window and one dense mask.
#include "gqa/Raise/Build.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace gqa {

/// One affine comparison as causal or left bound; false if it is neither.
static bool classifyComparison(AffineExpr notNegative, const Axes &axes, Visibility &visibility) {
  LinearForm form = LinearForm::of(notNegative);
  MLIRContext *context = notNegative.getContext();
  int64_t key = form.coefficientOf(getAffineDimExpr(axes.match.key, context)), row = 0;
  size_t expected = 1;
  if (!axes.i.variables.empty()) {
    row = form.coefficientOf(getAffineDimExpr(axes.i.variables[0], context));
    ++expected;
  }
  bool isDifference = axes.i.variables.empty() || row == -key;
  if (form.terms.size() != expected || !isDifference)
    return false;
  if (!form.isSmall())
    return false;
  if (key == -1) // i + c >= j
    visibility.offset = std::min(form.constant, visibility.offset.value_or(form.constant));
  else if (key == 1) // j >= i - c
    visibility.left = std::min(form.constant, visibility.left.value_or(form.constant));
  else
    return false;
  return true;
}

/// Batch, heads and queries.
static SmallVector<unsigned> rowVariables(const Axes &axes) {
  SmallVector<unsigned> rows;
  for (const Axis *axis : {&axes.b, &axes.h, &axes.i})
    rows.append(axis->variables.begin(), axis->variables.end());
  return rows;
}

namespace {

/// Sorts conditions that must all hold.
class MaskClassifier {
public:
  MaskClassifier(Evaluator &evaluator, const Axes &axes, Visibility &visibility)
      : evaluator(evaluator), axes(axes), visibility(visibility) {}

  bool classify(Expr expr, bool negated);

private:
  bool classifyNew(Expr expr, bool negated);

  Evaluator &evaluator;
  const Axes &axes;
  Visibility &visibility;
  llvm::DenseSet<Expr> seen[2]; // by `negated`; conjunctions may share their parts
};

} // namespace

bool MaskClassifier::classify(Expr expr, bool negated) {
  return !seen[negated].insert(expr).second || classifyNew(expr, negated);
}

bool MaskClassifier::classifyNew(Expr expr, bool negated) {
  Expr expanded = evaluator.expandAll(expr);
  if (std::optional<bool> truth = expanded->getTruth(); truth && *truth != negated)
    return true;
  using Comparison = ExprNode::Comparison;
  if (expanded->kind == ExprNode::Kind::Compare && expanded->comparison == Comparison::NotNegative)
    if (classifyComparison(negated ? -expanded->affine - 1 : expanded->affine, axes, visibility))
      return true;
  Expr root = evaluator.peel(expr);
  if (Expr inner = getNegated(root))
    return classify(inner, !negated);
  if (root->isApply(negated ? "arith.ori" : "arith.andi"))
    return llvm::all_of(root->operands, [&](Expr operand) { return classify(operand, negated); });
  double fill = 0;
  if (root->isLoad())
    if (auto comparisons =
            matchConstantMask(evaluator.context, root, rowVariables(axes), axes.match.key, negated, fill))
      return llvm::all_of(*comparisons, [&](Expr comparison) { return classify(comparison, false); });
  if (!expr->isLoad() || negated)
    return false;
  visibility.masks.push_back(expr);
  return true;
}

bool classifyConditions(Evaluator &evaluator, const Axes &axes, Visibility &visibility, Refusal &refusal) {
  MaskClassifier classifier(evaluator, axes, visibility);
  refusal.where = axes.match.product;
  for (const Condition &condition : axes.match.conditions)
    if (!classifier.classify(condition.expr, condition.negated)) {
      refusal.reason = "a mask that is neither causal, nor a window, nor held by a tensor";
      return false;
    }
  if (visibility.offset && visibility.left && *visibility.offset + *visibility.left < 0) {
    refusal.reason = "a causal mask and a window that together hide every key";
    return false;
  }
  return true;
}

} // namespace gqa
