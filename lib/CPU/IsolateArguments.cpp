// gqa-isolate-arguments: what keeps the conversion of functions from looking at all their operations again
// and again.
#include "gqa/CPU/Passes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_ISOLATEARGUMENTS
#include "gqa/CPU/Passes.h.inc"

namespace {

struct IsolateArgumentsPass : impl::IsolateArgumentsBase<IsolateArgumentsPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || !llvm::any_of(function.getArgumentTypes(), llvm::IsaPred<BaseMemRefType>))
      return;
    Block &entry = function.getBody().front();
    Block *body = entry.splitBlock(entry.begin());
    OpBuilder builder = OpBuilder::atBlockEnd(&entry);
    cf::BranchOp::create(builder, function.getLoc(), body);
  }
};

} // namespace
} // namespace gqa
