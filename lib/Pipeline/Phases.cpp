// The phases in order: which passes lead from each to the next.
#include "gqa/Pipeline/Phases.h"
#include "MoveElements.h"
#include "gqa/CPU/Passes.h"
#include "gqa/Dialect/GQA/Transforms/Passes.h"
#include "gqa/Fuse/Passes.h"
#include "gqa/Fuse/Simplify.h"
#include "gqa/NVPTX/Passes.h"
#include "gqa/Pipeline/Passes.h"
#include "gqa/Pipeline/Trace.h"
#include "gqa/Reference/Passes.h"
#include "gqa/Tile/Passes.h"
#include "gqa/Tile/Target.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Func/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr StringRef names[] = {"input", "raised", "shared", "fused", "tiled", "target", "binary"};

/// Attention and its companions to loops, on tensors.
void buildAttention(OpPassManager &pm, const PipelineOptions &options) {
  if (options.reference)
    pm.addPass(createGQALowerToReference());
  else // kernels of a GPU read k, v and q where they are whole
    pm.addPass(createGQADecompose({isCUDA(options.target) ? Keep::Narrow : Keep::Fused}));
  // Before kernels are made of memrefs, whose accesses are right by construction.
  pm.addPass(createGuardAccesses());
  pm.addPass(createDefineDivision());
  // Sizes are asked of what results are made for: equal ones become one value, and results have no user left
  // but who reads them.
  pm.addPass(memref::createResolveShapedTypeResultDimsPass());
  pm.addPass(createCSEPass());
  pm.addPass(createCanonicalizerPass());
  if (!options.reference) {
    pm.addPass(createGQATile({options.target}));
    pm.addPass(func::createDuplicateFunctionEliminationPass()); // a model's layers share their kernels
  }
}

void buildBuffers(OpPassManager &pm, const PipelineOptions &options) {
  pm.addPass(createSliceInPlace());
  if (!options.reference)
    pm.addPass(createRollLoops());
  pm.addPass(createSeparateDestinations());
  pm.addPass(createCarryInPlace());
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  pm.addPass(bufferization::createEmptyTensorToAllocTensorPass());
  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.bufferizeFunctionBoundaries = true;
  bufferize.functionBoundaryTypeConversion = bufferization::LayoutMapOption::IdentityLayoutMap;
  bufferize.allowReturnAllocsFromLoops = true; // what grows in a loop is new in each iteration
  pm.addPass(bufferization::createOneShotBufferizePass(bufferize));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createReturnDonated());
  bufferization::buildBufferDeallocationPipeline(pm, {});
  if (!isCUDA(options.target)) // where memory is a call's until its end, and loops between are one kernel
    pm.addNestedPass<func::FuncOp>(bufferization::createOptimizeAllocationLivenessPass());
  pm.addPass(createConvertBufferizationToMemRefPass());
}

void buildTiled(OpPassManager &pm, const PipelineOptions &options) {
  PrepareEntryOptions entry;
  entry.function = options.function;
  pm.addPass(createPrepareEntry(entry));
  pm.addPass(createRenameReserved());
  if (isCUDA(options.target) && !options.reference) {
    pm.addPass(createInlinerPass()); // what functions return is on the device as well
    pm.addNestedPass<func::FuncOp>(createMoveElements());
  }
  pm.addPass(createSymbolDCEPass());
  pm.addNestedPass<func::FuncOp>(createConvertElementwiseToLinalgPass()); // arith and math on whole tensors
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  if (!options.reference) // its slices are guarded with all others
    pm.addPass(createMultiplyGroups({/*onDevice=*/isCUDA(options.target)}));
  buildAttention(pm, options);
  if (!options.reference)
    pm.addPass(createMultiplyPatches());
  pm.addPass(createAbsorbTranspose());
  pm.addPass(createSplitParts());
  pm.addPass(createFuseElementwise());
  if (!options.reference)
    pm.addPass(createRelaxReductions());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  if (isCUDA(options.target) && !options.reference)
    pm.addPass(createGatherProducts()); // one operand is one value now
  buildBuffers(pm, options);
}

