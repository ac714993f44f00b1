// Constants, and arithmetic on them and on coordinates, that spell out a causal mask or a window.
#include "gqa/Raise/ConstantMask.h"
#include "gqa/Raise/PointEvaluator.h"

using namespace mlir;

namespace gqa {
namespace {

/// The seen keys of a constant mask as a table over (row, key).
struct Table {
  int64_t rows, keys;
  std::vector<bool> seen;
};

/// The largest table that is looked at: beyond it a constant stays a dense mask.
constexpr int64_t kMaxElements = int64_t(1) << 24;

/// Reads a mask that only constants and coordinates make, point by point.
class MaskReader {
public:
  MaskReader(PointEvaluator &points, Expr expr, bool trueHides)
      : points(points), expr(expr), trueHides(trueHides) {}

  void set(unsigned variable, int64_t value) { points.set(variable, value); }

  /// Seen where 0 (or true), hidden where absorbing (or false); none at any other number, or at a second kind
  /// of absorbing one, which makes it no mask.
  std::optional<bool> isSeen() {
    std::optional<double> element = points.evaluate(expr);
    if (!element)
      return std::nullopt;
    if (expr->type.isInteger(1))
      return (*element != 0.0) != trueHides;
    if (*element == 0.0 && !trueHides)
      return true;
    if (trueHides || !isAbsorbing(*element, expr->type) || (fill != 0.0 && fill != *element))
      return std::nullopt;
    fill = *element;
    return false;
  }

  double fill = 0;

private:
  PointEvaluator &points;
  Expr expr;
  bool trueHides;
};

/// The mask over `row` and `key`, if no other coordinate (each with its size in `others`) changes it.
bool readTable(MaskReader &reader, std::optional<unsigned> row, unsigned key,
               ArrayRef<std::pair<unsigned, int64_t>> others, Table &table) {
  if (!others.empty()) {
    for (int64_t value = 0; value < others.front().second; ++value) {
      reader.set(others.front().first, value);
      if (!readTable(reader, row, key, others.drop_front(), table))
        return false;
    }
    return true;
  }
  bool first = table.seen.empty();
  for (int64_t i = 0; i < table.rows; ++i)
    for (int64_t j = 0; j < table.keys; ++j) {
      if (row)
        reader.set(*row, i);
      reader.set(key, j);
      std::optional<bool> seen = reader.isSeen();
      if (!seen || (!first && table.seen[i * table.keys + j] != *seen))
        return false;
      if (first)
        table.seen.push_back(*seen);
    }
  return true;
}

/// Exactly `j <= i + offset` and `j >= i - left`, for the tightest such numbers; false if nothing is seen.
bool isBand(const Table &table, int64_t &offset, int64_t &left) {
  offset = std::numeric_limits<int64_t>::min();
  left = std::numeric_limits<int64_t>::min();
  for (int64_t i = 0; i < table.rows; ++i)
    for (int64_t j = 0; j < table.keys; ++j)
      if (table.seen[i * table.keys + j]) {
        offset = std::max(offset, j - i);
        left = std::max(left, i - j);
      }
  if (offset == std::numeric_limits<int64_t>::min())
    return false;
  for (int64_t i = 0; i < table.rows; ++i)
    for (int64_t j = 0; j < table.keys; ++j)
      if (table.seen[i * table.keys + j] != (j <= i + offset && j >= i - left))
        return false;
  return true;
}

} // namespace

std::optional<SmallVector<Expr>> matchConstantMask(Evaluator &evaluator, Expr mask, ArrayRef<unsigned> rows,
                                                   unsigned key, bool trueHides, double &fill) {
  ExprContext &context = evaluator.context;
  Expr expr = evaluator.expandAll(mask);
  PointEvaluator points(context);
  if (!points.isConstant(expr))
    return std::nullopt;
  SmallVector<unsigned> dependent;
  for (unsigned variable = 0; variable < context.space.numVariables(); ++variable) {
    if (variable == key || !dependsOn(expr, variable))
      continue;
    if (!llvm::is_contained(rows, variable))
      return std::nullopt;
    dependent.push_back(variable);
  }
  int64_t total = 1;
  for (unsigned variable : llvm::concat<unsigned>(dependent, SmallVector<unsigned>{key})) {
    int64_t size = context.space.sizeOf(variable);
    if (ShapedType::isDynamic(size) || size == 0 || total > kMaxElements / size)
      return std::nullopt;
    total *= size;
  }
  // The innermost dimension that the mask follows is the query; outer ones are batch and heads, all alike. Or
  // all of them are.
  SmallVector<size_t> places(llvm::reverse(llvm::seq<size_t>(0, dependent.size())));
  places.push_back(dependent.size());
  for (size_t k : places) {
    std::optional<unsigned> row;
    SmallVector<std::pair<unsigned, int64_t>> others;
    for (auto [position, variable] : llvm::enumerate(dependent)) {
      if (position == k)
        row = variable;
      else
        others.emplace_back(variable, context.space.sizeOf(variable));
    }
    Table table{row ? context.space.sizeOf(*row) : 1, context.space.sizeOf(key), {}};
    MaskReader reader(points, expr, trueHides);
    int64_t offset, left;
    if (!readTable(reader, row, key, others, table) || !isBand(table, offset, left))
      continue;
    fill = reader.fill;
    AffineExpr i = row ? getAffineDimExpr(*row, context.space.getContext()) : context.space.constant(0);
    AffineExpr j = getAffineDimExpr(key, context.space.getContext());
    using Comparison = ExprNode::Comparison;
    return SmallVector<Expr>{context.compare(Comparison::NotNegative, i + offset - j),
                             context.compare(Comparison::NotNegative, j - i + left)};
  }
  return std::nullopt;
}

} // namespace gqa
