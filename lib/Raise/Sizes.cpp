// Where a size comes from: through the operations that carry it, back to the tensor that has it.
#include "gqa/Raise/Sizes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;

namespace gqa {

AffineExpr Sizes::symbolFor(Value value, int64_t dim) {
  sources.emplace_back(value, dim);
  return space.addSymbol();
}

/// Whether a size can be calculated with: it is short, and no product of two such sizes wraps around.
static bool isModest(AffineExpr size) {
  constexpr unsigned kLongest = 64;
  constexpr int64_t kLargest = int64_t(1) << 31;
  if (isa<AffineConstantExpr>(size))
    return true;
  unsigned parts = 0;
  bool isSmall = true;
  size.walk([&](AffineExpr part) {
    ++parts;
    if (auto number = dyn_cast<AffineConstantExpr>(part))
      isSmall &= -kLargest <= number.getValue() && number.getValue() <= kLargest;
  });
  return isSmall && parts <= kLongest;
}

constexpr unsigned kDeepest = 1024; // operations between a size and where it comes from

AffineExpr Sizes::of(Value tensor, int64_t dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim))
    return space.constant(type.getDimSize(dim));
  if (AffineExpr size = known.lookup({tensor, dim}))
    return size;
  llvm::SaveAndRestore deeper(depth, depth + 1);
  AffineExpr size = depth < kDeepest ? computeDim(tensor, dim) : AffineExpr();
  if (size)
    size = space.simplify(size);
  if (!size || !isModest(size))
    size = symbolFor(tensor, dim);
  return known[{tensor, dim}] = size;
}

AffineExpr Sizes::of(OpFoldResult size) {
  auto value = dyn_cast<Value>(size);
  if (!value)
    return space.constant(cast<IntegerAttr>(cast<Attribute>(size)).getInt());
  if (AffineExpr computed = of(value))
    return computed;
  return known[{value, -1}] = symbolFor(value, -1);
}

void Sizes::assumeEqual(AffineExpr a, AffineExpr b) {
  auto difference = dyn_cast<AffineConstantExpr>(space.simplify(canonical(a) - canonical(b)));
  if (a == b || (difference && difference.getValue() != 0)) // of what is read through a slice
    return;
  equal.unionSets(a.getAsOpaquePointer(), b.getAsOpaquePointer());
  if (isa<AffineSymbolExpr>(a) && isa<AffineSymbolExpr>(b) && canonical(a) != canonical(b))
    replacements[canonical(a)] = canonical(b);
}

AffineExpr Sizes::canonical(AffineExpr size) const {
  for (AffineExpr next = size; !replacements.empty(); size = next)
    if ((next = size.replace(replacements)) == size)
      break;
  return space.simplify(size);
}

bool Sizes::areEqual(AffineExpr a, AffineExpr b) const {
  return a == b || equal.isEquivalent(a.getAsOpaquePointer(), b.getAsOpaquePointer()) ||
         (!replacements.empty() && canonical(a) == canonical(b));
}

AffineExpr Sizes::divide(AffineExpr a, AffineExpr b) const {
  if (AffineExpr quotient = space.divide(a, b))
    return quotient;
  if (!replacements.empty())
    if (AffineExpr quotient = space.divide(canonical(a), canonical(b)))
      return quotient;
  if (equal.contains(a.getAsOpaquePointer()))
    for (const void *same : equal.members(a.getAsOpaquePointer()))
      if (AffineExpr quotient = space.divide(AffineExpr::getFromOpaquePointer(same), b))
        return quotient;
  return nullptr;
}

/// Null if the operation does not tell the size.
AffineExpr Sizes::computeDim(Value tensor, int64_t dim) {
  Operation *op = tensor.getDefiningOp();
  unsigned number = op ? cast<OpResult>(tensor).getResultNumber() : 0;
  if (auto destination = dyn_cast_if_present<DestinationStyleOpInterface>(op))
    return of(destination.getDpsInitOperand(number)->get(), dim);
  if (auto empty = dyn_cast_if_present<tensor::EmptyOp>(op))
    return of(empty.getMixedSizes()[dim]);
  if (auto expand = dyn_cast_if_present<tensor::ExpandShapeOp>(op))
    return of(expand.getMixedOutputShape()[dim]);
  if (auto slice = dyn_cast_if_present<tensor::ExtractSliceOp>(op))
    return slice.getDroppedDims().none() ? of(slice.getMixedSizes()[dim]) : AffineExpr();
  if (auto insert = dyn_cast_if_present<tensor::InsertSliceOp>(op))
    return of(insert.getDest(), dim);
  if (auto cast = dyn_cast_if_present<tensor::CastOp>(op))
    return isa<RankedTensorType>(cast.getSource().getType()) ? of(cast.getSource(), dim) : AffineExpr();
  if (auto concat = dyn_cast_if_present<tensor::ConcatOp>(op)) {
    if (static_cast<int64_t>(concat.getDim()) != dim)
      return of(concat.getInputs().front(), dim);
    AffineExpr sum = space.constant(0);
    for (Value input : concat.getInputs())
      sum = sum + of(input, dim);
    return sum;
  }
  if (auto collapse = dyn_cast_if_present<tensor::CollapseShapeOp>(op)) {
    AffineExpr product = space.constant(1);
    ReassociationIndices group = collapse.getReassociationIndices()[dim];
    for (int64_t source : group)
      product = space.simplify(product * of(collapse.getSrc(), source));
    return product;
  }
  if (auto reshape = dyn_cast_if_present<tensor::ReshapeOp>(op))
    if (auto elements = reshape.getShape().getDefiningOp<tensor::FromElementsOp>())
      return of(OpFoldResult(elements.getElements()[dim]));
  return nullptr;
}

