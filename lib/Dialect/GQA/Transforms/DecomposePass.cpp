// gqa-decompose: the pass, and the helpers that the rewrites share.
#include "gqa/Dialect/GQA/Transforms/Decompose.h"
#include "gqa/Dialect/GQA/Transforms/Passes.h"
#include "gqa/Pipeline/Entry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
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

/// Whether a kernel of the attention that uses the value, or the concatenation of the value with new tokens,
/// produces it in passing. Concatenations that are built have taken their users with them.
bool isTakenOver(OpOperand &use, Keep keep) {
  Operation *producer = use.get().getDefiningOp();
  bool isNarrow = isa<DequantizeOp>(producer) && isa<AttentionOp>(use.getOwner());
  if (keep != Keep::Fused && !(keep == Keep::Narrow && isNarrow))
    return false;
  if (auto append = dyn_cast<AppendKVOp>(use.getOwner()))
    return use.getOperandNumber() == 0 && isa<DequantizeOp>(producer) &&
           llvm::all_of(append->getUses(), [&](OpOperand &tokens) {
             auto reader = dyn_cast<AttentionOp>(tokens.getOwner());
             return reader && producer == (tokens.getOperandNumber() == 1 ? reader.getKeyDequantize()
                                                                          : reader.getValueDequantize());
           });
  auto attention = dyn_cast<AttentionOp>(use.getOwner());
  if (!attention)
    return false;
  switch (use.getOperandNumber()) {
  case 0:
    return keep == Keep::Narrow ? producer == attention.getQueryDequantize()
                                : producer == attention.getQueryRotary();
  case 1:
    return producer == attention.getKeyAppend() || producer == attention.getKeyDequantize();
  case 2:
    return producer == attention.getValueAppend() || producer == attention.getValueDequantize();
  default:
    return false;
  }
}

/// Whether tokens are written to an argument that is donated to a result: no loop over the cache.
bool isInPlace(AppendKVOp append) {
  Value cache = append.getCache();
  while (auto earlier = cache.getDefiningOp<AppendKVOp>())
    cache = earlier.getCache();
  auto argument = dyn_cast<BlockArgument>(cache);
  bool isEntry = argument && argument.getOwner()->isEntryBlock();
  auto function = isEntry ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
  return append.getPositions() && function && function.getArgAttr(argument.getArgNumber(), kDonatedAttr);
}

/// Why what stands in front of an attention is a loop of its own, or null if it is not in front of one.
const char *reasonAgainst(Operation *op, Keep keep) {
  auto rotary = dyn_cast<RotaryOp>(op);
  auto append = dyn_cast<AppendKVOp>(op);
  for (OpOperand &use : op->getUses()) {
    bool isQuery = use.getOperandNumber() == 0, isKeyOrValue = !isQuery && use.getOperandNumber() <= 2;
    bool isTaken = isTakenOver(use, isa<DequantizeOp>(op) ? keep : Keep::Fused);
    if (!isa<AttentionOp>(use.getOwner()) || isTaken)
      continue;
    if (rotary && isQuery && rotary.getRotaryDim() > 0)
      return rotary->hasOneUse() ? "the attention reads the rotated queries in another layout"
                                 : "the rotated queries have other users";
    if (isa<DequantizeOp>(op) && isKeyOrValue)
      return keep != Keep::Attention
                 ? "the mean of the values, of rows that see no key, reads them widened"
                 : "the target's kernels read keys and values in the type that they compute with: "
                   "the cache is widened in memory";
    if (append && isKeyOrValue && isInPlace(append))
      continue;
    if (append && isKeyOrValue)
      return append.getPositions()
                 ? "the tokens are written into the cache, which is copied as arguments stay"
                 : "the attention knows more of the cache than its type does";
  }
  return nullptr;
}

/// Puts what `op` means in front of it, for all users that do not take it over.
void replace(Operation *op, ArrayRef<OpOperand *> users) {
  OpBuilder builder(op);
  SmallVector<Value> results =
      llvm::TypeSwitch<Operation *, SmallVector<Value>>(op)
          .Case<AttentionOp, RotaryOp, RepeatHeadsOp, AppendKVOp, DequantizeOp, MergeOp>(
              [&](auto found) { return decompose(builder, found); });
  for (auto [result, value] : llvm::zip_equal(op->getResults(), results))
    if (value.getType() != result.getType()) // sizes that only one of the two types knows
      value = tensor::CastOp::create(builder, op->getLoc(), result.getType(), value);
  for (OpOperand *use : users)
    use->set(results[cast<OpResult>(use->get()).getResultNumber()]);
}

struct Decompose : impl::GQADecomposeBase<Decompose> {
  using GQADecomposeBase::GQADecomposeBase;

  void runOnOperation() override {
    SmallVector<Operation *> work;
    getOperation()->walk([&](Operation *op) {
      if (isa<RotaryOp, RepeatHeadsOp, AppendKVOp, DequantizeOp, MergeOp>(op) ||
          (keep == Keep::Nothing && isa<AttentionOp>(op)))
        work.push_back(op);
    });
    for (Operation *op : llvm::reverse(work)) { // so that what others are made of comes last
      SmallVector<OpOperand *> users;
      for (OpOperand &use : op->getUses())
        if (!isTakenOver(use, keep))
          users.push_back(&use);
      if (users.empty() && !op->use_empty())
        continue;
      const char *reason = keep == Keep::Nothing ? nullptr : reasonAgainst(op, keep);
      if (reason)
        remark::missed(op->getLoc(), remark::RemarkOpts::name("NotFused").category("gqa-decompose"))
            << remark::reason("{0}", reason);
      replace(op, users);
      if (op->use_empty())
        op->erase();
      ++numDecomposed;
    }
  }
};

} // namespace
} // namespace gqa
