// gqa-guard-accesses: assertions in front of tensor accesses that could be out of bounds.
#include "gqa/Dialect/GQA/GQA.h"
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Interfaces/RuntimeVerifiableOpInterface.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_GUARDACCESSES
#include "gqa/Pipeline/Passes.h.inc"

namespace {

/// In the form that gqa-lower-assert reads.
std::string message(Operation *op, StringRef what) {
  std::string text = ("ERROR: Runtime op verification failed\n^ " + what + "\nLocation: ").str();
  llvm::raw_string_ostream(text) << op->getLoc();
  return text;
}

struct GuardAccessesPass : impl::GuardAccessesBase<GuardAccessesPass> {
  void runOnOperation() override {
    SmallVector<RuntimeVerifiableOpInterface> accesses;
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (isa<AttentionOp>(op))
        return WalkResult::skip();
      if (auto access = dyn_cast<RuntimeVerifiableOpInterface>(op))
        accesses.push_back(access);
      return WalkResult::advance();
    });
    OpBuilder builder(&getContext());
    for (RuntimeVerifiableOpInterface access : accesses) {
      builder.setInsertionPoint(access);
      access.generateRuntimeVerification(builder, access->getLoc(), message);
    }
  }
};

} // namespace
} // namespace gqa