AffineExpr Sizes::of(Value integer) {
  IntegerAttr constant;
  if (matchPattern(integer, m_Constant(&constant)) && constant.getValue().getSignificantBits() <= 64)
    return space.constant(constant.getValue().getSExtValue());
  auto [place, isNew] = known.try_emplace({integer, -1}, nullptr);
  if (!isNew)
    return place->second;
  llvm::SaveAndRestore deeper(depth, depth + 1);
  AffineExpr computed = depth < kDeepest ? compute(integer) : AffineExpr();
  if (computed)
    computed = space.simplify(computed);
  if (computed && !isModest(computed))
    computed = nullptr;
  return known[{integer, -1}] = computed;
}

AffineExpr Sizes::compute(Value integer) {
  Operation *op = integer.getDefiningOp();
  // Narrower integers may wrap around.
  if (!op || (!integer.getType().isIndex() && integer.getType().getIntOrFloatBitWidth() < 32))
    return nullptr;
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    std::optional<int64_t> index = dim.getConstantIndex();
    auto type = dyn_cast<RankedTensorType>(dim.getSource().getType());
    return index && type && *index >= 0 && *index < type.getRank() ? of(dim.getSource(), *index) : AffineExpr();
  }
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp, arith::TruncIOp>(op))
    return of(op->getOperand(0));
  if (isa<arith::SelectOp>(op))
    return computeSelect(op);
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
    SmallVector<AffineExpr> operands;
    for (Value operand : apply.getMapOperands()) {
      operands.push_back(of(operand));
      if (!operands.back())
        return nullptr;
    }
    AffineMap map = apply.getAffineMap();
    return map.getResult(0).replaceDimsAndSymbols(ArrayRef(operands).take_front(map.getNumDims()),
                                                  ArrayRef(operands).drop_front(map.getNumDims()));
  }
  return op->getNumOperands() == 2 ? computeBinary(op) : AffineExpr();
}

AffineExpr Sizes::computeBinary(Operation *op) {
  if (!isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp,
           arith::MinSIOp, arith::MaxSIOp, arith::MinUIOp, arith::MaxUIOp>(op))
    return nullptr;
  AffineExpr a = of(op->getOperand(0)), b = of(op->getOperand(1));
  if (!a || !b)
    return nullptr;
  if (isa<arith::AddIOp>(op))
    return a + b;
  if (isa<arith::SubIOp>(op))
    return a - b;
  if (isa<arith::MulIOp>(op)) {
    auto number = [](AffineExpr size) {
      auto constant = dyn_cast<AffineConstantExpr>(size);
      return constant ? constant.getValue() : 0;
    };
    int64_t product;
    return llvm::MulOverflow(number(a), number(b), product) ? AffineExpr() : a * b;
  }
  if (isa<arith::MinSIOp, arith::MaxSIOp, arith::MinUIOp, arith::MaxUIOp>(op)) {
    bool isLess = space.isNotNegative(b - a), isGreater = space.isNotNegative(a - b);
    bool isUnsigned = isa<arith::MinUIOp, arith::MaxUIOp>(op);
    if ((!isLess && !isGreater) || (isUnsigned && !(space.isNotNegative(a) && space.isNotNegative(b))))
      return nullptr;
    return isLess == isa<arith::MinSIOp, arith::MinUIOp>(op) ? a : b;
  }
  return space.divide(a, b);
}

/// What a select between integers yields, where the sizes decide its comparison, such as whether a size is
/// the -1 that stands for "what is left".
AffineExpr Sizes::computeSelect(Operation *op) {
  auto select = cast<arith::SelectOp>(op);
  auto compare = select.getCondition().getDefiningOp<arith::CmpIOp>();
  AffineExpr a = compare ? of(compare.getLhs()) : AffineExpr(),
             b = compare ? of(compare.getRhs()) : AffineExpr();
  if (!a || !b)
    return nullptr;
  using Predicate = arith::CmpIPredicate;
  Predicate predicate = compare.getPredicate();
  if (predicate == Predicate::sgt || predicate == Predicate::sle) { // a <= b is b >= a
    std::swap(a, b);
    predicate = predicate == Predicate::sgt ? Predicate::slt : Predicate::sge;
  }
  bool isBelow = space.isNotNegative(b - a - 1), isNotBelow = space.isNotNegative(a - b);
  if ((predicate != Predicate::slt && predicate != Predicate::sge) || (!isBelow && !isNotBelow))
    return nullptr;
  return of(isBelow == (predicate == Predicate::slt) ? select.getTrueValue() : select.getFalseValue());
}

} // namespace gqa
