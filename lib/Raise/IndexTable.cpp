// Tables of integers, fitted by sums of digits.
#include "gqa/Raise/IndexTable.h"
#include "gqa/Raise/PointEvaluator.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace gqa {

/// One coordinate `x` of `values.size()` values, digit by digit: the longest run that grows by one step is
/// the first digit's, and what is left when that digit is taken off, one value for each run, is fitted alike.
static AffineExpr fitDigits(ArrayRef<int64_t> values, AffineExpr x) {
  int64_t first = values.front(), count = values.size();
  if (count == 1)
    return getAffineConstantExpr(first, x.getContext());
  int64_t step = values[1] - first, radix = 2;
  while (radix < count && values[radix] == first + step * radix)
    ++radix;
  if (radix == count)
    return x * step + first;
  SmallVector<int64_t> rest;
  for (int64_t place = 0; place < count; ++place) {
    if (place % radix == 0)
      rest.push_back(values[place]);
    else if (values[place] != rest.back() + step * (place % radix))
      return nullptr;
  }
  AffineExpr fitted = fitDigits(rest, x.floorDiv(radix));
  return fitted ? x % radix * step + fitted : fitted;
}

AffineExpr fitTable(ArrayRef<int64_t> shape, llvm::function_ref<int64_t(int64_t)> at, MLIRContext *context) {
  if (llvm::is_contained(shape, 0))
    return nullptr;
  int64_t corner = at(0), stride = 1;
  AffineExpr sum = getAffineConstantExpr(corner, context);
  SmallVector<SmallVector<int64_t>> columns(shape.size()); // what each coordinate adds to the corner
  for (size_t dim = shape.size(); dim-- > 0; stride *= shape[dim]) {
    for (int64_t place = 0; place < shape[dim]; ++place)
      columns[dim].push_back(at(place * stride) - corner);
    AffineExpr fitted = fitDigits(columns[dim], getAffineDimExpr(dim, context));
    if (!fitted)
      return nullptr;
    sum = sum + fitted;
  }
  for (int64_t position = 0; position < stride; ++position) {
    int64_t expected = corner, rest = position;
    for (size_t dim = shape.size(); dim-- > 0; rest /= shape[dim])
      expected += columns[dim][rest % shape[dim]];
    if (at(position) != expected)
      return nullptr;
  }
  return sum;
}

std::optional<Points> pointsOf(ExprContext &context, Expr expr, std::optional<unsigned> without) {
  Points points;
  for (unsigned variable = 0; variable < context.space.numVariables(); ++variable) {
    if (variable == without || !dependsOn(expr, variable))
      continue;
    int64_t size = context.space.sizeOf(variable);
    if (ShapedType::isDynamic(size) || size == 0 || points.count > kMostIndices / size)
      return std::nullopt;
    points.count *= size;
    points.shape.push_back(size);
    points.variables.push_back(getAffineDimExpr(variable, context.space.getContext()));
  }
  return points;
}

void Points::set(PointEvaluator &evaluator, int64_t position) const {
  for (size_t dim = shape.size(); dim-- > 0; position /= shape[dim])
    evaluator.set(cast<AffineDimExpr>(variables[dim]).getPosition(), position % shape[dim]);
}

Expr tabulate(ExprContext &context, Expr expr) {
  PointEvaluator evaluator(context);
  if (!expr->type.isIntOrIndex() || expr->type.isInteger(1) || !evaluator.isConstant(expr))
    return nullptr;
  std::optional<Points> points = pointsOf(context, expr);
  if (!points)
    return nullptr;
  SmallVector<int64_t> values;
  for (int64_t position = 0; position < points->count; ++position) {
    points->set(evaluator, position);
    std::optional<double> value = evaluator.evaluate(expr);
    if (!value)
      return nullptr;
    values.push_back(static_cast<int64_t>(*value));
  }
  AffineExpr fitted =
      fitTable(points->shape, [&](int64_t position) { return values[position]; }, context.space.getContext());
  return fitted ? context.index(fitted.replaceDims(points->variables), expr->type) : nullptr;
}

} // namespace gqa
