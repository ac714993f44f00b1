// Rooms and packing, in three forms: rows along the head dimension, rows in lanes, and interleaved.
#include "TileOperands.h"
#include "gqa/Dialect/Tile/Tile.h"

using namespace mlir;

namespace gqa {

TileOperands::TileOperands(AttentionOp op, const AttentionValues &values, IndexBuilder &b)
    : TileBuilder(op, values, b), transposed(values.schedule.transposed),
      interleaved(values.schedule.interleaved) {}

void TileOperands::allocate() {
  auto keyType = cast<MemRefType>(values.k.getType()).getElementType();
  // Rows in lanes read keys number by number: they are widened once, not once for every row.
  Type element = transposed && !interleaved ? op.getAccumulatorType() : keyType;
  Value keys = b.index(values.schedule.keys);
  keyRoom = scratch({keys, values.keyWidth}, element);
  if (interleaved && !values.panels)
    valueRoom = scratch({b.index(values.schedule.keys / tile::kRegisterDepth), values.valueWidth,
                         b.index(tile::kRegisterDepth)},
                        element);
  else if (!interleaved)
    valueRoom = scratch({keys, values.valueWidth}, element);
  scores = transposed ? scratch({keys, values.rows}) : scratch({values.rows, keys});
  alpha = scratch({values.rows});
  allocateState();
  accumulator = output;
  if (!interleaved)
    return;
  probabilities = scratch({b.index(values.schedule.keys / 2), b.mul(values.rows, b.index(2))}, element);
  accumulator = scratch({values.valueWidth, values.rows});
}

Value TileOperands::packQueries() {
  Value zero = b.index(0), two = b.index(2);
  Value source =
      b.view(values.q, {batch, head, query, zero}, {nullptr, values.group, queries, values.keyDim});
  Value room = interleaved  ? scratch({b.div(values.keyWidth, two), b.mul(values.rows, two)}, b.getBF16Type())
               : transposed ? scratch({values.keyWidth, values.rows})
                            : scratch({values.rows, values.keyWidth});
  return tile::PackOp::create(b, room.getType(), source, room, values.period, transposed, interleaved,
                              values.paired, /*multiple=*/IntegerAttr());
}

Value TileOperands::rowsOf(Value source, Value key, Value keys, Value dim) {
  return b.view(source, {batch, kvHead, key, b.index(0)}, {nullptr, nullptr, keys, dim});
}

Value TileOperands::pack(Value source, Value room, IntegerAttr multiple) {
  auto type = cast<MemRefType>(room.getType());
  Type tile = contiguousRowsType({ShapedType::kDynamic, type.getDimSize(1)}, type.getElementType());
  return tile::PackOp::create(b, tile, source, room, /*queries=*/Value(), /*transposed=*/false,
                              /*interleaved=*/false, /*paired=*/IntegerAttr(), multiple);
}

Value TileOperands::keyTile(Value key, Value keys) {
  // A tile register has all of its rows: no load may reach behind the last key.
  auto multiple = interleaved ? b.getI64IntegerAttr(tile::kRegisterDepth) : IntegerAttr();
  return pack(rowsOf(values.k, key, keys, values.keyDim), keyRoom, multiple);
}

Value TileOperands::valueTile(Value key, Value keys) {
  Value zero = b.index(0);
  if (!values.panels) {
    Value source = rowsOf(values.v, key, keys, values.valueDim);
    return interleaved ? packPanels(source, valueRoom) : pack(source, valueRoom, /*multiple=*/IntegerAttr());
  }
  Value depth = b.index(tile::kRegisterDepth);
  return b.view(values.panels, {batch, kvHead, b.div(key, depth), zero, zero},
                {nullptr, nullptr, b.ceilDiv(keys, depth), values.valueWidth, depth});
}

} // namespace gqa
