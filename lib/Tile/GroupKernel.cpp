// The kernel of a prompt's attention on a GPU whose warps work in groups: one task per (block of queries,
// batch, key/value head, part of the keys).
#include "GroupTask.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {

Value mapTensor(Value buffer, int64_t heads, int64_t rows, IndexBuilder &b) {
  auto type = cast<MemRefType>(buffer.getType());
  auto map = tile::MapType::get(b.getContext(), type.getDimSize(3), type.getElementType());
  return tile::DeviceMapTensorOp::create(b, map, b.withContiguousRows(buffer), b.index(heads), b.index(rows));
}

/// A scale that all keys of a head have, and that of queries, is a part of that of the scores, which may then
/// be negative.
static AttentionValues withScales(AttentionValues values, Value batch, Value kvHead, IndexBuilder &b) {
  Value zero = b.index(0), keyScale = values.k.scaledByToken ? Value() : values.k.scale;
  for (auto [scales, head] :
       {std::pair(values.queryScale, b.mul(kvHead, values.group)), std::pair(keyScale, kvHead)}) {
    if (!scales)
      continue;
    Value scale = memref::LoadOp::create(b, scales, ValueRange{batch, head, zero, zero});
    values.scale = arith::MulFOp::create(b, values.scale, castFloat(b, scale, b.getF32Type()));
    values.unit = arith::ConstantOp::create(b, b.getF32FloatAttr(1));
    values.scored = true;
  }
  return values;
}

void buildGroupAttention(AttentionOp op, const AttentionValues &values, const WarpSchedule &schedule,
                         IndexBuilder &b) {
  TensorMaps maps{mapTensor(values.q, boxHeads(values, schedule), periodOf(values), b),
                  mapTensor(values.k.cached, 1, schedule.keys, b),
                  mapTensor(values.v.cached, 1, schedule.keys, b)};
  if (schedule.storesTile) // the rows of the tile's own heads: what is behind them in the tile is padding
    maps.o = mapTensor(values.output, op.getGroupSize(), periodOf(values), b);
  SmallVector<Value> grid = {values.blocks, values.batch, values.kvHeads, values.splits};
  buildKernel(
      b, grid, /*work=*/nullptr,
      [&](ValueRange point) {
        AttentionValues scaled = withScales(values, point[1], point[2], b);
        GroupTask(op, scaled, schedule, maps, b).build(point);
      },
      schedule.warps + tile::kGroupWarps);
}

} // namespace gqa
