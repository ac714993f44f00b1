// TOSA as input: upstream's passes take it to linalg.
#include "gqa/Pipeline/Passes.h"

#include "mlir/Conversion/TosaToArith/TosaToArith.h"
#include "mlir/Conversion/TosaToLinalg/TosaToLinalg.h"
#include "mlir/Conversion/TosaToTensor/TosaToTensor.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tosa/IR/TosaOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace gqa {
#define GEN_PASS_DEF_LOWERTOSA
#include "gqa/Pipeline/Passes.h.inc"
} // namespace gqa

using namespace mlir;

namespace gqa {
namespace {

struct LowerTosaPass : impl::LowerTosaBase<LowerTosaPass> {
  void runOnOperation() override {
    WalkResult found = getOperation().walk([](Operation *op) {
      return isa_and_present<tosa::TosaDialect>(op->getDialect()) ? WalkResult::interrupt()
                                                                  : WalkResult::advance();
    });
    if (!found.wasInterrupted()) // other graphs stay as they are
      return;
    OpPassManager passes(ModuleOp::getOperationName());
    tosa::addTosaToLinalgPasses(passes, {}, {}, /*validationOptions=*/std::nullopt);
    passes.addNestedPass<func::FuncOp>(createTosaToArithPass());
    passes.addNestedPass<func::FuncOp>(createTosaToTensorPass());
    passes.addPass(createCanonicalizerPass());
    passes.addPass(createCSEPass());
    if (failed(runPipeline(passes, getOperation())))
      signalPassFailure();
  }
};

} // namespace
} // namespace gqa
