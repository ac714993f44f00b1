// Where a size comes from: through the operations that carry it, back to the tensor that has it.
#include "gqa/Raise/Sizes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace gqa {

static void sortUnknowns(Size &size) {
  llvm::sort(size.unknowns, [](auto &a, auto &b) {
    return std::pair(a.first.getAsOpaquePointer(), a.second) <
           std::pair(b.first.getAsOpaquePointer(), b.second);
  });
}

Size Size::operator*(const Size &other) const {
  Size product = *this;
  if (llvm::MulOverflow(factor, other.factor, product.factor))
    product.factor = -1; // no size
  product.unknowns.append(other.unknowns);
  sortUnknowns(product);
  return product;
}

std::optional<Size> Size::dividedBy(const Size &other) const {
  if (other.factor == 0 || factor % other.factor != 0)
    return std::nullopt;
  Size quotient = *this;
  quotient.factor /= other.factor;
  for (auto &unknown : other.unknowns) {
    auto *it = llvm::find(quotient.unknowns, unknown);
    if (it == quotient.unknowns.end())
      return std::nullopt;
    quotient.unknowns.erase(it);
  }
  return quotient;
}

/// True if the value is a size, or sums, products and quotients of sizes, which are taken not to wrap around.
static bool isNotNegative(Value value, unsigned depth = 0) {
  constexpr unsigned kDeepest = 8;
  IntegerAttr constant;
  if (matchPattern(value, m_Constant(&constant)))
    return !constant.getValue().isNegative();
  Operation *op = value.getDefiningOp();
  bool isNarrow =
      !value.getType().isIndex() && value.getType().getIntOrFloatBitWidth() < 32; // may wrap around
  if (!op || depth == kDeepest || isNarrow)
    return false;
  auto isOperandNotNegative = [&](Value operand) { return isNotNegative(operand, depth + 1); };
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
    bool hasNegative = false;
    apply.getAffineMap().getResult(0).walk([&](AffineExpr part) {
      auto number = dyn_cast<AffineConstantExpr>(part);
      hasNegative |= number && number.getValue() < 0;
    });
    return !hasNegative && llvm::all_of(apply.getMapOperands(), isOperandNotNegative);
  }
  if (isa<arith::IndexCastOp, arith::ExtSIOp, arith::AddIOp, arith::MulIOp, arith::DivSIOp,
          arith::FloorDivSIOp>(op))
    return llvm::all_of(op->getOperands(), isOperandNotNegative);
  return isa<tensor::DimOp>(op);
}

/// Exporters ask whether a size that a reshape is given is the -1 that stands for "what is left". Of a select
/// that asks so of a number that is not negative: what it yields. Null for anything else.
static Value withoutSignTest(arith::SelectOp select) {
  auto compare = select ? select.getCondition().getDefiningOp<arith::CmpIOp>() : nullptr;
  if (!compare || !matchPattern(compare.getRhs(), m_Zero()) || !isNotNegative(compare.getLhs()))
    return nullptr;
  if (compare.getPredicate() == arith::CmpIPredicate::slt)
    return select.getFalseValue();
  return compare.getPredicate() == arith::CmpIPredicate::sge ? select.getTrueValue() : Value();
}

namespace {

/// Traces one size back. Everything is looked at once, however often graphs mention it, and numbers beyond
/// what a tensor can have are not multiplied out: what is too long or too large stays a size of its own.
class SizeFinder {
public:
  Size find(Value tensor, int64_t dim) {
    return remember({tensor, dim}, [&] { return ofDimension(tensor, dim); });
  }
  Size find(Value value) {
    return remember({value, -1}, [&] { return ofNumber(value); });
  }

private:
  using Name = std::pair<Value, int64_t>; ///< a dimension, or -1 for the value itself

  Size remember(Name name, llvm::function_ref<Size()> compute) {
    constexpr unsigned kDeepest = 1024;
    auto known = sizes.find(name);
    if (known != sizes.end())
      return known->second;
    if (depth == kDeepest)
      return {1, {name}};
    ++depth;
    Size size = compute();
    --depth;
    constexpr size_t kMostUnknowns = 16;
    constexpr int64_t kLargest = int64_t(1) << 60;
    bool isSize = size.factor >= 0 && size.factor <= kLargest && size.unknowns.size() <= kMostUnknowns;
    return sizes[name] = isSize || size.unknowns.empty() ? size : Size{1, {name}};
  }

  Size find(OpFoldResult size) {
    if (auto value = dyn_cast<Value>(size))
      return find(value);
    return {cast<IntegerAttr>(cast<Attribute>(size)).getInt(), {}};
  }

  Size ofDimension(Value tensor, int64_t dim);
  Size ofNumber(Value value);

