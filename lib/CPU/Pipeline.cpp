// From memrefs to the LLVM dialect, for the host's processor.
#include "gqa/CPU/Passes.h"
#include "gqa/Pipeline/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace gqa {
namespace {

/// Structured operations to loops over loads and stores whose indices are as simple as they can be.
void buildLoops(OpPassManager &pm, const CPUPipelineOptions &options) {
  pm.addPass(createGuardSizes()); // not the scratch of tasks, which is small
  pm.addPass(createInheritLayouts());
  if (options.parallelLoops) {
    pm.addPass(createOrderLoops());
    pm.addPass(createParallelLoops());
  }
  LowerTileToCPUOptions tiles;
  tiles.target = options.target;
  pm.addPass(createLowerTileToCPU(tiles));
  EmulateAMXOptions emulation;
  emulation.target = options.target;
  pm.addPass(createEmulateAMX(emulation));
  pm.addPass(createLowerMatmul());
  pm.addPass(createLowerCopy());
  pm.addPass(createShareLoops()); // of what is left for LLVM to optimise
  pm.addPass(createConvertLinalgToLoopsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(memref::createFoldMemRefAliasOpsPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createOptimizeRanges()); // removes the bounds checks that hold
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
}

/// Scalars: narrow floats computed in f32, functions as arithmetic.
void buildScalars(OpPassManager &pm, const CPUPipelineOptions &options) {
  pm.addPass(createConvertComplexToStandardPass());
  pm.addPass(math::createMathExtendToSupportedTypes());
  arith::ArithEmulateUnsupportedFloatsOptions emulate;
  emulate.sourceTypeStrs = {"bf16"};
  emulate.targetTypeStr = "f32";
  pm.addPass(arith::createArithEmulateUnsupportedFloats(emulate));
  ExpandMathOptions expand;
  expand.polynomials = options.polynomials;
  pm.addPass(createExpandMath(expand));
  pm.addPass(createConvertMathToFuncs());
  arith::ArithExpandOpsPassOptions arithOptions;
  arithOptions.includeBf16 = true;
  pm.addPass(arith::createArithExpandOpsPass(arithOptions));
  pm.addPass(memref::createExpandOpsPass());
}

void buildLLVM(OpPassManager &pm) {
  pm.addPass(createLowerAssert());
  pm.addPass(createConvertVectorToSCFPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  ConvertVectorToLLVMPassOptions vectors;
  vectors.x86Vector = true;
  pm.addPass(createConvertVectorToLLVMPass(vectors));
  FinalizeMemRefToLLVMConversionPassOptions memory;
  memory.useAlignedAlloc = true;
  memory.useGenericFunctions = true;
  pm.addPass(createFinalizeMemRefToLLVMConversionPass(memory));
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertMathToLibmPass());
  pm.addPass(createConvertComplexToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addNestedPass<func::FuncOp>(createIsolateArguments());
  pm.addPass(createConvertFuncToLLVMPass());
  // With control flow, as tiles are arguments of blocks.
  ConvertToLLVMPassOptions tiles;
  tiles.filterDialects = {"amx", "cf"};
  pm.addPass(createConvertToLLVMPass(tiles));
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
}

} // namespace

void buildCPUPipeline(OpPassManager &pm, const CPUPipelineOptions &options) {
  buildLoops(pm, options);
  buildScalars(pm, options);
  buildLLVM(pm);
}

} // namespace gqa
