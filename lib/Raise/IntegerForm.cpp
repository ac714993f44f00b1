// Comparisons of coordinates with data.
#include "gqa/Raise/IntegerForm.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace gqa {

void IntegerForm::addData(Expr expr, int64_t coefficient) {
  auto it = llvm::find_if(data, [&](auto &entry) { return entry.first == expr; });
  if (it == data.end())
    data.emplace_back(expr, coefficient);
  else if ((it->second += coefficient) == 0)
    data.erase(it);
}

/// Sizes that are not known are data, coordinates are not.
void IntegerForm::addAffine(ExprContext &context, AffineExpr expr, int64_t factor) {
  LinearForm form = LinearForm::of(expr), coordinates;
  coordinates.constant = form.constant;
  Type type = IndexType::get(expr.getContext());
  for (auto [term, coefficient] : form.terms) {
    if (term.isSymbolicOrConstant())
      addData(context.index(term, type), coefficient * factor);
    else
      coordinates.add(term, coefficient);
  }
  affine = affine + coordinates.build(expr.getContext()) * factor;
}

void IntegerForm::accumulate(Evaluator &evaluator, Expr expr, int64_t factor, unsigned depth) {
  constexpr unsigned kDeepest = 12; // a position is a few sums
  expr = evaluator.peel(expr);
  if (depth > kDeepest)
    return addData(evaluator.expandAll(expr), factor);
  if (expr->kind == ExprNode::Kind::Index)
    return addAffine(evaluator.context, expr->affine, factor);
  if (expr->isApply("arith.addi") || expr->isApply("arith.subi")) {
    accumulate(evaluator, expr->operands[0], factor, depth + 1);
    return accumulate(evaluator, expr->operands[1], expr->isApply("arith.addi") ? factor : -factor,
                      depth + 1);
  }
  if (expr->isApply("arith.index_cast") || expr->isApply("arith.extsi"))
    return accumulate(evaluator, expr->operands[0], factor, depth + 1);
  addData(evaluator.expandAll(expr), factor);
}

bool IntegerForm::hasSameData(const IntegerForm &other, int64_t factor) const {
  if (data.size() != other.data.size())
    return false;
  return llvm::all_of(data, [&](auto &entry) {
    return llvm::is_contained(other.data, std::pair(entry.first, entry.second * factor));
  });
}

/// Whether a number is a coordinate or data as it is, not computed.
static bool isPlain(Evaluator &evaluator, Expr expr) {
  expr = evaluator.peel(expr);
  return expr->kind != ExprNode::Kind::Apply || expr->value;
}

std::optional<IntegerForm> matchNotNegative(Evaluator &evaluator, Expr condition, bool negated) {
  using Comparison = ExprNode::Comparison;
  ExprContext &context = evaluator.context;
  IntegerForm form{context.space.constant(0), {}};
  if (condition->kind == ExprNode::Kind::Compare && condition->comparison == Comparison::NotNegative) {
    form.addAffine(context, negated ? -condition->affine - 1 : condition->affine, 1);
    return form;
  }
  auto compare = condition->op ? dyn_cast<arith::CmpIOp>(condition->op) : nullptr;
  if (!compare || condition->operands[0]->type.isInteger(1))
    return std::nullopt;
  Type type = condition->operands[0]->type;
  bool mayWrapAround = !type.isIndex() && type.getIntOrFloatBitWidth() < 64;
  using Predicate = arith::CmpIPredicate;
  Predicate predicate = negated ? arith::invertPredicate(compare.getPredicate()) : compare.getPredicate();
  bool isLess = predicate == Predicate::sle || predicate == Predicate::slt;
  bool isGreater = predicate == Predicate::sge || predicate == Predicate::sgt;
  if (!isLess && !isGreater)
    return std::nullopt;
  for (auto [operand, factor] : {std::pair(condition->operands[0], isLess ? -1 : 1),
                                 std::pair(condition->operands[1], isLess ? 1 : -1)}) {
    if (mayWrapAround && !isPlain(evaluator, operand)) // a sum is what it is computed as
      form.addData(evaluator.expandAll(operand), factor);
    else
      form.accumulate(evaluator, operand, factor);
  }
  if (predicate == Predicate::slt || predicate == Predicate::sgt)
    form.affine = form.affine - 1;
  form.affine = context.space.simplify(form.affine);
  return form;
}

} // namespace gqa
