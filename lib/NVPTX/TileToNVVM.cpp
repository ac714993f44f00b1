// gqa-lower-tile-to-nvvm: kernels to functions of a gpu.module, and there every operation by its pattern.
#include "TileLowering.h"
#include "gqa/NVPTX/Passes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_LOWERTILETONVVM
#include "gqa/NVPTX/Passes.h.inc"

namespace {

/// What a lane holds: of a fragment so many numbers, or words of two for an operand.
LogicalResult convertFragment(tile::FragmentType type, SmallVectorImpl<Type> &results) {
  Type element = type.getElementType();
  if (type.getRank() == 1)
    results.append(kLaneRows, element);
  else if (type.getShape()[0] == 1)
    results.append(type.getColumns() / 4, element);
  else if (element.isF32())
    results.append(type.getColumns() / 2, element);
  else
    results.append(type.getColumns() / 4, IntegerType::get(type.getContext(), 32));
  return success();
}

Value castTo(OpBuilder &builder, Type type, ValueRange values, Location loc) {
  return UnrealizedConversionCastOp::create(builder, loc, type, values).getResult(0);
}

struct LowerTileToNVVMPass : impl::LowerTileToNVVMBase<LowerTileToNVVMPass> {
  using LowerTileToNVVMBase::LowerTileToNVVMBase;

  void runOnOperation() override {
    SmallVector<tile::KernelOp> kernels;
    getOperation().walk([&](tile::KernelOp kernel) {
      if (kernel.getWarps())
        kernels.push_back(kernel);
    });
    bool all = onlyGroups && llvm::any_of(kernels, isForGroupChip);
    gpu::GPUModuleOp plain, grouped;
    for (tile::KernelOp kernel : kernels) {
      bool isGrouped = all || isForGroupChip(kernel);
      gpu::GPUModuleOp &module = isGrouped ? grouped : plain;
      if (!module)
        module = createModule(isGrouped ? kGroupKernels : kKernels);
      if (!outlineKernel(kernel, module))
        return signalPassFailure();
      ++numKernels;
    }
    for (gpu::GPUModuleOp module : {plain, grouped}) {
      if (!module)
        continue;
      declareSharedMemory(module);
      if (failed(lowerKernels(module)))
        return signalPassFailure();
    }
    lowerDeviceOperations(getOperation());
  }

private:
  gpu::GPUModuleOp createModule(StringRef name) {
    OpBuilder builder = OpBuilder::atBlockEnd(getOperation().getBody());
    return gpu::GPUModuleOp::create(builder, getOperation().getLoc(), name);
  }

  LogicalResult lowerKernels(gpu::GPUModuleOp module) {
    TypeConverter types;
    types.addConversion([](Type type) { return type; });
    types.addConversion([](tile::FragmentType type, SmallVectorImpl<Type> &results) {
      return std::optional<LogicalResult>(convertFragment(type, results));
    });
    types.addConversion([](tile::RingType type) -> Type {
      return LLVM::LLVMPointerType::get(type.getContext(), kSharedSpace);
    });
    types.addConversion([](tile::ChannelType type) -> Type {
      return LLVM::LLVMPointerType::get(type.getContext(), kSharedSpace);
    });
    types.addConversion(
        [](tile::MapType type) -> Type { return LLVM::LLVMPointerType::get(type.getContext()); });
    types.addSourceMaterialization(castTo);
    types.addTargetMaterialization(castTo);
    RewritePatternSet patterns(&getContext());
    populateChannelPatterns(patterns, types);
    populateClusterPatterns(patterns, types);
    populateColumnPatterns(patterns, types);
    populateCopyPatterns(patterns, types);
    populateGroupPatterns(patterns, types);
    populateGroupProductPatterns(patterns, types);
    populateProductPatterns(patterns, types);
    populateScorePatterns(patterns, types);
    populateSoftmaxPatterns(patterns, types);
    populateStatePatterns(patterns, types);
    populateFinishPatterns(patterns, types);
    populateTotalPatterns(patterns, types);
    populateWarpChannelPatterns(patterns, types);
    populateWidenPatterns(patterns, types);
    ConversionTarget target(getContext());
    target.addIllegalDialect<tile::TileDialect>();
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    scf::populateSCFStructuralTypeConversionsAndLegality(types, patterns, target);
    return applyPartialConversion(module, target, std::move(patterns));
  }
};

} // namespace
} // namespace gqa
