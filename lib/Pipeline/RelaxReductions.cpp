// gqa-relax-reductions: sums in any order.
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_RELAXREDUCTIONS
#include "gqa/Pipeline/Passes.h.inc"

namespace {

/// Marks the last addition or multiplication of the accumulator, if that is how it is combined.
void relax(linalg::GenericOp op) {
  Block &body = op.getRegion().front();
  for (auto [index, yielded] : llvm::enumerate(body.getTerminator()->getOperands())) {
    Operation *combine = yielded.getDefiningOp();
    if (!isa_and_present<arith::AddFOp, arith::MulFOp>(combine))
      continue;
    BlockArgument accumulator = body.getArgument(op.getNumDpsInputs() + unsigned(index));
    if (!llvm::is_contained(combine->getOperands(), accumulator))
      continue;
    auto flags = cast<arith::ArithFastMathInterface>(combine).getFastMathFlagsAttr().getValue();
    combine->setAttr("fastmath",
                     arith::FastMathFlagsAttr::get(op.getContext(), flags | arith::FastMathFlags::reassoc));
  }
}

struct RelaxReductionsPass : impl::RelaxReductionsBase<RelaxReductionsPass> {
  void runOnOperation() override {
    getOperation()->walk([](linalg::GenericOp op) {
      if (op.getNumReductionLoops())
        relax(op);
    });
  }
};

} // namespace
} // namespace gqa
