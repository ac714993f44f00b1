// Rows of a bias or a mask, along keys, become vectors of rows.
#include "ScoreColumns.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {

/// `lanes` neighbours in a buffer of bits, each of which is a byte there; a vector of bits would be packed.
static Value loadBytes(VectorBuilder &b, Value buffer, ValueRange at) {
  auto data = memref::ExtractStridedMetadataOp::create(b, buffer);
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, data.getBaseBuffer());
  address = b.add(address, data.getOffset());
  for (auto [index, stride] : llvm::zip(at, data.getStrides()))
    address = b.add(address, b.mul(index, stride));
  Value number = arith::IndexCastOp::create(b, b.getI64Type(), address);
  Value pointer = LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), number);
  return LLVM::LoadOp::create(b, b.vectorOf(b.getI8Type()), pointer, /*alignment=*/1);
}

SmallVector<Value> loadColumns(VectorBuilder &b, Value buffer,
                               function_ref<SmallVector<Value>(int64_t)> placeOf) {
  Type type = cast<MemRefType>(buffer.getType()).getElementType();
  bool isMask = type.isInteger(1);
  SmallVector<Value> rows;
  for (int64_t lane = 0; lane < b.lanes; ++lane) {
    if (isMask)
      rows.push_back(
          arith::ExtUIOp::create(b, b.vectorOf(b.getI32Type()), loadBytes(b, buffer, placeOf(lane))));
    else
      rows.push_back(b.converted(b.loadVector(buffer, placeOf(lane)), b.element));
  }
  SmallVector<Value> columns = b.transposed(rows);
  if (isMask)
    for (Value &column : columns) {
      Value zero = arith::ConstantOp::create(b, b.getZeroAttr(column.getType()));
      column = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, column, zero);
    }
  return columns;
}

} // namespace gqa
