// Passes over a module go through its kernels as well: where these are lowered, they are set aside.
#include "gqa/NVPTX/Passes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;

namespace gqa {
namespace {

struct BesideKernelsPass : PassWrapper<BesideKernelsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(BesideKernelsPass)

  explicit BesideKernelsPass(OpPassManager host) : host(std::move(host)) {}

  StringRef getName() const override { return "BesideKernels"; }
  void getDependentDialects(DialectRegistry &registry) const override { host.getDependentDialects(registry); }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<gpu::GPUModuleOp> kernels(module.getOps<gpu::GPUModuleOp>());
    for (gpu::GPUModuleOp each : kernels)
      each->remove();
    if (failed(runPipeline(host, module)))
      signalPassFailure();
    for (gpu::GPUModuleOp each : kernels)
      module.push_back(each);
  }

  OpPassManager host;
};

} // namespace

std::unique_ptr<Pass> createBesideKernels(OpPassManager host) {
  return std::make_unique<BesideKernelsPass>(std::move(host));
}

} // namespace gqa
