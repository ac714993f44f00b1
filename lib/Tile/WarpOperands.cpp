// Operands of an attention in a GPU's memory, its tiles and the parts of its keys, and memory for their
// states and marks.
#include "WarpFunction.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace gqa {

TokenBytes bytesOf(const AttentionValues &values) {
  return {values.k.dequantize ? 1 : 2, values.v.dequantize ? 1 : 2};
}

AttentionValues mapOperands(AttentionValues values, IndexBuilder &b) {
  auto map = [&](Value &value, bool write) {
    if (value && isa<MemRefType>(value.getType()))
      value = tile::DeviceMapOp::create(b, value.getType(), value, write);
  };
  for (Value *read : {&values.q, &values.queryScale, &values.k.cached, &values.k.scale, &values.k.zero,
                      &values.v.cached, &values.v.scale, &values.v.zero, &values.mask, &values.bias,
                      &values.kvLen, &values.offsets, &values.sinks})
    map(*read, false);
  for (Value &capture : values.captures)
    map(capture, false);
  map(values.output, true);
  map(values.lse, true);
  return values;
}

void bindTiles(AttentionValues &values, const WarpSchedule &schedule, IndexBuilder &b) {
  values.schedule.keys = schedule.keys;
  Value one = b.index(1);
  Value share = b.div(b.index(schedule.rows), b.max(values.group, one));
  values.period = b.max(b.min(share, values.queries), one);
  values.blocks = b.ceilDiv(values.queries, values.period);
  values.rows = b.index(schedule.rows);
  values.stateRows = values.rows;
  // Of narrow operands a matrix load brings twice as many columns.
  values.keyWidth = b.roundUp(values.keyDim, (values.k.dequantize ? 32 : 16) * schedule.columnParts);
  values.valueWidth = b.roundUp(values.valueDim, (values.v.dequantize ? 32 : 16) * schedule.columnParts);
}

static Value allocate(IndexBuilder &b, ArrayRef<Value> sizes, Type element) {
  SmallVector<Value> dynamic;
  auto type = MemRefType::get(IndexBuilder::shapeOf(sizes, dynamic), element);
  return tile::DeviceAllocOp::create(b, type, dynamic);
}

void bindSplits(AttentionValues &values, const WarpSchedule &schedule, IndexBuilder &b) {
  Value tiles = b.mul(b.mul(values.batch, values.kvHeads), values.blocks);
  WaveSplits splits = buildWaveSplits(tiles, b.ceilDiv(values.keys, b.index(schedule.keys)), schedule, b);
  values.splits = splits.parts;
  values.isCluster = splits.isCluster;
  if (getConstantIntValue(values.splits) == 1)
    return;
  Value parts = arith::SelectOp::create(b, hasNoMerge(values, b), b.index(0), b.mul(tiles, values.splits));
  Value rows = b.mul(parts, values.rows);
  values.partialO = allocate(b, {rows, values.valueWidth}, b.getF32Type());
  values.partialM = allocate(b, {rows}, b.getF32Type());
  values.partialL = allocate(b, {rows}, b.getF32Type());
}

/// Whether a tile may hide keys from some of its rows, or rows may need a mean.
static bool needsMarks(AttentionOp op, const AttentionValues &values, bool wholeBlocks) {
  bool band = op.getCausal() || op.getWindow();
  return (wholeBlocks && values.kvLen) || (band && getConstantIntValue(values.period) != 1) || op.getMask() ||
         op.getBias() || op.hasScore() || (op.getDeadRow() == DeadRow::Uniform && !op.getSinks());
}

void bindMarks(AttentionOp op, AttentionValues &values, const WarpSchedule &schedule, bool wholeBlocks,
               IndexBuilder &b) {
  if (!needsMarks(op, values, wholeBlocks))
    return;
  Value tiles = b.mul(b.mul(values.batch, values.kvHeads), values.blocks);
  Value each = b.index(values.partialO ? tile::kFragmentRows : 1);
  int64_t fragments = schedule.rows / tile::kFragmentRows * schedule.columnParts;
  values.marks = allocate(b, {tiles, b.index(fragments), each}, b.getI32Type());
}

} // namespace gqa
