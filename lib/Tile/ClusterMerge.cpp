#include "ClusterMerge.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {

ClusterMerge::ClusterMerge(AttentionOp op, const AttentionValues &values, const WarpStates &states,
                           int64_t warps, IndexBuilder &b)
    : RowMerge(op, values, /*partsOfWarp=*/tile::kMostTasksOfCluster, b), states(states), warps(warps),
      room(scratch({b.index(warps), values.valueWidth}, b.getF32Type())) {
  assert(warps * tile::kMostTasksOfCluster <= kLanes && "each lane weighs the state of one warp");
}

/// Rows are dealt to tasks. All warps of a task work on one, each on the states that the warps of its number
/// have: of one row, as many as the cluster has tasks.
void ClusterMerge::build(ValueRange point, Value split) {
  bindPosition(point);
  tile::ClusterBarrierOp::create(b);
  auto loop = scf::ForOp::create(b, split, b.mul(values.group, values.period), values.splits);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    tile::BarrierOp::create(b); // the room may be in use for the row in front
    bindRow(loop.getInductionVar(), warp, b.index(warps));
    buildRow(b.mul(values.splits, b.index(warps)), room, warps);
  }
  tile::ClusterBarrierOp::create(b);
}

RowMerge::Place ClusterMerge::placeOf(Value part) {
  Value task = b.div(part, b.index(warps)), ofWarp = b.rem(part, b.index(warps));
  auto peer = [&](Value own) -> Value { return tile::ClusterPeerOp::create(b, own.getType(), own, task); };
  return {peer(states.o), peer(states.m), peer(states.l),
          b.add(b.mul(ofWarp, b.index(tile::kFragmentRows)), source)};
}

} // namespace gqa
