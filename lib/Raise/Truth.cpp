// Arithmetic on one boolean.
#include "gqa/Raise/Truth.h"

using namespace mlir;

namespace gqa {

/// Collects the i1 expressions that `expr` is made of. Constants are none: nothing can be assumed of them.
static void collectTruths(Evaluator &evaluator, Expr expr, llvm::SetVector<Expr> &truths,
                          DenseSet<Expr> &visited) {
  expr = evaluator.peel(expr);
  if (!visited.insert(expr).second || expr->kind != ExprNode::Kind::Apply || expr->value)
    return;
  for (Expr operand : expr->operands) {
    if (operand->getTruth())
      continue;
    if (operand->type.isInteger(1))
      truths.insert(operand);
    else
      collectTruths(evaluator, operand, truths, visited);
  }
}

/// `expr` where the i1 `truth` is `value`.
static Expr assume(Evaluator &evaluator, Expr expr, Expr truth, bool value, DenseMap<Expr, Expr> &done) {
  if (expr == truth)
    return evaluator.context.truth(value);
  if (Expr known = done.lookup(expr))
    return known;
  Expr root = evaluator.peel(expr), result = root;
  if (root->kind == ExprNode::Kind::Apply && !root->value) {
    auto operands = llvm::map_to_vector<3>(
        root->operands, [&](Expr operand) { return assume(evaluator, operand, truth, value, done); });
    result = evaluator.context.rebuild(root, operands);
  }
  return done[expr] = result;
}

Expr assume(Evaluator &evaluator, Expr expr, Expr truth, bool value) {
  DenseMap<Expr, Expr> done;
  return assume(evaluator, expr, truth, value, done);
}

llvm::SetVector<Expr> truthsOf(Evaluator &evaluator, Expr expr) {
  llvm::SetVector<Expr> truths;
  DenseSet<Expr> visited;
  collectTruths(evaluator, expr, truths, visited);
  return truths;
}

/// Whether the i1 is somewhere in `expr`.
static bool contains(Evaluator &evaluator, Expr expr, Expr truth, DenseMap<Expr, bool> &known) {
  if (expr == truth)
    return true;
  auto [place, isNew] = known.try_emplace(expr, false);
  if (!isNew)
    return place->second;
  Expr root = evaluator.peel(expr);
  bool found = root == truth || (root->kind == ExprNode::Kind::Apply && !root->value &&
                                 llvm::any_of(root->operands, [&](Expr operand) {
                                   return contains(evaluator, operand, truth, known);
                                 }));
  return known[expr] = found;
}

static Expr choose(Evaluator &evaluator, Expr expr, Expr truth, bool value, DenseMap<Expr, bool> &known) {
  if (expr == truth)
    return evaluator.context.truth(value);
  Expr root = evaluator.peel(expr);
  if (!contains(evaluator, expr, truth, known))
    return root->constant ? root : expr;
  if (root->isSelect() && root->operands[0] == truth)
    return choose(evaluator, root->operands[value ? 1 : 2], truth, value, known);
  auto operands = llvm::map_to_vector<3>(
      root->operands, [&](Expr operand) { return choose(evaluator, operand, truth, value, known); });
  if (root->isApply("arith.mulf"))
    for (Expr operand : operands)
      if (operand->getNumber() == 0.0)
        return operand;
  return evaluator.context.rebuild(root, operands);
}

Expr choose(Evaluator &evaluator, Expr expr, Expr truth, bool value) {
  DenseMap<Expr, bool> known;
  return choose(evaluator, expr, truth, value, known);
}

std::optional<OfTruth> matchOfTruth(Evaluator &evaluator, Expr expr) {
  llvm::SetVector<Expr> truths = truthsOf(evaluator, expr);
  if (truths.size() != 1)
    return std::nullopt;
  Expr truth = truths.front();
  DenseMap<Expr, Expr> ifTrue, ifFalse;
  std::optional<double> whenTrue = assume(evaluator, expr, truth, true, ifTrue)->getNumber();
  std::optional<double> whenFalse = assume(evaluator, expr, truth, false, ifFalse)->getNumber();
  if (!whenTrue || !whenFalse)
    return std::nullopt;
  return OfTruth{truth, *whenTrue, *whenFalse};
}

std::optional<Decided> matchDecided(Evaluator &evaluator, Expr expr,
                                    llvm::function_ref<bool(double)> wanted) {
  llvm::SetVector<Expr> truths = truthsOf(evaluator, expr);
  constexpr size_t kMost = 8;
  if (truths.size() > kMost)
    return std::nullopt;
  for (Expr truth : truths)
    for (bool value : {false, true}) {
      std::optional<double> number = assume(evaluator, expr, truth, value)->getNumber();
      if (number && wanted(*number))
        return Decided{truth, value, *number, assume(evaluator, expr, truth, !value)};
    }
  return std::nullopt;
}

std::optional<Condition> simplifyTruth(Evaluator &evaluator, Expr condition) {
  bool isOfNumbers =
      condition->kind == ExprNode::Kind::Apply && condition->op && !condition->value &&
      llvm::none_of(condition->operands, [](Expr operand) { return operand->type.isInteger(1); });
  if (!isOfNumbers)
    return std::nullopt;
  std::optional<OfTruth> found = matchOfTruth(evaluator, condition);
  if (!found || found->whenTrue == found->whenFalse)
    return std::nullopt;
  return Condition{found->truth, found->whenTrue == 0.0};
}

} // namespace gqa
