// The pipeline gqa-simplify, and the pass that writes its report.
#include "gqa/Fuse/Simplify.h"
#include "gqa/Fuse/Passes.h"
#include "gqa/Raise/Passes.h"
#include "gqa/Raise/Report.h"
#include "gqa/Share/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

namespace gqa {
#define GEN_PASS_DEF_GQAREPORT
#include "gqa/Fuse/Passes.h.inc"
} // namespace gqa

using namespace mlir;

namespace gqa {
namespace {

struct ReportPass : impl::GQAReportBase<ReportPass> {
  using GQAReportBase::GQAReportBase;

  void runOnOperation() override {
    if (llvm::Error error = writeReport(getOperation(), report)) {
      emitError(getOperation().getLoc()) << llvm::toString(std::move(error));
      signalPassFailure();
    }
  }
};

} // namespace

void buildRaisePipeline(OpPassManager &manager) { manager.addNestedPass<func::FuncOp>(createGQARaise()); }

void buildSharePipeline(OpPassManager &manager) { manager.addPass(createGQAShareKV()); }

void buildFusePipeline(OpPassManager &manager) {
  manager.addNestedPass<func::FuncOp>(createGQAFoldMasks());
  // Canonicalisation folds transposes into layouts and neutral masks away.
  manager.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  manager.addNestedPass<func::FuncOp>(createGQANarrowAttention());
  manager.addNestedPass<func::FuncOp>(createCSEPass());
}

void buildSimplifyPipeline(OpPassManager &manager, const SimplifyOptions &options) {
  buildRaisePipeline(manager);
  buildSharePipeline(manager);
  buildFusePipeline(manager);
  manager.addPass(createGQAReport({options.report}));
}

void registerSimplifyPipeline() {
  PassPipelineRegistration<SimplifyOptions>(
      "gqa-simplify", "raise, share and fuse: what a front end emits becomes grouped attention",
      buildSimplifyPipeline);
}

} // namespace gqa
