// Checks of element types, strides and sizes, with messages that name what is wrong.
#include "Verify.h"

using namespace mlir;

namespace gqa::tile {

Type elementOf(Value value) { return cast<MemRefType>(value.getType()).getElementType(); }

LogicalResult verifySameElements(Operation *op, ArrayRef<Value> values, StringRef names) {
  for (Value value : values)
    if (elementOf(value) != elementOf(values.front()))
      return op->emitOpError("expects one element type for ")
             << names << ", found " << elementOf(values.front()) << " and " << elementOf(value);
  return success();
}

LogicalResult verifyScale(Operation *op, Value scale, Value values, StringRef name) {
  if (scale.getType() == elementOf(values))
    return success();
  return op->emitOpError("expects a scale of the type of ")
         << name << ", " << elementOf(values) << ", found " << scale.getType();
}

LogicalResult verifyContiguousRows(Operation *op, ArrayRef<Value> values, StringRef names) {
  for (Value value : values)
    if (!cast<MemRefType>(value.getType()).isLastDimUnitStride())
      return op->emitOpError("expects stride 1 in the last dimension of ")
             << names << ", found " << value.getType();
  return success();
}

LogicalResult verifyIdentity(Operation *op, Value value, StringRef name) {
  auto type = cast<MemRefType>(value.getType());
  if (type.getLayout().isIdentity())
    return success();
  return op->emitOpError("expects the identity layout of ") << name << ", found " << type;
}

LogicalResult verifyMultiple(Operation *op, Value value, ArrayRef<unsigned> dims, int64_t divisor,
                             StringRef name) {
  auto type = cast<MemRefType>(value.getType());
  for (unsigned dim : dims)
    if (!type.isDynamicDim(dim) && type.getDimSize(dim) % divisor != 0)
      return op->emitOpError("expects a multiple of ")
             << divisor << " in dimension " << dim << " of " << name << ", found " << type;
  return success();
}

LogicalResult verifyScoreRegion(Operation *op, Block &block, Type element) {
  Type index = IndexType::get(op->getContext());
  if (!llvm::equal(block.getArgumentTypes(), ArrayRef<Type>{element, index, index, index, index}))
    return op->emitOpError("expects a score region with the arguments (")
           << element << ", index, index, index, index), found (" << block.getArgumentTypes() << ")";
  auto yield = block.empty() ? YieldOp() : dyn_cast<YieldOp>(block.back());
  if (!yield)
    return op->emitOpError("expects a score region that ends with tile.yield");
  TypeRange types = yield.getValues().getTypes();
  bool seen = types.size() == 2 && types[1].isInteger(1);
  if (types.empty() || types[0] != element || !(types.size() == 1 || seen))
    return op->emitOpError("expects its region to yield ")
           << element << " and optionally an i1, found (" << types << ")";
  return success();
}

} // namespace gqa::tile
