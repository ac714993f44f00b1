// gqa-tile: calls of attention functions take the place of gqa.attention.
#include "AttentionFunction.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Tile/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_GQATILE
#include "gqa/Tile/Passes.h.inc"

namespace {

/// Memory for each result of `op`, laid out as its type says.
SmallVector<Value> allocateResults(AttentionOp op, IndexBuilder &b) {
  ReifiedRankedShapedTypeDims shapes;
  if (failed(op.reifyResultShapes(b, shapes)))
    llvm_unreachable("gqa.attention always knows its result shapes");
  SmallVector<Value> buffers;
  for (auto [result, shape] : llvm::zip(op->getResults(), shapes)) {
    auto type = cast<RankedTensorType>(result.getType());
    SmallVector<Value> sizes;
    for (auto [dim, size] : llvm::enumerate(shape))
      if (type.isDynamicDim(dim))
        sizes.push_back(getValueOrCreateConstantIndexOp(b, b.getLoc(), size));
    auto buffer = MemRefType::get(type.getShape(), type.getElementType());
    buffers.push_back(memref::AllocOp::create(b, buffer, sizes, b.getI64IntegerAttr(64)));
  }
  return buffers;
}

/// A tensor as a buffer of the given type, a number as one of that type with the same bits.
Value toBuffer(Value operand, Type type, IndexBuilder &b) {
  auto tensor = dyn_cast<RankedTensorType>(operand.getType());
  if (!tensor)
    return operand.getType() == type ? operand : arith::BitcastOp::create(b, type, operand);
  Type buffer = stridedType(tensor.getShape(), tensor.getElementType());
  Value view = bufferization::ToBufferOp::create(b, buffer, operand, /*read_only=*/true);
  return buffer == type ? view : memref::CastOp::create(b, type, view);
}

void replaceWithCall(AttentionOp op, bool onDevice, func::FuncOp function) {
  IndexBuilder b(op.getLoc(), op);
  SmallVector<Value> arguments;
  ArrayRef<Type> types = function.getFunctionType().getInputs();
  for (auto [operand, type] : llvm::zip(functionOperands(op, onDevice), types))
    arguments.push_back(toBuffer(operand, type, b));
  SmallVector<Value> buffers = allocateResults(op, b);
  for (auto [buffer, type] : llvm::zip(buffers, types.drop_front(arguments.size())))
    arguments.push_back(memref::CastOp::create(b, type, buffer));
  func::CallOp::create(b, function, arguments);
  for (auto [result, buffer] : llvm::zip(op->getResults(), buffers))
    result.replaceAllUsesWith(bufferization::ToTensorOp::create(b, result.getType(), buffer,
                                                                /*restrict=*/true,
                                                                /*writable=*/true));
  SetVector<Operation *> producers; // K and V may have the same one
  for (Value operand : op->getOperands().take_front(3))
    if (Operation *producer = operand.getDefiningOp();
        isa_and_present<RotaryOp, AppendKVOp, DequantizeOp>(producer))
      producers.insert(producer);
  for (DequantizeOp cache : {op.getKeyDequantize(), op.getValueDequantize()}) // behind what appends to it
    if (cache)
      producers.insert(cache);
  op.erase();
  for (Operation *producer : producers)
    if (producer->use_empty())
      producer->erase();
}

struct TilePass : impl::GQATileBase<TilePass> {
  using GQATileBase::GQATileBase;

  void runOnOperation() override {
    if (llvm::Error error = describeTarget()) {
      emitError(getOperation().getLoc(), llvm::toString(std::move(error)));
      return signalPassFailure();
    }
    SmallVector<AttentionOp> attentions;
    getOperation().walk([&](AttentionOp op) { attentions.push_back(op); });
    SymbolTable symbols(getOperation());
    OpBuilder builder(&getContext());
    for (auto [number, op] : llvm::enumerate(attentions)) {
      if (isCUDA(target) && failed(checkDevice(op)))
        return signalPassFailure();
      func::FuncOp function = buildAttentionFunction(
          op, isCUDA(target), ("gqa_attention_" + Twine(number)).str(), builder,
          [&, op = op](const AttentionValues &values, IndexBuilder &b) { buildFor(op, values, b); });
      symbols.insert(function); // renames it if the name is taken
      replaceWithCall(op, isCUDA(target), function);
      ++numTiled;
    }
  }

private:
  llvm::Error describeTarget() {
    if (isCUDA(target))
      return describeCUDA(target).moveInto(gpu);
    return describeCPU(target).moveInto(processor);
  }

  void buildFor(AttentionOp op, const AttentionValues &values, IndexBuilder &b) {
    if (isCUDA(target))
      buildDeviceKernels(op, values, gpu, b);
    else
      buildKernels(op, values, processor, b);
  }

  CPUTarget processor;
  CUDATarget gpu;
};

} // namespace
} // namespace gqa