  llvm::DenseMap<Name, Size> sizes;
  unsigned depth = 0;
};

Size SizeFinder::ofDimension(Value tensor, int64_t dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim))
    return {type.getDimSize(dim), {}};
  Operation *op = tensor.getDefiningOp();
  unsigned number = op ? cast<OpResult>(tensor).getResultNumber() : 0;
  if (auto destination = dyn_cast_if_present<DestinationStyleOpInterface>(op))
    return find(destination.getDpsInitOperand(number)->get(), dim);
  if (auto empty = dyn_cast_if_present<tensor::EmptyOp>(op))
    return find(empty.getMixedSizes()[dim]);
  if (auto expand = dyn_cast_if_present<tensor::ExpandShapeOp>(op))
    return find(expand.getMixedOutputShape()[dim]);
  if (auto slice = dyn_cast_if_present<tensor::ExtractSliceOp>(op))
    if (slice.getDroppedDims().none())
      return find(slice.getMixedSizes()[dim]);
  if (auto cast = dyn_cast_if_present<tensor::CastOp>(op))
    if (isa<RankedTensorType>(cast.getSource().getType()))
      return find(cast.getSource(), dim);
  if (auto concat = dyn_cast_if_present<tensor::ConcatOp>(op))
    if (static_cast<int64_t>(concat.getDim()) != dim)
      return find(concat.getInputs().front(), dim);
  if (auto collapse = dyn_cast_if_present<tensor::CollapseShapeOp>(op)) {
    Size product;
    ReassociationIndices group = collapse.getReassociationIndices()[dim];
    for (int64_t source : group)
      product = product * find(collapse.getSrc(), source);
    return product;
  }
  if (auto reshape = dyn_cast_if_present<tensor::ReshapeOp>(op))
    if (auto elements = reshape.getShape().getDefiningOp<tensor::FromElementsOp>())
      return find(elements.getElements()[dim]);
  return {1, {{tensor, dim}}};
}

Size SizeFinder::ofNumber(Value value) {
  IntegerAttr constant;
  if (matchPattern(value, m_Constant(&constant)))
    return {constant.getInt(), {}};
  Operation *op = value.getDefiningOp();
  if (auto dim = dyn_cast_if_present<tensor::DimOp>(op)) {
    auto type = dyn_cast<RankedTensorType>(dim.getSource().getType());
    if (std::optional<int64_t> index = dim.getConstantIndex();
        index && type && *index >= 0 && *index < type.getRank())
      return find(dim.getSource(), *index);
  }
  if (isa_and_present<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp>(op))
    return find(op->getOperand(0));
  if (Value yielded = withoutSignTest(dyn_cast_if_present<arith::SelectOp>(op)))
    return find(yielded);
  if (isa_and_present<arith::MulIOp>(op))
    return find(op->getOperand(0)) * find(op->getOperand(1));
  if (isa_and_present<arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp>(op))
    if (std::optional<Size> quotient = find(op->getOperand(0)).dividedBy(find(op->getOperand(1))))
      return *quotient;
  if (auto apply = dyn_cast_if_present<affine::AffineApplyOp>(op)) {
    auto product = dyn_cast<AffineBinaryOpExpr>(apply.getAffineMap().getResult(0));
    auto factor = product ? dyn_cast<AffineConstantExpr>(product.getRHS()) : AffineConstantExpr();
    if (factor && product.getKind() == AffineExprKind::Mul && apply.getMapOperands().size() == 1)
      return Size{factor.getValue(), {}} * find(apply.getMapOperands().front());
  }
  return {1, {{value, -1}}};
}

} // namespace

Size Size::of(Value tensor, int64_t dim) { return SizeFinder().find(tensor, dim); }

Size Size::of(Value value) { return SizeFinder().find(value); }

std::optional<SmallVector<ReshapeGroup>> groupsOf(tensor::ReshapeOp op) {
  Value source = op.getSource(), result = op.getResult();
  int64_t i = cast<RankedTensorType>(source.getType()).getRank(),
          j = cast<RankedTensorType>(result.getType()).getRank();
  SmallVector<ReshapeGroup> groups;
  while (i > 0 || j > 0) { // from the innermost dimension outwards
    ReshapeGroup group;
    Size left, right;
    auto takeLeft = [&] {
      group.source.insert(group.source.begin(), --i);
      left = left * Size::of(source, i);
    };
    auto takeRight = [&] {
      group.result.insert(group.result.begin(), --j);
      right = right * Size::of(result, j);
    };
    if (i > 0)
      takeLeft();
    if (j > 0)
      takeRight();
    while (!(left == right)) {
      bool leftIsPart = right.dividedBy(left).has_value();
      if (leftIsPart && i > 0)
        takeLeft();
      else if (left.dividedBy(right) && j > 0)
        takeRight();
      else
        return std::nullopt;
    }
    groups.insert(groups.begin(), group);
  }
  return groups;
}

} // namespace gqa
