// Which integers are in which ranges, so that bounds checks that hold go away.
#include "gqa/CPU/Passes.h"

#include "mlir/Analysis/CallGraph.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/SCCIterator.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_OPTIMIZERANGES
#include "gqa/CPU/Passes.h.inc"

namespace {

bool callsItself(ModuleOp module) {
  const CallGraph graph(module);
  for (auto component = llvm::scc_begin(&graph); !component.isAtEnd(); ++component)
    if (component.hasCycle())
      return true;
  return false;
}

struct OptimizeRangesPass : impl::OptimizeRangesBase<OptimizeRangesPass> {
  using OptimizeRangesBase::OptimizeRangesBase;

  /// Ranges go from callers to functions. Through one that calls itself with one number less they would
  /// grow by one, 2^64 times: there each function is looked at alone.
  void runOnOperation() override {
    OpPassManager ranges(ModuleOp::getOperationName());
    if (callsItself(getOperation()))
      ranges.addNestedPass<func::FuncOp>(arith::createIntRangeOptimizationsPass());
    else
      ranges.addPass(arith::createIntRangeOptimizationsPass());
    if (failed(runPipeline(ranges, getOperation())))
      signalPassFailure();
  }
};

} // namespace
} // namespace gqa
