// gqa-lower-copy: large copies as calls of the runtime, copies between strided buffers as loops.
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Utils/MemRefUtils.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_LOWERCOPY
#include "gqa/Pipeline/Passes.h.inc"

namespace {

/// From here on a call, and perhaps a second thread, is nothing beside the copy.
constexpr int64_t kLargeBytes = int64_t(64) << 10;

int64_t elementBytes(MemRefType type) { return llvm::divideCeil(type.getElementTypeBitWidth(), 8); }

bool hasContiguousRows(MemRefType type) {
  return type.getRank() > 0 && type.getElementType().isIntOrFloat() && type.isLastDimUnitStride();
}

/// MLIR's own lowering makes memcpy of copies between such.
bool isContiguous(MemRefType type) {
  return type.getLayout().isIdentity() || memref::isStaticShapeAndContiguousRowMajor(type);
}

bool isLarge(memref::CopyOp copy, MemRefType from, MemRefType to) {
  if (!hasContiguousRows(from) || !hasContiguousRows(to))
    return false;
  for (MemRefType type : {from, to}) // one of them may know the size
    if (type.hasStaticShape())
      return type.getNumElements() * elementBytes(type) >= kLargeBytes;
  return true;
}

class RuntimeCopy {
public:
  explicit RuntimeCopy(memref::CopyOp copy) : copy(copy), b(copy.getLoc(), copy) {}

  void emit() {
    auto type = cast<MemRefType>(copy.getSource().getType());
    auto from = memref::ExtractStridedMetadataOp::create(b, copy.getSource());
    auto to = memref::ExtractStridedMetadataOp::create(b, copy.getTarget());
    SmallVector<Value> shape(from.getSizes());
    llvm::append_range(shape, to.getStrides());
    llvm::append_range(shape, from.getStrides());
    int64_t bytes = elementBytes(type);
    SmallVector<Value> arguments = {arith::ConstantIntOp::create(b, type.getRank(), 64),
                                    arith::ConstantIntOp::create(b, bytes, 64), store(shape),
                                    address(to, bytes), address(from, bytes)};
    LLVM::CallOp::create(b, function(), arguments);
    copy.erase();
  }

private:
  /// Numbers in memory of the function, which all iterations of a loop share.
  Value store(ArrayRef<Value> numbers) {
    Block &entry = copy->getParentOfType<func::FuncOp>().getBody().front();
    auto type = MemRefType::get({int64_t(numbers.size())}, b.getI64Type());
    OpBuilder atEntry = OpBuilder::atBlockBegin(&entry);
    Value room = memref::AllocaOp::create(atEntry, copy.getLoc(), type);
    for (auto [place, number] : llvm::enumerate(numbers))
      memref::StoreOp::create(b, wide(number), room, ValueRange(arith::ConstantIndexOp::create(b, place)));
    return pointer(memref::ExtractAlignedPointerAsIndexOp::create(b, room));
  }

  Value address(memref::ExtractStridedMetadataOp buffer, int64_t bytes) {
    Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, buffer.getBaseBuffer());
    Value size = arith::ConstantIndexOp::create(b, bytes);
    return pointer(arith::AddIOp::create(b, base, arith::MulIOp::create(b, buffer.getOffset(), size)));
  }

  Value wide(Value index) { return arith::IndexCastOp::create(b, b.getI64Type(), index); }
  Value pointer(Value index) {
    return LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), wide(index));
  }

  LLVM::LLVMFuncOp function() {
    auto module = copy->getParentOfType<ModuleOp>();
    if (auto known = module.lookupSymbol<LLVM::LLVMFuncOp>("gqa_rt_copy"))
      return known;
    OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
    Type i64 = b.getI64Type(), pointer = LLVM::LLVMPointerType::get(b.getContext());
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                            {i64, i64, pointer, pointer, pointer});
    return LLVM::LLVMFuncOp::create(builder, module.getLoc(), "gqa_rt_copy", type);
  }

  memref::CopyOp copy;
  ImplicitLocOpBuilder b;
};

struct LowerCopyPass : impl::LowerCopyBase<LowerCopyPass> {
  void runOnOperation() override {
    SmallVector<memref::CopyOp> copies;
    getOperation()->walk([&](memref::CopyOp copy) { copies.push_back(copy); });
    for (memref::CopyOp copy : copies) {
      auto from = dyn_cast<MemRefType>(copy.getSource().getType()),
           to = dyn_cast<MemRefType>(copy.getTarget().getType());
      if (!from || !to)
        continue;
      if (isLarge(copy, from, to)) {
        RuntimeCopy(copy).emit();
        continue;
      }
      if (isContiguous(from) && isContiguous(to))
        continue;
      OpBuilder builder(copy);
      linalg::makeMemRefCopyOp(builder, copy.getLoc(), copy.getSource(), copy.getTarget());
      copy.erase();
    }
  }
};

} // namespace
} // namespace gqa
