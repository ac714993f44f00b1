// The kernel of an attention on a GPU: one task per (block of queries, batch, key/value head, part of the
// keys).
#include "WarpTask.h"

using namespace mlir;

namespace gqa {

void buildWarpAttention(AttentionOp op, const AttentionValues &values, const WarpSchedule &schedule,
                        const TensorMaps *maps, IndexBuilder &b) {
  SmallVector<Value> grid = {values.blocks, values.batch, values.kvHeads, values.splits};
  Value cluster;
  if (values.isCluster)
    cluster = arith::SelectOp::create(b, values.isCluster, values.splits, b.index(1));
  buildKernel(
      b, grid, /*work=*/nullptr,
      [&](ValueRange point) { WarpTask(op, values, schedule, maps, b).build(point); }, schedule.warps,
      cluster);
}

} // namespace gqa
