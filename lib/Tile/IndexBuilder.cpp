// Folding index arithmetic and views of buffers.
#include "gqa/Tile/IndexBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace gqa {

Value IndexBuilder::index(int64_t value) { return arith::ConstantIndexOp::create(*this, value); }
Value IndexBuilder::add(Value a, Value b) { return createOrFold<arith::AddIOp>(a, b); }
Value IndexBuilder::sub(Value a, Value b) { return createOrFold<arith::SubIOp>(a, b); }
Value IndexBuilder::mul(Value a, Value b) { return createOrFold<arith::MulIOp>(a, b); }
Value IndexBuilder::div(Value a, Value b) { return createOrFold<arith::DivSIOp>(a, b); }
Value IndexBuilder::rem(Value a, Value b) { return createOrFold<arith::RemSIOp>(a, b); }
Value IndexBuilder::ceilDiv(Value a, Value b) { return createOrFold<arith::CeilDivSIOp>(a, b); }
Value IndexBuilder::min(Value a, Value b) { return createOrFold<arith::MinSIOp>(a, b); }
Value IndexBuilder::max(Value a, Value b) { return createOrFold<arith::MaxSIOp>(a, b); }

Value IndexBuilder::roundDown(Value a, int64_t step) { return sub(a, rem(a, index(step))); }
Value IndexBuilder::roundUp(Value a, int64_t step) { return mul(ceilDiv(a, index(step)), index(step)); }

Value IndexBuilder::size(Value buffer, unsigned dim) {
  auto type = cast<MemRefType>(buffer.getType());
  if (!type.isDynamicDim(dim))
    return index(type.getDimSize(dim));
  return createOrFold<memref::DimOp>(buffer, dim);
}

SmallVector<int64_t> IndexBuilder::shapeOf(ArrayRef<Value> sizes, SmallVectorImpl<Value> &dynamic) {
  SmallVector<int64_t> shape;
  for (Value size : sizes) {
    shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
    if (ShapedType::isDynamic(shape.back()))
      dynamic.push_back(size);
  }
  return shape;
}

Value IndexBuilder::allocate(ArrayRef<Value> sizes, Type element) {
  SmallVector<Value> dynamic;
  auto type = MemRefType::get(shapeOf(sizes, dynamic), element);
  return memref::AllocOp::create(*this, type, dynamic, getI64IntegerAttr(64));
}

Value IndexBuilder::view(Value buffer, ArrayRef<Value> offsets, ArrayRef<Value> sizes) {
  auto type = cast<MemRefType>(buffer.getType());
  SmallVector<OpFoldResult> foldedSizes, steps(offsets.size(), getIndexAttr(1));
  SmallVector<int64_t> shape;
  for (Value size : sizes) {
    foldedSizes.push_back(size ? getAsOpFoldResult(size) : OpFoldResult(getIndexAttr(1)));
    if (size)
      shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  }
  SmallVector<OpFoldResult> foldedOffsets = getAsOpFoldResult(offsets);
  MemRefType result =
      memref::SubViewOp::inferRankReducedResultType(shape, type, foldedOffsets, foldedSizes, steps);
  return memref::SubViewOp::create(*this, result, buffer, foldedOffsets, foldedSizes, steps);
}

Value IndexBuilder::withContiguousRows(Value buffer) {
  // Not memref.cast: folding would take it away from the loads that need it.
  auto type = cast<MemRefType>(buffer.getType());
  auto data = memref::ExtractStridedMetadataOp::create(*this, buffer);
  SmallVector<OpFoldResult> sizes, strides(data.getStrides().drop_back());
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    sizes.push_back(getAsOpFoldResult(size(buffer, dim)));
  strides.push_back(getIndexAttr(1));
  return memref::ReinterpretCastOp::create(*this, contiguousRowsType(type.getShape(), type.getElementType()),
                                           data.getBaseBuffer(), OpFoldResult(data.getOffset()), sizes,
                                           strides);
}

void IndexBuilder::branch(Value condition, function_ref<void()> then, function_ref<void()> otherwise) {
  auto op = scf::IfOp::create(*this, condition, /*withElseRegion=*/static_cast<bool>(otherwise));
  InsertionGuard guard(*this);
  setInsertionPoint(op.thenYield());
  then();
  if (!otherwise)
    return;
  setInsertionPoint(op.elseYield());
  otherwise();
}

SmallVector<Value> IndexBuilder::cloneBody(Block &block, ArrayRef<Value> arguments) {
  IRMapping mapping;
  mapping.map(block.getArguments(), arguments);
  for (Operation &inner : block.without_terminator())
    clone(inner, mapping);
  return llvm::map_to_vector(block.getTerminator()->getOperands(),
                             [&](Value yielded) { return mapping.lookupOrDefault(yielded); });
}

MemRefType stridedType(ArrayRef<int64_t> shape, Type element) {
  SmallVector<int64_t> strides(shape.size(), ShapedType::kDynamic);
  auto layout = StridedLayoutAttr::get(element.getContext(), ShapedType::kDynamic, strides);
  return MemRefType::get(shape, element, layout);
}

MemRefType contiguousRowsType(ArrayRef<int64_t> shape, Type element) {
  SmallVector<int64_t> strides(shape.size(), ShapedType::kDynamic);
  strides.back() = 1;
  auto layout = StridedLayoutAttr::get(element.getContext(), ShapedType::kDynamic, strides);
  return MemRefType::get(shape, element, layout);
}

} // namespace gqa
