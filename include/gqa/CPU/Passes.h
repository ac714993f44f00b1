// Passes that lower to code for the host's processor; Passes.td describes them.
#ifndef GQA_CPU_PASSES_H
#define GQA_CPU_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

#include <string>

namespace gqa {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "gqa/CPU/Passes.h.inc"

struct CPUPipelineOptions {
  bool polynomials = true;    ///< functions of f32 as polynomials; off for the reference
  bool parallelLoops = false; ///< loops that are no kernels run in threads
  std::string target = "cpu"; ///< this machine, or cpu:ARCH
};

/// Everything on memrefs to the LLVM dialect.
void buildCPUPipeline(mlir::OpPassManager &pm, const CPUPipelineOptions &options = {});

} // namespace gqa

#endif // GQA_CPU_PASSES_H
