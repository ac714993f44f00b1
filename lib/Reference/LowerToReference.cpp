// gqa-lower-to-reference: the pass.
#include "Reference.h"
#include "gqa/Reference/Passes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_GQALOWERTOREFERENCE
#include "gqa/Reference/Passes.h.inc"

namespace {

struct LowerToReference : impl::GQALowerToReferenceBase<LowerToReference> {
  void runOnOperation() override {
    SmallVector<Operation *> work;
    getOperation()->walk([&](Operation *op) {
      if (isa<AttentionOp, MergeOp, RotaryOp, RepeatHeadsOp, AppendKVOp, DequantizeOp>(op))
        work.push_back(op);
    });
    for (Operation *op : work) {
      reference::Emitter emitter(op->getLoc(), op);
      using Ops = llvm::TypeSwitch<Operation *, reference::Values>;
      reference::Values results =
          Ops(op).Case<AttentionOp, MergeOp, RotaryOp, RepeatHeadsOp, AppendKVOp, DequantizeOp>(
              [&](auto found) { return reference::evaluate(emitter, found); });
      for (auto [result, value] : llvm::zip_equal(op->getResults(), results)) {
        if (value.getType() != result.getType()) // sizes that only one of the two types knows
          value = tensor::CastOp::create(emitter, result.getType(), value);
        result.replaceAllUsesWith(value);
      }
      op->erase();
      ++numLowered;
    }
  }
};

} // namespace
} // namespace gqa
