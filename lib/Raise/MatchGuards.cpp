// Guards of the probabilities against rows that see no key.
#include "gqa/Raise/Match.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace gqa {

/// `condition` without its negations, which flip `flag`.
static Expr withoutNegations(Evaluator &evaluator, Expr condition, bool &flag) {
  condition = evaluator.peel(condition);
  while (Expr inner = getNegated(condition)) {
    flag = !flag;
    condition = evaluator.peel(inner);
  }
  return condition;
}

/// `x == -inf` or its opposite: x, and whether it holds where x is greater.
static std::pair<Expr, bool> matchVisible(Expr condition) {
  auto compare = condition->op ? dyn_cast<arith::CmpFOp>(condition->op) : nullptr;
  if (!compare || condition->operands[1]->getNumber() != -std::numeric_limits<double>::infinity())
    return {nullptr, false};
  using Predicate = arith::CmpFPredicate;
  bool isHidden = llvm::is_contained({Predicate::OEQ, Predicate::UEQ}, compare.getPredicate());
  bool isSeen = llvm::is_contained({Predicate::ONE, Predicate::UNE, Predicate::OGT, Predicate::UGT},
                                   compare.getPredicate());
  return {isHidden || isSeen ? condition->operands[0] : nullptr, isSeen};
}

/// "Some key is alive", or its opposite: any over the keys of s != -inf, all of s == -inf, or the maximum of
/// s compared with -inf, negated or not.
std::optional<Matcher::Guard> Matcher::matchGuard(Expr condition) {
  bool negated = false, perKeyNegated = false;
  condition = withoutNegations(evaluator, condition, negated);
  if (auto [maximum, seen] = matchVisible(condition); maximum) {
    std::optional<Reduction> reduction = evaluator.reduction(evaluator.peelCasts(maximum));
    if (!reduction || reduction->variables.size() != 1 || reduction->kind != Reduction::Kind::Max)
      return std::nullopt;
    return Guard{*reduction, evaluator.peelCasts(reduction->body), seen != negated};
  }
  std::optional<Reduction> reduction = evaluator.reduction(condition);
  if (!reduction || reduction->variables.size() != 1 ||
      (reduction->kind != Reduction::Kind::Any && reduction->kind != Reduction::Kind::All))
    return std::nullopt;
  auto [scores, isSeen] = matchVisible(withoutNegations(evaluator, reduction->body, perKeyNegated));
  bool seen = isSeen != perKeyNegated;
  // Any hidden, or all seen, is something else.
  if (!scores || seen != (reduction->kind == Reduction::Kind::Any))
    return std::nullopt;
  return Guard{*reduction, evaluator.peelCasts(scores), seen != negated};
}

/// Whether a guard that looks at `guard.scores` tells which rows of `scores` see a key: they are the scores,
/// or all that can hide keys in them, a mask that is added.
bool Matcher::isAbout(const Guard &guard, Expr scores, const AttentionMatch &match) {
  scores = evaluator.peelCasts(scores);
  if (sameOver(guard.reduction, match.key, guard.scores, scores))
    return true;
  if (!scores->isApply("arith.addf"))
    return false;
  for (unsigned side : {0, 1}) {
    Expr mask = evaluator.peelCasts(scores->operands[side]);
    if (sameOver(guard.reduction, match.key, guard.scores, mask))
      return containsDot(scores->operands[1 - side], match.key) &&
             !hidesKeys(evaluator, scores->operands[1 - side]);
  }
  return false;
}

/// `alive ? p : 0`: what p is where some key is alive.
std::optional<Matcher::Guard> Matcher::takeGuard(Expr &probabilities) {
  if (!probabilities->isSelect())
    return std::nullopt;
  std::optional<Guard> guard = matchGuard(probabilities->operands[0]);
  if (!guard)
    return std::nullopt;
  Expr then = probabilities->operands[1], otherwise = probabilities->operands[2];
  Expr zero = evaluator.peelCasts(guard->alive ? otherwise : then);
  if (zero->getNumber() != 0.0)
    return std::nullopt;
  probabilities = evaluator.peelCasts(guard->alive ? then : otherwise);
  return guard;
}

/// `isnan(p) ? 0 : p`: ONNX's form of the same guard.
bool Matcher::takeNaNGuard(Expr &probabilities) {
  if (!probabilities->isSelect())
    return false;
  Expr condition = evaluator.peel(probabilities->operands[0]);
  auto compare = condition->op ? dyn_cast<arith::CmpFOp>(condition->op) : nullptr;
  using Predicate = arith::CmpFPredicate;
  if (!compare || (compare.getPredicate() != Predicate::UNE && compare.getPredicate() != Predicate::UNO) ||
      condition->operands[0] != condition->operands[1])
    return false;
  if (evaluator.peelCasts(probabilities->operands[1])->getNumber() != 0.0 ||
      evaluator.peelCasts(probabilities->operands[2]) != evaluator.peelCasts(condition->operands[0]))
    return false;
  probabilities = evaluator.peelCasts(probabilities->operands[2]);
  return true;
}

} // namespace gqa
