// Lowerings of the operations inside a tile kernel, one per operation; each replaces its operation.
#ifndef GQA_LIB_CPU_TILELOWERING_H
#define GQA_LIB_CPU_TILELOWERING_H

#include "VectorBuilder.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace gqa {

void lowerPack(tile::PackOp op, const VectorTarget &target);
void lowerInit(tile::InitOp op, const VectorTarget &target);
void lowerQK(tile::QKOp op, const VectorTarget &target);
void lowerScore(tile::ScoreOp op, const VectorTarget &target);
void lowerSoftmaxStep(tile::SoftmaxStepOp op, const VectorTarget &target);
void lowerPV(tile::PVOp op, const VectorTarget &target);
void lowerFinish(tile::FinishOp op, const VectorTarget &target);

/// Memory of a task: allocated where the scratch is, freed at the end of the kernel.
void lowerScratch(tile::ScratchOp op);

/// Moves the body of `op` to a function of its own, which the runtime calls for each point of the grid.
void outlineKernel(tile::KernelOp op);

} // namespace gqa

#endif // GQA_LIB_CPU_TILELOWERING_H
