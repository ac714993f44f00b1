// The softmax between the two contractions: exp(s - max s) / sum exp(s - max s), guarded or not.
#include "gqa/Raise/Match.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace gqa {

bool Matcher::refuse(Operation *where, const Twine &reason) {
  if (refusal->reason.empty()) {
    refusal->where = where ? where : refusal->exponential; // a select that no operation wrote is nowhere
    refusal->reason = reason.str();
  }
  return false;
}

/// True if `body`, a part of the reduction's body, is `expr` when the reduction stands at `variable`.
bool Matcher::sameOver(const Reduction &reduction, unsigned variable, Expr body, Expr expr) {
  if (reduction.variables.size() != 1 ||
      context.space.sizeOf(reduction.variables[0]) != context.space.sizeOf(variable))
    return false;
  // What changes with the key while it is reduced: the diagonal would say nothing about it.
  if (dependsOn(body, variable))
    return false;
  AffineExpr replacement = getAffineDimExpr(variable, context.space.getContext());
  body = context.substitute(body, reduction.variables[0], replacement);
  return body == expr || evaluator.expandAll(body) == evaluator.expandAll(expr);
}

/// "Some key is alive", or its opposite: any over the keys of s != -inf, all of s == -inf, negated or not.
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
  std::optional<Reduction> reduction = evaluator.reduction(withoutNegations(condition, negated));
  if (!reduction || reduction->variables.size() != 1 ||
      (reduction->kind != Reduction::Kind::Any && reduction->kind != Reduction::Kind::All))
    return std::nullopt;
  Expr perKey = withoutNegations(reduction->body, perKeyNegated);
  auto compare = perKey->op ? dyn_cast<arith::CmpFOp>(perKey->op) : nullptr;
  if (!compare || perKey->operands[1]->getNumber() != -std::numeric_limits<double>::infinity())
    return std::nullopt;
  using Predicate = arith::CmpFPredicate;
  bool isHidden = llvm::is_contained({Predicate::OEQ, Predicate::UEQ}, compare.getPredicate());
  bool isSeen = llvm::is_contained({Predicate::ONE, Predicate::UNE, Predicate::OGT, Predicate::UGT},
                                   compare.getPredicate());
  bool seen = isSeen != perKeyNegated;
  // Any hidden, or all seen, is something else.
  bool about = seen == (reduction->kind == Reduction::Kind::Any);
  if ((!isHidden && !isSeen) || !about)
    return std::nullopt;
  return Guard{*reduction, evaluator.peelCasts(perKey->operands[0]), seen != negated};
}

/// p = e / sum e, or e * (1 / sum e): e and the sum.
static std::pair<Expr, Expr> matchQuotient(Evaluator &evaluator, Expr expr) {
  if (expr->isApply("arith.divf"))
    return {expr->operands[0], expr->operands[1]};
  if (!expr->isApply("arith.mulf"))
    return {nullptr, nullptr};
  for (auto [e, inverse] :
       {std::pair(expr->operands[0], expr->operands[1]), std::pair(expr->operands[1], expr->operands[0])}) {
    Expr root = evaluator.peelCasts(inverse);
    if (root->isApply("arith.divf") && evaluator.peelCasts(root->operands[0])->getNumber() == 1.0)
      return {e, root->operands[1]};
  }
  return {nullptr, nullptr};
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

bool Matcher::matchSoftmax(Expr probabilities, AttentionMatch &match, Expr &scores) {
  Expr p = evaluator.peelCasts(probabilities);
  std::optional<Guard> guard = takeGuard(p);
  bool guarded = guard || takeNaNGuard(p);
  auto [numerator, denominator] = matchQuotient(evaluator, p);
  Expr e = numerator ? evaluator.peelCasts(numerator) : nullptr;
  if (!e || !e->isApply("math.exp"))
    return false;
  match.exponential = refusal->exponential = e->op->getParentOp();
  Expr argument = evaluator.peelCasts(e->operands[0]);
  if (!argument->isApply("arith.subf"))
    return refuse(e->op, "the argument of the exponential is not a score minus the maximum of the scores");
  scores = argument->operands[0];
  std::optional<Reduction> sum = evaluator.reduction(evaluator.peelCasts(denominator));
  if (!sum || sum->kind != Reduction::Kind::Sum || !sameOver(*sum, match.key, sum->body, numerator))
    return refuse(match.exponential,
                  "the softmax does not run over the keys that the product with V contracts: the "
                  "denominator is not the sum of the exponentials over them");
  std::optional<Reduction> maximum = evaluator.reduction(evaluator.peelCasts(argument->operands[1]));
  if (!maximum || maximum->kind != Reduction::Kind::Max ||
      !sameOver(*maximum, match.key, maximum->body, scores))
    return refuse(match.exponential, "what is subtracted from the scores is not their maximum over the keys");
  if (guard && !sameOver(guard->reduction, match.key, guard->scores, evaluator.peelCasts(scores)))
    return refuse(match.exponential, "the guard against empty rows looks at something other than the scores");
  match.deadRow = guarded ? DeadRow::Zero : DeadRow::NaN;
  return true;
}

} // namespace gqa
