// Sums of products with one-hot vectors of constants, which choose one element: how matrices repeat or
// reorder heads.
#include "gqa/Raise/Evaluator.h"
#include "gqa/Raise/IndexTable.h"
#include "gqa/Raise/PointEvaluator.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace gqa {

/// What may be such a vector: a table, or a condition as a number. Anything else is not worth looking at.
static bool isTable(Expr expr) {
  Attribute constant;
  return expr->isLoad() ? matchPattern(expr->value, m_Constant(&constant))
                        : expr->isApply("arith.uitofp") || expr->isApply("arith.sitofp") || expr->isSelect();
}

/// Whether anything in the expression is known only when the program runs. Most vectors say so at the first
/// look, long before all that they are computed from is expanded.
static bool readsData(Evaluator &evaluator, Expr expr, DenseSet<Expr> &visited) {
  if (!visited.insert(expr).second)
    return false;
  Expr root = evaluator.peel(expr);
  Attribute constant;
  if (root->kind == ExprNode::Kind::Scalar ||
      (root->value && !matchPattern(root->value, m_Constant(&constant))))
    return true;
  return llvm::any_of(llvm::reverse(root->operands),
                      [&](Expr operand) { return readsData(evaluator, operand, visited); });
}

/// Where along `variable` the one 1 of a vector of zeros stands, as an expression of the other coordinates.
/// Null if `vector` is anything else, or its places follow no coordinates.
static AffineExpr findOne(ExprContext &context, Expr vector, unsigned variable) {
  PointEvaluator points(context);
  std::optional<Points> others =
      points.isConstant(vector) ? pointsOf(context, vector, variable) : std::nullopt;
  int64_t size = context.space.sizeOf(variable);
  if (!others || ShapedType::isDynamic(size) || size == 0 || others->count > kMostIndices / size)
    return nullptr;
  SmallVector<int64_t> places;
  for (int64_t position = 0; position < others->count; ++position) {
    others->set(points, position);
    std::optional<int64_t> place;
    for (int64_t candidate = 0; candidate < size; ++candidate) {
      points.set(variable, candidate);
      std::optional<double> value = points.evaluate(vector);
      if (!value || (*value != 0.0 && (*value != 1.0 || place)))
        return nullptr;
      if (*value == 1.0)
        place = candidate;
    }
    if (!place)
      return nullptr;
    places.push_back(*place);
  }
  AffineExpr fitted =
      fitTable(others->shape, [&](int64_t position) { return places[position]; }, context.space.getContext());
  return fitted ? fitted.replaceDims(others->variables) : fitted;
}

Expr Evaluator::chosenElement(Expr load) {
  std::optional<Reduction> sum = reduction(load);
  Expr body = sum && sum->kind == Reduction::Kind::Sum ? peel(sum->body) : nullptr;
  if (!body || !body->isApply("arith.mulf"))
    return nullptr;
  for (unsigned side : {0, 1}) {
    Expr vector = peelCasts(body->operands[side]);
    DenseSet<Expr> visited;
    bool mayChoose = isTable(vector) && !readsData(*this, vector, visited);
    AffineExpr one = mayChoose ? findOne(context, expandAll(vector), sum->variable) : AffineExpr();
    if (one) // the other elements, which are multiplied by zeros, are taken to be finite
      return context.substitute(body->operands[1 - side], sum->variable, one);
  }
  return nullptr;
}

} // namespace gqa
