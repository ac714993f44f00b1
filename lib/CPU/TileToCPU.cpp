// gqa-lower-tile-to-cpu: every tile operation by its own lowering, then the kernels around them.
#include "TileLowering.h"
#include "gqa/CPU/Passes.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_LOWERTILETOCPU
#include "gqa/CPU/Passes.h.inc"

namespace {

/// What a kernel for processors is made of.
bool isForCPU(Operation *op) {
  return isa<tile::RotateOp, tile::PackOp, tile::InitOp, tile::QKOp, tile::ScoreOp, tile::MaskOp,
             tile::SoftmaxStepOp, tile::PVOp, tile::TransposeOp, tile::MergeOp, tile::FinishOp,
             tile::ScratchOp, tile::YieldOp>(op);
}

void lower(Operation *op, const CPUTarget &target) {
  TypeSwitch<Operation *>(op)
      .Case([&](tile::RotateOp op) { lowerRotate(op, target); })
      .Case([&](tile::PackOp op) { lowerPack(op, target); })
      .Case([&](tile::InitOp op) { lowerInit(op, target); })
      .Case([&](tile::QKOp op) { lowerQK(op, target); })
      .Case([&](tile::ScoreOp op) { lowerScore(op, target); })
      .Case([&](tile::MaskOp op) { lowerMask(op, target); })
      .Case([&](tile::SoftmaxStepOp op) { lowerSoftmaxStep(op, target); })
      .Case([&](tile::PVOp op) { lowerPV(op, target); })
      .Case([&](tile::TransposeOp op) { lowerTranspose(op, target); })
      .Case([&](tile::MergeOp op) { lowerMerge(op, target); })
      .Case([&](tile::FinishOp op) { lowerFinish(op, target); })
      .Case([&](tile::ScratchOp) {}); // all of a kernel's together
}

struct LowerTileToCPUPass : impl::LowerTileToCPUBase<LowerTileToCPUPass> {
  using LowerTileToCPUBase::LowerTileToCPUBase;

  void runOnOperation() override {
    llvm::Expected<CPUTarget> description = describeCPU(target);
    if (!description) {
      emitError(getOperation().getLoc(), llvm::toString(description.takeError()));
      return signalPassFailure();
    }
    SmallVector<Operation *> operations;
    SmallVector<tile::KernelOp> kernels;
    WalkResult walked = getOperation().walk([&](Operation *op) {
      if (auto kernel = dyn_cast<tile::KernelOp>(op)) {
        kernels.push_back(kernel);
      } else if (isa_and_nonnull<tile::TileDialect>(op->getDialect())) {
        if (!isForCPU(op)) {
          op->emitOpError("is for the warps of a GPU, processors have no such operation");
          return WalkResult::interrupt();
        }
        operations.push_back(op);
      }
      return WalkResult::advance();
    });
    if (walked.wasInterrupted())
      return signalPassFailure();
    for (Operation *op : operations)
      if (!isa<tile::YieldOp>(op))
        lower(op, *description);
    for (tile::KernelOp kernel : kernels) {
      lowerScratch(kernel);
      if (failed(outlineKernel(kernel)))
        return signalPassFailure();
      ++numKernels;
    }
  }
};

} // namespace
} // namespace gqa
