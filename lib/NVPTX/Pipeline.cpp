// From tile kernels to PTX.
#include "TileLowering.h"
#include "gqa/NVPTX/Passes.h"
#include "gqa/Pipeline/Passes.h"
#include "gqa/Tile/Target.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace gqa {
namespace {

struct LowerFunctionsPass : PassWrapper<LowerFunctionsPass, OperationPass<gpu::GPUModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerFunctionsPass)

  StringRef getName() const override { return "LowerFunctions"; }
  void runOnOperation() override { lowerFunctions(getOperation()); }
};

/// Functions that have become LLVM's learn that they are kernels: earlier they may not know.
struct MarkKernelsPass : PassWrapper<MarkKernelsPass, OperationPass<gpu::GPUModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(MarkKernelsPass)

  StringRef getName() const override { return "MarkKernels"; }

  void runOnOperation() override {
    Builder builder(&getContext());
    for (auto function : getOperation().getOps<LLVM::LLVMFuncOp>()) {
      auto threads = cast_or_null<IntegerAttr>(function->removeAttr(kThreads));
      if (!threads)
        continue;
      function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), builder.getUnitAttr());
      // Blocks find the part that is theirs by a few comparisons, not by a table in memory.
      function.setPassthroughAttr(builder.getArrayAttr(
          {builder.getArrayAttr({builder.getStringAttr("no-jump-tables"), builder.getStringAttr("true")})}));
      function->setAttr(NVVM::NVVMDialect::getMaxntidAttrName(),
                        builder.getDenseI32ArrayAttr({int32_t(threads.getInt())}));
      if (auto resident = cast_or_null<IntegerAttr>(function->removeAttr(kResident)))
        function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                          builder.getI32IntegerAttr(int32_t(resident.getInt())));
      // Tensor maps are read where the launch has put them.
      for (unsigned i = 0; i < function.getNumArguments(); ++i)
        if (function.getArgAttr(i, LLVM::LLVMDialect::getByValAttrName()))
          function.setArgAttr(i, NVVM::NVVMDialect::getGridConstantAttrName(), builder.getUnitAttr());
    }
  }
};

/// A device loads one module, so that of one chip has the kernels for all chips as well: copied when they
/// have been lowered, which is done once. All kernels there begin before those in front have ended.
struct FinishGroupKernelsPass : PassWrapper<FinishGroupKernelsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FinishGroupKernelsPass)

  StringRef getName() const override { return "FinishGroupKernels"; }

  void runOnOperation() override {
    auto from = getOperation().lookupSymbol<gpu::GPUModuleOp>(kKernels);
    auto to = getOperation().lookupSymbol<gpu::GPUModuleOp>(kGroupKernels);
    if (from && to)
      copyKernels(from, to);
    if (from) // what says when kernels may come is for that chip alone
      from.walk([](NVVM::GriddepcontrolOp op) { op.erase(); });
    if (!to)
      return;
    for (auto function : to.getOps<LLVM::LLVMFuncOp>())
      if (function->hasAttr(NVVM::NVVMDialect::getKernelFuncAttrName()))
        beginEarly(function);
  }

private:
  void copyKernels(gpu::GPUModuleOp from, gpu::GPUModuleOp to) {
    OpBuilder builder = OpBuilder::atBlockEnd(to.getBody());
    // What kernels call may be declared in both.
    for (auto function : from.getOps<LLVM::LLVMFuncOp>())
      if (!function.isExternal() || !to.lookupSymbol(function.getName()))
        builder.clone(*function);
  }

  /// Takes its place when the kernel in front lets it (GQA_RT_CUDA_DEPENDENT), and waits for what that does
  /// before it reads or writes memory. Lets the one behind come at once. Unless it says when.
  void beginEarly(LLVM::LLVMFuncOp kernel) {
    bool waits = false, launches = false;
    kernel.walk([&](NVVM::GriddepcontrolOp op) {
      (op.getKind() == NVVM::GridDepActionKind::wait ? waits : launches) = true;
    });
    OpBuilder builder = OpBuilder::atBlockBegin(&kernel.front());
    if (!waits)
      NVVM::GriddepcontrolOp::create(builder, kernel.getLoc(), NVVM::GridDepActionKind::wait);
    if (!launches)
      NVVM::GriddepcontrolOp::create(builder, kernel.getLoc(), NVVM::GridDepActionKind::launch_dependents);
  }
};

} // namespace

void buildNVPTXPipeline(OpPassManager &pm, StringRef target) {
  LowerTileToNVVMOptions lowering;
  lowering.onlyGroups = llvm::cantFail(describeCUDA(target)).isOnlyGroups();
  pm.addPass(createCanonicalizerPass()); // reads of arguments that are in kernels now
  pm.addPass(createCSEPass());
  pm.addPass(createPlaceTensors());
  pm.addPass(createLowerTileToNVVM(lowering));
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(memref::createFoldMemRefAliasOpsPass());
  kernels.addPass(memref::createExpandStridedMetadataPass());
  kernels.addPass(createLowerAffinePass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(createLoopInvariantCodeMotionPass());
  kernels.addPass(createCarryAddresses());
  kernels.addPass(createConvertComplexToStandardPass());
  kernels.addPass(math::createMathExtendToSupportedTypes());
  arith::ArithEmulateUnsupportedFloatsOptions emulate;
  emulate.sourceTypeStrs = {"bf16", "f16"};
  emulate.targetTypeStr = "f32";
  kernels.addPass(arith::createArithEmulateUnsupportedFloats(emulate));
  kernels.addPass(createExpandMath());
  kernels.addPass(std::make_unique<LowerFunctionsPass>()); // of those that are in polynomials as well
  kernels.addPass(arith::createArithExpandOpsPass());
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(createConvertVectorToLLVMPass());
  kernels.addPass(createConvertComplexToLLVMPass());
  kernels.addPass(createArithToLLVMConversionPass());
  kernels.addPass(createConvertToLLVMPass());
  kernels.addPass(createConvertNVVMToLLVMPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  kernels.addPass(std::make_unique<MarkKernelsPass>());
  pm.addPass(std::make_unique<FinishGroupKernelsPass>());
}

/// The first version of PTX that knows the chip and what kernels use (7.4: copies that name a line of L2):
/// older drivers read no newer one.
static StringRef firstPTXOf(unsigned chip) {
  switch (chip) {
  case 80:
  case 86:
  case 87:
    return "+ptx74";
  case 89:
  case 90:
    return "+ptx78";
  case 100:
    return "+ptx86";
  default:
    return "+ptx87";
  }
}

void buildPTXPipeline(OpPassManager &pm, StringRef target) {
  CUDATarget description = llvm::cantFail(describeCUDA(target));
  auto attach = [&](StringRef kernels, std::string chip, StringRef features) {
    GpuNVVMAttachTargetOptions options;
    options.moduleMatcher = (kernels + "$").str();
    options.chip = std::move(chip);
    options.features = features.str();
    options.optLevel = 3;
    pm.addPass(createGpuNVVMAttachTarget(options));
  };
  attach(kKernels, "sm_" + std::to_string(description.chip), firstPTXOf(description.chip));
  attach(kGroupKernels, "sm_90a", "+ptx80");
  GpuModuleToBinaryPassOptions binary;
  binary.compilationTarget = "isa";
  pm.addPass(createGpuModuleToBinaryPass(binary));
  EmbedPTXOptions embed;
  embed.cubins.assign(description.cubins.begin(), description.cubins.end());
  pm.addPass(createEmbedPTX(embed));
}

} // namespace gqa
