#include "UnrolledStep.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace gqa {
namespace {

bool isStatic(OffsetSizeAndStrideOpInterface slice) {
  return llvm::none_of(
      llvm::concat<const int64_t>(slice.getStaticOffsets(), slice.getStaticSizes(), slice.getStaticStrides()),
      ShapedType::isDynamic);
}

/// Whether steps may have such an operation: one that can be built for sizes that a loop computes, or has
/// none.
bool isOfStep(Operation *op) {
  if (op->getNumResults() != 1 || !isMemoryEffectFree(op))
    return false;
  return TypeSwitch<Operation *, bool>(op)
      .Case([](tensor::ExtractSliceOp slice) { return isStatic(slice); })
      .Case([](tensor::EmptyOp empty) { return empty.getType().hasStaticShape(); })
      .Case([](tensor::ExpandShapeOp expand) { return expand.getType().hasStaticShape(); })
      .Case([](tensor::CollapseShapeOp) { return true; })
      .Case([](linalg::LinalgOp op) { return op.hasPureTensorSemantics(); })
      .Default(false);
}

DictionaryAttr attributesBesideNumbers(Operation *op) {
  NamedAttrList attributes(op->getAttrDictionary());
  for (StringRef name : {"static_offsets", "static_sizes", "static_output_shape"})
    attributes.erase(name);
  return attributes.getDictionary(op->getContext());
}

/// Whether the types are the same but for their sizes.
bool isAlike(Type a, Type b) {
  auto x = dyn_cast<RankedTensorType>(a), y = dyn_cast<RankedTensorType>(b);
  return x && y ? x.clone(y.getShape()) == y && x.getRank() == y.getRank() : a == b;
}

/// Which dimensions of one element a slice drops.
llvm::SmallBitVector droppedDims(Operation *op) {
  return TypeSwitch<Operation *, llvm::SmallBitVector>(op)
      .Case<tensor::ExtractSliceOp, tensor::InsertSliceOp>([](auto slice) { return slice.getDroppedDims(); })
      .Default(llvm::SmallBitVector());
}

bool isAlike(Operation *a, Operation *b) {
  return a->getName() == b->getName() && a->getNumOperands() == b->getNumOperands() &&
         a->getBlock() == b->getBlock() && isOfStep(a) && isOfStep(b) &&
         isAlike(a->getResult(0).getType(), b->getResult(0).getType()) &&
         numbersOf(a).size() == numbersOf(b).size() && droppedDims(a) == droppedDims(b) &&
         attributesBesideNumbers(a) == attributesBesideNumbers(b) &&
         llvm::all_of(llvm::zip(a->getRegions(), b->getRegions()), [](auto regions) {
           return OperationEquivalence::isRegionEquivalentTo(&std::get<0>(regions), &std::get<1>(regions),
                                                             OperationEquivalence::IgnoreLocations);
         });
}

} // namespace

SmallVector<int64_t> numbersOf(Operation *op) {
  SmallVector<int64_t> numbers;
  if (auto slice = dyn_cast<OffsetSizeAndStrideOpInterface>(op)) {
    llvm::append_range(numbers, slice.getStaticOffsets());
    llvm::append_range(numbers, slice.getStaticSizes());
  } else if (isa<tensor::EmptyOp, tensor::ExpandShapeOp>(op)) {
    llvm::append_range(numbers, cast<RankedTensorType>(op->getResult(0).getType()).getShape());
  }
  return numbers;
}

UnrolledStep::UnrolledStep(tensor::InsertSliceOp insert, tensor::InsertSliceOp last)
    : insert(insert), last(last) {
  found = insert->getBlock() == last->getBlock() && isStatic(insert) && isStatic(last) &&
          insert.getType() == last.getType() && droppedDims(insert) == droppedDims(last) &&
          attributesBesideNumbers(insert) == attributesBesideNumbers(last) &&
          match(insert.getSource(), last.getSource());
  operations[last] = insert;
}

UnrolledStep::UnrolledStep(const UnrolledStep &before, tensor::InsertSliceOp last)
    : insert(last), last(last), found(true), reads(true) {
  for (auto [its, mine] : before.operations)
    operations[its] = its;
}

bool UnrolledStep::isOnlyUser(Value tensor) const {
  return llvm::all_of(tensor.getUsers(), [&](Operation *user) {
    return llvm::any_of(operations, [&](auto pair) { return pair.second == user; });
  });
}

bool UnrolledStep::match(Value mine, Value its) {
  if (its == last.getDest() || mine == insert.getDest()) {
    reads = true;
    return its == last.getDest() && mine == insert.getDest();
  }
  if (mine == its)
    return true;
  Operation *a = mine.getDefiningOp(), *b = its.getDefiningOp();
  if (!a || !b)
    return false;
  auto [known, isNew] = operations.try_emplace(b, a);
  if (!isNew)
    return known->second == a;
  return isAlike(a, b) && llvm::all_of(llvm::zip(a->getOperands(), b->getOperands()), [&](auto operands) {
           return match(std::get<0>(operands), std::get<1>(operands));
         });
}

} // namespace gqa
