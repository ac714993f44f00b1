// The tasks of a tile's parts join their states themselves: they are a cluster, and read each other's memory.
#ifndef GQA_LIB_TILE_CLUSTERMERGE_H
#define GQA_LIB_TILE_CLUSTERMERGE_H

#include "RowMerge.h"

namespace gqa {

/// Where a task keeps the states of its warps, 16 rows of each after those of the one before.
struct WarpStates {
  mlir::Value o, m, l;
};

class ClusterMerge : RowMerge {
public:
  /// Takes scratch memory: to be made outside of branches. \param warps that a task has
  ClusterMerge(AttentionOp op, const AttentionValues &values, const WarpStates &states, int64_t warps,
               IndexBuilder &b);

  /// Finishes the rows of the tile at `point` that are this task's, of part `split`. All warps of the cluster
  /// have written their states, and may go on to overwrite them.
  void build(mlir::ValueRange point, Value split);

private:
  Place placeOf(Value part) override;

  const WarpStates &states;
  int64_t warps;
  Value room;
};

} // namespace gqa

#endif // GQA_LIB_TILE_CLUSTERMERGE_H