/// The passes that lead to `phase` from the one before it.
LogicalResult buildPhase(OpPassManager &pm, Phase phase, const PipelineOptions &options) {
  // The reference must not depend on what it judges.
  bool simplify = options.simplify && !options.reference;
  switch (phase) {
  case Phase::Input:
    pm.addPass(createLowerTosa());
    return success();
  case Phase::Raised:
    if (simplify)
      buildRaisePipeline(pm);
    return success();
  case Phase::Shared:
    if (simplify)
      buildSharePipeline(pm);
    return success();
  case Phase::Fused:
    if (simplify) {
      buildFusePipeline(pm);
      pm.addPass(createGQAReport({options.report}));
    }
    return success();
  case Phase::Tiled:
    buildTiled(pm, options);
    return success();
  case Phase::Target: {
    CPUPipelineOptions cpu;
    cpu.polynomials = !options.reference;
    cpu.target = hostOf(options.target).str();
    if (!isCUDA(options.target)) {
      cpu.parallelLoops = !options.reference;
      buildCPUPipeline(pm, cpu);
      return success();
    }
    if (!options.reference)
      pm.addPass(createOffload());
    buildNVPTXPipeline(pm, options.target);
    OpPassManager host(ModuleOp::getOperationName());
    buildCPUPipeline(host, cpu);
    pm.addPass(createBesideKernels(std::move(host)));
    return success();
  }
  case Phase::Binary:
    if (isCUDA(options.target))
      buildPTXPipeline(pm, options.target);
    return success();
  }
  return failure();
}

LogicalResult dump(ModuleOp module, Phase phase, StringRef folder) {
  std::string name = (std::to_string(int(phase)) + "-" + stringifyPhase(phase) + ".mlir").str();
  SmallString<128> path(folder);
  llvm::sys::path::append(path, name);
  std::error_code error = llvm::sys::fs::create_directories(folder);
  if (!error) {
    llvm::raw_fd_ostream out(path, error);
    if (!error) {
      module.print(out, OpPrintingFlags().elideLargeElementsAttrs(64).useLocalScope());
      out.close();
      error = out.error();
      out.clear_error(); // it is told of below
    }
  }
  if (error)
    return emitError(module.getLoc()) << "the IR cannot be written to '" << path << "': " << error.message();
  return success();
}

/// Stands behind a phase's passes: verifies what they have made and that nothing remains that may not, writes
/// it to a folder if there is one, and shows it.
struct EndPhasePass : PassWrapper<EndPhasePass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(EndPhasePass)

  EndPhasePass(Phase phase, const PipelineOptions &options)
      : phase(phase), folder(options.dumpPhases), show(options.afterPhase) {}

  StringRef getName() const override { return "EndPhase"; }

  void runOnOperation() override {
    if (failed(verify(getOperation())) || failed(verifyPhase(getOperation(), phase)) ||
        (!folder.empty() && failed(dump(getOperation(), phase, folder))))
      return signalPassFailure();
    if (show)
      show(getOperation(), phase);
    markAllAnalysesPreserved();
  }

  Phase phase;
  std::string folder;
  std::function<void(ModuleOp, Phase)> show;
};

} // namespace

llvm::Expected<Phase> parsePhase(StringRef name) {
  const auto *known = llvm::find(names, name);
  if (known != std::end(names))
    return Phase(known - names);
  return llvm::createStringError("there is no phase '" + name + "'; expected " +
                                 llvm::join(ArrayRef(names).drop_back(), ", ") + " or " +
                                 ArrayRef(names).back());
}

StringRef stringifyPhase(Phase phase) { return names[size_t(phase)]; }

LogicalResult buildPipelineTo(OpPassManager &pm, Phase to, const PipelineOptions &options) {
  for (int index = 0; index <= int(to); ++index) {
    Phase phase = Phase(index);
    if (failed(buildPhase(pm, phase, options)))
      return failure();
    pm.addPass(std::make_unique<EndPhasePass>(phase, options));
  }
  return success();
}

LogicalResult runToPhase(ModuleOp module, Phase to, const PipelineOptions &options) {
  PassManager pm(module.getContext());
  pm.enableVerifier(false); // a third of the time; each phase verifies at its end
  tracePasses(pm);
  return failure(failed(buildPipelineTo(pm, to, options)) || failed(pm.run(module)));
}

} // namespace gqa
