// Guards of the probabilities against rows that see no key.
#include "gqa/Raise/Match.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace gqa {

/// `expr == -inf` (`isHidden`) or its opposite.
static bool matchInfinity(Expr expr, bool &isHidden) {
  auto compare = expr->op ? dyn_cast<arith::CmpFOp>(expr->op) : nullptr;
  if (!compare || expr->operands[1]->getNumber() != -std::numeric_limits<double>::infinity())
    return false;
  using Predicate = arith::CmpFPredicate;
  isHidden = llvm::is_contained({Predicate::OEQ, Predicate::UEQ, Predicate::OLE, Predicate::ULE},
                                compare.getPredicate());
  return isHidden || llvm::is_contained({Predicate::ONE, Predicate::UNE, Predicate::OGT, Predicate::UGT},
                                        compare.getPredicate());
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
  if (matchInfinity(root, isHidden)) {
    std::optional<Reduction> maximum = evaluator.reduction(evaluator.peelCasts(root->operands[0]));
    if (!maximum || maximum->variables.size() != 1 || maximum->kind != Reduction::Kind::Max)
      return std::nullopt;
    return Guard{*maximum, evaluator.peelCasts(maximum->body), isHidden == negated};
  }
  std::optional<Reduction> reduction = evaluator.reduction(root);
  if (!reduction || reduction->variables.size() != 1 ||
      (reduction->kind != Reduction::Kind::Any && reduction->kind != Reduction::Kind::All))
    return std::nullopt;
  Expr perKey = withoutNegations(reduction->body, perKeyNegated);
  if (!matchInfinity(perKey, isHidden))
    return std::nullopt;
  bool seen = isHidden == perKeyNegated;
  // Any hidden, or all seen, is something else.
  bool about = seen == (reduction->kind == Reduction::Kind::Any);
  if (!about)
    return std::nullopt;
  return Guard{*reduction, evaluator.peelCasts(perKey->operands[0]), seen != negated};
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
