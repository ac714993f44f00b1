// The one list of dialects and passes.
#include "gqa/Pipeline/Register.h"
#include "gqa/CPU/Passes.h"
#include "gqa/Dialect/GQA/GQA.h"
#include "gqa/Dialect/GQA/Transforms/Passes.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Fuse/Passes.h"
#include "gqa/Fuse/Simplify.h"
#include "gqa/NVPTX/Passes.h"
#include "gqa/Pipeline/Passes.h"
#include "gqa/Raise/Passes.h"
#include "gqa/Reference/Passes.h"
#include "gqa/Share/Passes.h"
#include "gqa/Tile/Passes.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Target/LLVM/NVVM/Target.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"

namespace gqa {

void registerDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<GQADialect, tile::TileDialect>();
  // Kernels of a GPU become text on the way.
  mlir::NVVM::registerNVVMTargetInterfaceExternalModels(registry);
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerGPUDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
  mlir::registerNVVMDialectTranslation(registry);
}

void registerAll(mlir::DialectRegistry &registry) {
  registerDialects(registry);
  mlir::registerAllPasses();
  registerCPUPasses();
  registerGQATransformsPasses();
  registerRaisePasses();
  registerSharePasses();
  registerFusePasses();
  registerSimplifyPipeline();
  registerNVPTXPasses();
  registerReferencePasses();
  registerTilePasses();
  registerPipelinePasses();
}

} // namespace gqa
