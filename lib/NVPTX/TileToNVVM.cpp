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
  else if (element.isF32())
    results.append(type.getColumns() / 2, element);
  else
    results.append(type.getColumns() / 4, IntegerType::get(type.getContext(), 32));
  return success();
}

struct LowerTileToNVVMPass : impl::LowerTileToNVVMBase<LowerTileToNVVMPass> {
  using LowerTileToNVVMBase::LowerTileToNVVMBase;

  void runOnOperation() override {
    SmallVector<tile::KernelOp> kernels;
    getOperation().walk([&](tile::KernelOp kernel) {
      if (kernel.getWarps())
        kernels.push_back(kernel);
    });
    if (!kernels.empty()) {
      OpBuilder builder = OpBuilder::atBlockEnd(getOperation().getBody());
      auto module = gpu::GPUModuleOp::create(builder, getOperation().getLoc(), "gqa_kernels");
      for (tile::KernelOp kernel : kernels) {
        outlineKernel(kernel, module);
        ++numKernels;
      }
      declareSharedMemory(module);
      if (failed(lowerKernels(module)))
        return signalPassFailure();
    }
    lowerDeviceOperations(getOperation());
  }

private:
  LogicalResult lowerKernels(gpu::GPUModuleOp module) {
    TypeConverter types;
    types.addConversion([](Type type) { return type; });
    types.addConversion([](tile::FragmentType type, SmallVectorImpl<Type> &results) {
      return std::optional<LogicalResult>(convertFragment(type, results));
    });
    types.addConversion([](tile::RingType type) -> Type {
      return LLVM::LLVMPointerType::get(type.getContext(), kSharedSpace);
    });
    RewritePatternSet patterns(&getContext());
    populateCopyPatterns(patterns, types);
    populateProductPatterns(patterns, types);
    populateScorePatterns(patterns, types);
    populateSoftmaxPatterns(patterns, types);
    populateStatePatterns(patterns, types);
    ConversionTarget target(getContext());
    target.addIllegalDialect<tile::TileDialect>();
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    scf::populateSCFStructuralTypeConversionsAndLegality(types, patterns, target);
    return applyPartialConversion(module, target, std::move(patterns));
  }
};

} // namespace
} // namespace gqa
