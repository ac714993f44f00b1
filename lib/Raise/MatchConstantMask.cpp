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
  MaskReader(PointEvaluator &points, Expr expr, bool trueHides, double least)
      : points(points), expr(expr), load(PointEvaluator::findOnlyLoad(expr)), trueHides(trueHides),
        least(least) {}

  void set(unsigned variable, int64_t value) { points.set(variable, value); }

  /// Seen where 0 (or true), hidden where absorbing (or false); none at any other number, or at a second kind
  /// of absorbing one, which makes it no mask.
  std::optional<bool> isSeen() {
    std::optional<double> element = evaluate();
    if (!element)
      return std::nullopt;
    if (expr->type.isInteger(1))
      return (*element != 0.0) != trueHides;
    if (*element == 0.0 && !trueHides)
      return true;
    if (trueHides || !isAbsorbing(*element, expr->type, least) || (fill != 0.0 && fill != *element))
      return std::nullopt;
    fill = *element;
    return false;
  }

  double fill = 0;

private:
  /// What follows one element of a table is computed once for each number in it, which are few.
  std::optional<double> evaluate() {
    std::optional<double> number = load ? points.evaluate(load) : std::nullopt;
    if (!number)
      return points.evaluate(expr);
    for (auto [from, result] : known)
      if (from == *number)
        return result;
    constexpr size_t kMost = 4;
    std::optional<double> result = points.evaluate(expr);
    if (result && known.size() < kMost)
      known.emplace_back(*number, *result);
    return result;
  }

  PointEvaluator &points;
  Expr expr, load;
  bool trueHides;
  double least;
  SmallVector<std::pair<double, double>> known;
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

/// Bounds of the keys that are seen: `j <= i + offset` and `j >= i - left`.
struct Band {
  std::optional<int64_t> offset, left;
  bool isWhole = true; ///< every key within is seen
};

/// The tightest bounds, if they are all that the mask says; else those that every row of which they leave
/// keys reaches: rows that see less are hidden from by something that is no matter of positions. None if
/// nothing is seen.
std::optional<Band> findBand(const Table &table) {
  auto sees = [&](int64_t i, int64_t j) { return table.seen[i * table.keys + j]; };
  auto forEach = [&](auto visit) {
    for (int64_t i = 0; i < table.rows; ++i)
      for (int64_t j = 0; j < table.keys; ++j)
        visit(i, j);
  };
  constexpr int64_t kNone = std::numeric_limits<int64_t>::min();
  int64_t offset = kNone, left = kNone;
  forEach([&](int64_t i, int64_t j) {
    if (sees(i, j)) {
      offset = std::max(offset, j - i);
      left = std::max(left, i - j);
    }
  });
  if (offset == kNone)
    return std::nullopt;
  Band band{offset, left};
  forEach([&](int64_t i, int64_t j) { band.isWhole &= sees(i, j) == (j <= i + offset && j >= i - left); });
  if (band.isWhole)
    return band;
  // Few rows may reach any bound by chance.
  constexpr int64_t kFewest = 3;
  int64_t upper = 0, lower = 0;
  for (int64_t i = 0; i < table.rows; ++i) {
    bool seesKey = llvm::any_of(llvm::seq(table.keys), [&](int64_t j) { return sees(i, j); });
    int64_t last = i + offset, first = i - left;
    bool isAtLast = last >= 0 && last < table.keys, isAtFirst = first >= 0 && first < table.keys;
    if (!seesKey)
      return std::nullopt;
    if (isAtLast && band.offset && !sees(i, last))
      band.offset.reset();
    if (isAtFirst && band.left && !sees(i, first))
      band.left.reset();
    upper += isAtLast;
    lower += isAtFirst;
  }
  if (upper < kFewest)
    band.offset.reset();
  if (lower < kFewest)
    band.left.reset();
  return band.offset || band.left ? std::optional<Band>(band) : std::nullopt;
}

} // namespace

std::optional<ConstantMask> matchConstantMask(Evaluator &evaluator, Expr mask, ArrayRef<unsigned> rows,
                                              unsigned key, bool trueHides, double least) {
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
    MaskReader reader(points, expr, trueHides, least);
    std::optional<Band> band = readTable(reader, row, key, others, table) ? findBand(table) : std::nullopt;
    if (!band)
      continue;
    AffineExpr i = row ? getAffineDimExpr(*row, context.space.getContext()) : context.space.constant(0);
    AffineExpr j = getAffineDimExpr(key, context.space.getContext());
    ConstantMask found{{}, band->isWhole, reader.fill};
    using Comparison = ExprNode::Comparison;
    if (band->offset)
      found.comparisons.push_back(context.compare(Comparison::NotNegative, i + *band->offset - j));
    if (band->left)
      found.comparisons.push_back(context.compare(Comparison::NotNegative, j - i + *band->left));
    return found;
  }
  return std::nullopt;
}

} // namespace gqa
