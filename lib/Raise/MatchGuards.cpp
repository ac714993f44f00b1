// Guards of the probabilities against rows that see no key.
#include "gqa/Raise/Match.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>

using namespace mlir;

namespace gqa {

/// `x == -inf` (`isHidden`) or its opposite: x.
static Expr matchInfinity(Evaluator &evaluator, Expr expr, bool &isHidden) {
  auto compare = expr->op ? dyn_cast<arith::CmpFOp>(expr->op) : nullptr;
  if (!compare)
    return nullptr;
  auto isInfinity = [&](Expr operand) {
    return evaluator.peelCasts(operand)->getNumber() == -std::numeric_limits<double>::infinity();
  };
  bool flipped = !isInfinity(expr->operands[1]);
  if (flipped && !isInfinity(expr->operands[0]))
    return nullptr;
  using Predicate = arith::CmpFPredicate;
  auto is = [&](std::initializer_list<Predicate> predicates) {
    return llvm::is_contained(predicates, compare.getPredicate());
  };
  isHidden = is({Predicate::OEQ, Predicate::UEQ}) ||
             (flipped ? is({Predicate::OGE, Predicate::UGE}) : is({Predicate::OLE, Predicate::ULE}));
  bool isSeen = is({Predicate::ONE, Predicate::UNE}) ||
                (flipped ? is({Predicate::OLT, Predicate::ULT}) : is({Predicate::OGT, Predicate::UGT}));
  return isHidden || isSeen ? evaluator.peelCasts(expr->operands[flipped ? 1 : 0]) : nullptr;
}

/// "Some key is alive", or its opposite: any over the keys of s != -inf, all of s == -inf, the maximum of s
/// compared with -inf, negated or not.
std::optional<Matcher::Guard> Matcher::matchGuard(Expr condition) {
  bool negated = false, perKeyNegated = false;
  auto withoutNegations = [&](Expr expr, bool &flag) {
    expr = evaluator.peel(expr);
    while (Expr inner = getNegated(expr)) {
      flag = !flag;
      expr = evaluator.peel(inner);
    }
    return expr;
  };
  Expr root = withoutNegations(condition, negated);
  bool isHidden = false;
  if (Expr highest = matchInfinity(evaluator, root, isHidden)) {
    std::optional<Reduction> maximum = evaluator.reduction(highest);
    if (!maximum || maximum->kind != Reduction::Kind::Max)
      return std::nullopt;
    return Guard{*maximum, evaluator.peelCasts(maximum->body), isHidden == negated};
  }
  std::optional<Reduction> reduction = evaluator.reduction(root);
  if (!reduction || (reduction->kind != Reduction::Kind::Any && reduction->kind != Reduction::Kind::All))
    return std::nullopt;
  Expr perKey = withoutNegations(reduction->body, perKeyNegated);
  Expr scores = matchInfinity(evaluator, perKey, isHidden);
  if (!scores)
    return std::nullopt;
  bool seen = isHidden == perKeyNegated;
  // Any hidden, or all seen, is something else.
  bool about = seen == (reduction->kind == Reduction::Kind::Any);
  if (!about)
    return std::nullopt;
  return Guard{*reduction, scores, seen != negated};
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

/// `x == inf ? c : rest` or `x == -inf ? c : rest`: x; `rest` is left.
static Expr takeInfinityTest(Evaluator &evaluator, Expr &expr) {
  Expr condition = expr->isSelect() ? evaluator.peel(expr->operands[0]) : nullptr;
  auto compare = condition && condition->op ? dyn_cast<arith::CmpFOp>(condition->op) : nullptr;
  if (!compare || compare.getPredicate() != arith::CmpFPredicate::OEQ)
    return nullptr;
  std::optional<double> number = evaluator.peelCasts(condition->operands[1])->getNumber();
  if (!number || !std::isinf(*number))
    return nullptr;
  expr = evaluator.peelCasts(expr->operands[2]);
  return evaluator.peelCasts(condition->operands[0]);
}

/// `isnan(p) ? 0 : p`: ONNX's form of the same guard; or torch's `nan_to_num`, which has numbers for
/// infinities as well: no probability is one.
bool Matcher::takeNaNGuard(Expr &guarded) {
  Expr probabilities = guarded;
  SmallVector<Expr, 2> tested;
  while (Expr test = takeInfinityTest(evaluator, probabilities))
    tested.push_back(test);
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
  if (llvm::any_of(tested, [&](Expr test) { return test != probabilities; }))
    return false;
  guarded = probabilities;
  return true;
}

/// `seen ? p : 0` or `hidden ? 0 : p`, where p is a quotient or an exponential; p is left.
std::optional<Matcher::Hidden> Matcher::takeHidden(Expr &probabilities) {
  if (!probabilities->isSelect())
    return std::nullopt;
  for (unsigned side : {1, 2}) {
    if (evaluator.peelCasts(probabilities->operands[side])->getNumber() != 0.0)
      continue;
    Hidden hidden{probabilities->operands[0], side == 1};
    probabilities = evaluator.peelCasts(probabilities->operands[3 - side]);
    return hidden;
  }
  return std::nullopt;
}

/// Whether the same keys are hidden by the scores, and no others: rows are 0 then where no key is seen.
bool Matcher::isAbout(const Hidden &hidden, Expr scores, const AttentionMatch &match) {
  Expr root = evaluator.peelCasts(scores);
  bool areKept = match.score && hidesKeys(evaluator, match.score); // as a region
  if (areKept || !root->isSelect())
    return false;
  Expr fill = evaluator.peelCasts(root->operands[hidden.whenTrue ? 1 : 2]),
       seen = root->operands[hidden.whenTrue ? 2 : 1];
  return fill->getNumber() && hidesKeys(evaluator, fill) && !hidesKeys(evaluator, seen) &&
         evaluator.expandAll(root->operands[0]) == evaluator.expandAll(hidden.condition) &&
         llvm::none_of(match.biases, [&](const Bias &bias) { return mayHide(bias.expr); });
}

} // namespace gqa
