// Batch, head, group and query among the dimensions of an output that may have any of them collapsed.
#include "gqa/Raise/Axes.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;

namespace gqa {
namespace {

using Sequence = SmallVector<unsigned, 2>;

/// The numbers by which a reshape divides `variable` somewhere in `expr`: `variable floordiv c`, `variable
/// mod c`.
void collectDivisors(AffineExpr expr, unsigned variable, llvm::SmallSet<int64_t, 4> &divisors) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return;
  auto divisor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  auto dim = dyn_cast<AffineDimExpr>(binary.getLHS());
  bool divides = expr.getKind() == AffineExprKind::FloorDiv || expr.getKind() == AffineExprKind::Mod;
  if (divides && divisor && dim && dim.getPosition() == variable)
    divisors.insert(divisor.getValue());
  collectDivisors(binary.getLHS(), variable, divisors);
  collectDivisors(binary.getRHS(), variable, divisors);
}

/// Replaces `variable` in every expression of the match.
void replaceVariable(ExprContext &context, AttentionMatch &match, unsigned variable, AffineExpr by) {
  match.forEach([&](Expr &expr) { expr = context.substitute(expr, variable, by); });
}

/// Splits one dimension of the output at the divisors; its variables, outermost first, without those of
/// size 1.
Sequence splitDimension(ExprContext &context, AttentionMatch &match, unsigned variable,
                        const llvm::SmallSet<int64_t, 4> &divisors) {
  int64_t size = context.space.sizeOf(variable);
  if (size == 1)
    return {};
  SmallVector<int64_t> sorted(divisors.begin(), divisors.end());
  llvm::sort(sorted, std::greater<>());
  int64_t left = size; // of a size that is not known, a reshape says that the divisors divide it
  bool isChain = llvm::all_of(sorted, [&](int64_t divisor) {
    return (ShapedType::isDynamic(left) || left % divisor == 0) && (left = divisor);
  });
  if (!isChain || sorted.empty())
    return {variable};
  Sequence variables;
  AffineExpr sum = context.space.constant(0);
  left = size;
  sorted.push_back(1);
  for (int64_t divisor : sorted) {
    if (left == divisor)
      continue;
    AffineExpr extent = context.space.extentOf(variable), number = context.space.constant(divisor);
    AffineExpr part = !ShapedType::isDynamic(left)
                          ? context.space.addVariable(left / divisor)
                          : context.space.addVariable(extent ? context.sizes.divide(extent, number) : extent);
    variables.push_back(context.space.numVariables() - 1);
    sum = sum + part * divisor;
    left = divisor;
  }
  replaceVariable(context, match, variable, sum);
  return variables;
}

/// True if some tensor on the way to q has a dimension in which `inner` directly follows `outer`: one group's
/// queries stand together because they belong to one head.
bool standTogether(ExprContext &context, ArrayRef<Expr> chain, unsigned outer, unsigned inner) {
  for (Expr element : chain)
    for (AffineExpr index : element->indices) {
      LinearForm form = LinearForm::of(index);
      int64_t innerSize = context.space.sizeOf(inner);
      AffineExpr outerExpr = getAffineDimExpr(outer, context.space.getContext());
      AffineExpr innerExpr = getAffineDimExpr(inner, context.space.getContext());
      if (form.terms.size() == 2 && form.coefficientOf(innerExpr) == 1 &&
          form.coefficientOf(outerExpr) == innerSize)
        return true;
    }
  return false;
}

/// True if a mask compares the variable with the key: it is a position, so a query and no head.
bool isPosition(Evaluator &evaluator, const AttentionMatch &match, unsigned variable) {
  return llvm::any_of(match.conditions, [&](const Condition &condition) {
    Expr expanded = evaluator.expandAll(condition.expr);
    return dependsOn(expanded, variable) && dependsOn(expanded, match.key);
  });
}

/// The row dimensions that K does not see: the queries, and in front of them the group if it is a dimension
/// of its own.
bool assignRows(ExprContext &context, Evaluator &evaluator, Axes &axes, ArrayRef<unsigned> rows) {
  SmallVector<Expr> chain = evaluator.chain(axes.match.q);
  SmallVector<unsigned> group, queries;
  for (unsigned row : rows) {
    bool follows = !axes.h.variables.empty() && group.empty() &&
                   standTogether(context, chain, axes.h.variables.back(), row) &&
                   !isPosition(evaluator, axes.match, row);
    (follows ? group : queries).push_back(row);
  }
  if (group.empty() && queries.size() == 2) {
    bool swap =
        isPosition(evaluator, axes.match, queries[0]) && !isPosition(evaluator, axes.match, queries[1]);
    unsigned which = swap ? 1 : 0;
    group.push_back(queries[which]);
    queries.erase(queries.begin() + which);
  }
  axes.h.variables.append(group);
  axes.i.variables.assign(queries.begin(), queries.end());
  return queries.size() <= 1 && group.size() <= 1;
}

} // namespace

std::optional<Axes> findAxes(ExprContext &context, Evaluator &evaluator, AttentionMatch match,
                             Refusal &refusal) {
  auto refuse = [&](const Twine &reason) {
    refusal.where = match.product;
    refusal.reason = reason.str();
    return std::nullopt;
  };
  Axes axes;
  SmallVector<unsigned> shared,
      rows; // what K depends on: batch and heads; what it does not: group and queries
  for (unsigned row : match.rows) {
    llvm::SmallSet<int64_t, 4> divisors;
    for (Expr element : evaluator.chain(match.q))
      for (AffineExpr index : element->indices)
        collectDivisors(index, row, divisors);
    axes.output.push_back(splitDimension(context, match, row, divisors));
  }
  for (Sequence &dim : axes.output)
    for (unsigned variable : dim) {
      // The operands of the contractions decide, repeated heads included, not what they were moved from.
      bool inQ = dependsOn(match.q, variable), inK = dependsOn(match.k, variable),
           inV = dependsOn(match.v, variable);
      if (!inQ && !inK && inV)
        axes.dv.variables.push_back(variable);
      else if (inK || inV)
        shared.push_back(variable);
      else
        rows.push_back(variable);
    }
  if (axes.dv.variables.size() > 1)
    return refuse("the value dimension is spread over several dimensions");
  axes.match = match;
  // One shared and two own dimensions are a batch over one K/V head, or grouped heads of a single sequence.
  // Of more than two shared ones all but the last are batch.
  bool isBatch = shared.size() >= 2;
  if (shared.size() == 1 && rows.size() == 2)
    isBatch = !standTogether(context, evaluator.chain(match.q), shared.front(), rows.front());
  if (isBatch)
    axes.b.variables.append(shared.begin(), shared.size() == 1 ? shared.end() : shared.end() - 1);
  if (!shared.empty() && !(isBatch && shared.size() == 1))
    axes.h.variables.push_back(shared.back());
  if (!assignRows(context, evaluator, axes, rows))
    return refuse("more than two dimensions belong to q alone; the group and the queries are two");
  if (context.space.sizeOf(match.key) != 1)
    axes.j.variables.push_back(match.key);
  if (context.space.sizeOf(match.keyDim) != 1)
    axes.d.variables.push_back(match.keyDim);
  return axes;
}

} // namespace gqa
