// A constant tensor that spells out a causal mask or a window, as front ends fold them.
#include "gqa/Raise/ConstantData.h"
#include "gqa/Raise/Match.h"


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

/// Seen where 0 (or true), hidden where absorbing (or false); any other number makes it no mask.
std::optional<bool> isSeen(double element, Type type, double &fill) {
  if (type.isInteger(1))
    return element != 0.0;
  if (element == 0.0)
    return true;
  if (!isAbsorbing(element, type))
    return std::nullopt;
  fill = element;
  return false;
}

/// Exactly `j <= i + offset` and `j >= i - left`, for the tightest such numbers.
bool isBand(const Table &table, int64_t &offset, int64_t &left) {
  offset = std::numeric_limits<int64_t>::min();
  left = std::numeric_limits<int64_t>::min();
  for (int64_t i = 0; i < table.rows; ++i)
    for (int64_t j = 0; j < table.keys; ++j)
      if (table.seen[i * table.keys + j]) {
        offset = std::max(offset, j - i);
        left = std::max(left, i - j);
      }
  for (int64_t i = 0; i < table.rows; ++i)
    for (int64_t j = 0; j < table.keys; ++j)
      if (table.seen[i * table.keys + j] != (j <= i + offset && j >= i - left))
        return false;
  return true;
}

} // namespace

std::optional<SmallVector<Expr>> matchConstantMask(ExprContext &context, Expr load, ArrayRef<unsigned> rows,
                                                   unsigned key, double &fill) {
  std::optional<ConstantData> data = ConstantData::of(load->value);
  if (!data)
    return std::nullopt;
  std::optional<unsigned> row;
  for (unsigned candidate : rows)
    if (dependsOn(load, candidate) && std::exchange(row, candidate))
      return std::nullopt; // varies with more than one of batch, head and query
  ShapedType type = data->getType();
  Table table{row ? context.space.sizeOf(*row) : 1, context.space.sizeOf(key), {}};
  if (ShapedType::isDynamic(table.rows) || ShapedType::isDynamic(table.keys) || table.rows <= 0 || table.keys <= 0 ||
      table.rows > kMaxElements / table.keys)
    return std::nullopt;
  SmallVector<AffineExpr> coordinates(context.space.numVariables(), context.space.constant(0));
  for (int64_t i = 0; i < table.rows; ++i)
    for (int64_t j = 0; j < table.keys; ++j) {
      if (row)
        coordinates[*row] = context.space.constant(i);
      coordinates[key] = context.space.constant(j);
      uint64_t position = 0;
      for (auto [index, size] : llvm::zip_equal(load->indices, type.getShape())) {
        auto at = dyn_cast<AffineConstantExpr>(index.replaceDims(coordinates));
        if (!at || at.getValue() < 0 || at.getValue() >= size)
          return std::nullopt;
        position = position * size + at.getValue();
      }
      std::optional<bool> seen = isSeen(data->at(position), type.getElementType(), fill);
      if (!seen)
        return std::nullopt;
      table.seen.push_back(*seen);
    }
  int64_t offset, left;
  if (!isBand(table, offset, left))
    return std::nullopt;
  AffineExpr i = row ? getAffineDimExpr(*row, context.space.getContext()) : context.space.constant(0);
  AffineExpr j = getAffineDimExpr(key, context.space.getContext());
  using Comparison = ExprNode::Comparison;
  return SmallVector<Expr>{context.compare(Comparison::NotNegative, i + offset - j),
                           context.compare(Comparison::NotNegative, j - i + left)};
}

} // namespace gqa
