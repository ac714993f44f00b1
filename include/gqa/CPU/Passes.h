// Passes that lower to code for the host's processor; Passes.td describes them.
#ifndef GQA_CPU_PASSES_H
#define GQA_CPU_PASSES_H

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace gqa {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "gqa/CPU/Passes.h.inc"

struct CPUPipelineOptions {
  bool polynomials = true; ///< functions of f32 as polynomials; off for the reference
  unsigned vectorBits = 0; ///< width of a vector register; 0 is that of this machine
};

/// The width of a vector register of `cpu` (this machine) or `cpu:ARCH`.
unsigned vectorBitsOf(llvm::StringRef target);

/// Everything on memrefs to the LLVM dialect.
void buildCPUPipeline(mlir::OpPassManager &pm, const CPUPipelineOptions &options = {});

} // namespace gqa

#endif // GQA_CPU_PASSES_H
