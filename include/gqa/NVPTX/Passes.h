// Passes that lower to code for NVIDIA's GPUs; Passes.td describes them.
#ifndef GQA_NVPTX_PASSES_H
#define GQA_NVPTX_PASSES_H

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace gqa {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "gqa/NVPTX/Passes.h.inc"

/// The variables of compiled code that the runtime knows: the module of kernels, and the text of its PTX.
constexpr llvm::StringLiteral kCUDAModule = "gqa_cuda_module";
constexpr llvm::StringLiteral kCUDAText = "gqa_cuda_ptx";
/// The same for the chip that has groups of warps, and more kernels in it.
constexpr llvm::StringLiteral kCUDAGroupText = "gqa_cuda_ptx_sm_90a";

/// The two gpu.modules: kernels for every chip, and these with those of groups of warps.
constexpr llvm::StringLiteral kKernels = "gqa_kernels", kGroupKernels = "gqa_kernels_sm_90a";

/// On a module, a unit: products of few rows are cuBLASLt's as well.
constexpr llvm::StringLiteral kLibraryProductsAttr = "gqa.library_products";

/// Tile kernels to the LLVM and NVVM dialects, in a gpu.module; the host's part stays on memrefs.
void buildNVPTXPipeline(mlir::OpPassManager &pm, llvm::StringRef target);

/// Runs the host's passes on all of a module but its kernels, which are in LLVM's dialect already: these are
/// most of the code, in which an analysis of ranges and the like would look for a long time and find nothing
/// to do.
std::unique_ptr<mlir::Pass> createBesideKernels(mlir::OpPassManager host);

/// The gpu.module to PTX and cubins for the chips that `target` names (see describeCUDA), as variables of the
/// host's code.
void buildPTXPipeline(mlir::OpPassManager &pm, llvm::StringRef target);

} // namespace gqa

#endif // GQA_NVPTX_PASSES_H
