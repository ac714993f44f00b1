// gqa-decompose: the pass, and the helpers that the rewrites share.
#include "gqa/Dialect/GQA/Transforms/Decompose.h"
#include "gqa/Dialect/GQA/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_GQADECOMPOSE
#include "gqa/Dialect/GQA/Transforms/Passes.h.inc"

Value convertFloat(OpBuilder &builder, Location loc, Value value, Type type) {
  unsigned from = value.getType().getIntOrFloatBitWidth(), to = type.getIntOrFloatBitWidth();
  if (value.getType() == type)
    return value;
  if (from < to)
    return arith::ExtFOp::create(builder, loc, type, value);
  if (from > to)
    return arith::TruncFOp::create(builder, loc, type, value);
  Value wide = arith::ExtFOp::create(builder, loc, builder.getF32Type(), value); // f16 and bf16
  return arith::TruncFOp::create(builder, loc, type, wide);
}

FloatType computeType(Type type) {
  Builder builder(type.getContext());
  return type.isF64() ? FloatType(builder.getF64Type()) : FloatType(builder.getF32Type());
}

Value emptyTensor(OpBuilder &builder, Location loc, RankedTensorType type, ArrayRef<OpFoldResult> sizes) {
  SmallVector<Value> dynamic;
  for (auto [size, known] : llvm::zip_equal(sizes, type.getShape()))
    if (ShapedType::isDynamic(known))
      dynamic.push_back(getValueOrCreateConstantIndexOp(builder, loc, size));
  return tensor::EmptyOp::create(builder, loc, type, dynamic);
}

namespace {

struct Decompose : impl::GQADecomposeBase<Decompose> {
  void runOnOperation() override {
    SmallVector<Operation *> work;
    getOperation()->walk([&](Operation *op) {
      if (isa<RotaryOp, RepeatHeadsOp, AppendKVOp, MergeOp>(op))
        work.push_back(op);
    });
    for (Operation *op : work) {
      OpBuilder builder(op);
      SmallVector<Value> results = llvm::TypeSwitch<Operation *, SmallVector<Value>>(op)
                                       .Case<RotaryOp, RepeatHeadsOp, AppendKVOp, MergeOp>(
                                           [&](auto found) { return decompose(builder, found); });
      for (auto [result, value] : llvm::zip_equal(op->getResults(), results)) {
        if (value.getType() != result.getType()) // sizes that only one of the two types knows
          value = tensor::CastOp::create(builder, op->getLoc(), result.getType(), value);
        result.replaceAllUsesWith(value);
      }
      op->erase();
      ++numDecomposed;
    }
  }
};

} // namespace
} // namespace gqa
