// A constant tensor that spells out a causal mask or a window, as front ends fold them.
#include "gqa/Raise/ConstantData.h"
#include "gqa/Raise/Match.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace gqa {
namespace {

/// The seen keys of a constant mask as a table over (row, key).
struct Table {
  int64_t rows, keys;
  std::vector<bool> seen;
};

/// The largest table that is looked at: beyond it a constant stays a dense mask.
constexpr int64_t kMaxElements = int64_t(1) << 26;

/// The value of an expression of positive divisors at a point.
int64_t evaluate(AffineExpr expr, ArrayRef<int64_t> coordinates) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return coordinates[dim.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t left = evaluate(binary.getLHS(), coordinates), right = evaluate(binary.getRHS(), coordinates);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return left + right;
  case AffineExprKind::Mul:
    return left * right;
  case AffineExprKind::FloorDiv:
    return llvm::divideFloorSigned(left, right);
  case AffineExprKind::CeilDiv:
    return llvm::divideCeilSigned(left, right);
  default:
    return llvm::mod(left, right);
  }
}

/// Reads a constant mask element by element.
class MaskReader {
public:
  /// None if the load is not always inside of the tensor.
  static std::optional<MaskReader> create(const ExprContext &context, Expr load, ConstantData data,
                                          bool trueHides) {
    AffineExpr position = context.space.constant(0);
    for (auto [index, size] : llvm::zip_equal(load->indices, data.getType().getShape())) {
      IndexSpace::Range range = context.space.rangeOf(index);
      if (range.low < 0 || range.high >= size)
        return std::nullopt;
      position = position * size + index;
    }
    return MaskReader(data, trueHides, context.space.simplify(position), context.space.numVariables());
  }

  void set(unsigned variable, int64_t value) { coordinates[variable] = value; }
  bool dependsOn(unsigned variable) const { return gqa::dependsOn(position, variable); }

  /// Seen where 0 (or true), hidden where absorbing (or false); none at any other number, or at a second kind
  /// of absorbing one, which makes it no mask.
  std::optional<bool> isSeen() {
    Type type = data.getType().getElementType();
    double element = data.at(evaluate(position, coordinates));
    if (type.isInteger(1))
      return (element != 0.0) != trueHides;
    if (element == 0.0 && !trueHides)
      return true;
    if (trueHides || !isAbsorbing(element, type) || (fill != 0.0 && fill != element))
      return std::nullopt;
    fill = element;
    return false;
  }

  double fill = 0;

private:
  MaskReader(ConstantData data, bool trueHides, AffineExpr position, unsigned numVariables)
      : data(data), trueHides(trueHides), position(position), coordinates(numVariables, 0) {}

  ConstantData data;
  bool trueHides;
  AffineExpr position; ///< in row-major order
  SmallVector<int64_t> coordinates;
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

std::optional<SmallVector<Expr>> matchConstantMask(ExprContext &context, Expr load, ArrayRef<unsigned> rows,
                                                   unsigned key, bool trueHides, double &fill) {
  std::optional<ConstantData> data = ConstantData::of(load->value);
  if (!data || data->getType().getNumElements() > kMaxElements)
    return std::nullopt;
  std::optional<MaskReader> reader = MaskReader::create(context, load, *data, trueHides);
  if (!reader)
    return std::nullopt;
  SmallVector<unsigned> dependent;
  for (unsigned variable = 0; variable < context.space.numVariables(); ++variable) {
    if (variable == key || !reader->dependsOn(variable))
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
  // The innermost dimension that the mask follows is the query; outer ones are batch and heads, all alike.
  for (size_t k = std::max<size_t>(dependent.size(), 1); k-- > 0;) {
    std::optional<unsigned> row;
    SmallVector<std::pair<unsigned, int64_t>> others;
    for (auto [position, variable] : llvm::enumerate(dependent)) {
      if (position == k)
        row = variable;
      else
        others.emplace_back(variable, context.space.sizeOf(variable));
    }
    Table table{row ? context.space.sizeOf(*row) : 1, context.space.sizeOf(key), {}};
    MaskReader fresh = *reader;
    int64_t offset, left;
    if (!readTable(fresh, row, key, others, table) || !isBand(table, offset, left))
      continue;
    fill = fresh.fill;
    AffineExpr i = row ? getAffineDimExpr(*row, context.space.getContext()) : context.space.constant(0);
    AffineExpr j = getAffineDimExpr(key, context.space.getContext());
    using Comparison = ExprNode::Comparison;
    return SmallVector<Expr>{context.compare(Comparison::NotNegative, i + offset - j),
                             context.compare(Comparison::NotNegative, j - i + left)};
  }
  return std::nullopt;
}

} // namespace gqa
