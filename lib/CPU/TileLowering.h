// Lowerings of the operations inside a tile kernel, one per operation; each replaces its operation.
#ifndef GQA_LIB_CPU_TILELOWERING_H
#define GQA_LIB_CPU_TILELOWERING_H

#include "VectorBuilder.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace gqa {

void lowerRotate(tile::RotateOp op, const CPUTarget &target);
void lowerPack(tile::PackOp op, const CPUTarget &target);
/// Writes the rows of a narrow cache to the first rows of the storage.
void widenRows(tile::PackOp op, const CPUTarget &target);
void lowerPackQueries(tile::PackOp op, const CPUTarget &target);
void lowerPackPanels(tile::PackOp op, const CPUTarget &target);
void lowerInit(tile::InitOp op, const CPUTarget &target);
void lowerQK(tile::QKOp op, const CPUTarget &target);
void lowerScore(tile::ScoreOp op, const CPUTarget &target);
void lowerMask(tile::MaskOp op, const CPUTarget &target);
void lowerSoftmaxStep(tile::SoftmaxStepOp op, const CPUTarget &target);
void lowerPV(tile::PVOp op, const CPUTarget &target);
void lowerTranspose(tile::TransposeOp op, const CPUTarget &target);
void lowerMerge(tile::MergeOp op, const CPUTarget &target);
void lowerFinish(tile::FinishOp op, const CPUTarget &target);

/// Of a kernel: the processor by whose model LLVM puts its instructions in order, instead of the target's
/// own.
constexpr llvm::StringLiteral kSchedulingModel = "gqa.scheduling_model";

/// Memory of a task: one block for all scratch of known size, freed at the end of the kernel.
void lowerScratch(tile::KernelOp op);

/// Moves the body of `op` to a function of its own, which the runtime calls for each point of the grid.
mlir::LogicalResult outlineKernel(tile::KernelOp op);

} // namespace gqa

#endif // GQA_LIB_CPU_TILELOWERING_H
