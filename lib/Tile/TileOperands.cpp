// Rooms and packing, in three forms: rows along the head dimension, rows in lanes, and interleaved.
#include "TileOperands.h"
#include "gqa/Dialect/Tile/Tile.h"

using namespace mlir;

namespace gqa {

TileOperands::TileOperands(AttentionOp op, const AttentionValues &values, IndexBuilder &b)
    : TileBuilder(op, values, b), transposed(values.schedule.transposed),
      interleaved(values.schedule.interleaved) {}

void TileOperands::allocate() {
  Type keyType = cast<RankedTensorType>(op.getK().getType()).getElementType();
  // Rows in lanes read keys number by number: they are widened once, not once for every row.
  Type element = transposed && !interleaved ? op.getAccumulatorType() : keyType;
  Value keys = b.index(values.schedule.keys);
  keyRoom = scratch({keys, values.keyWidth}, element);
  if (interleaved && !values.panels)
    valueRoom = scratch({b.index(values.schedule.keys / tile::kRegisterDepth), values.valueWidth,
                         b.index(tile::kRegisterDepth)},
                        element);
  if (valueRoom && (values.v.fresh || values.v.dequantize))
    joint = scratch({keys, values.valueDim}, element);
  if (!interleaved)
    valueRoom = scratch({keys, values.valueWidth}, element);
  scores = scratch({keys, values.stateRows});
  alpha = scratch({values.stateRows});
  allocateState();
  accumulator = output;
  if (!interleaved)
    return;
  probabilities = scratch({b.index(values.schedule.keys / 2), b.mul(values.rows, b.index(2))}, element);
  accumulator = scratch({values.valueWidth, values.rows});
}

Value TileOperands::rotatedQueries() {
  SmallVector<Value> place = {batch, head, query, b.index(0)};
  auto viewOf = [&](Value buffer, Value dim) {
    return b.view(buffer, place, {nullptr, values.group, queries, dim});
  };
  Value source = viewOf(values.q, values.keyDim);
  if (!values.cos)
    return source;
  Type element = interleaved ? Type(b.getBF16Type()) : Type(op.getAccumulatorType());
  Value room = scratch({values.group, values.period, values.keyDim}, element), zero = b.index(0);
  Value rotated = b.view(room, {zero, zero, zero}, {values.group, queries, values.keyDim});
  Value half = b.size(values.cos, 3);
  tile::RotateOp::create(b, source, viewOf(values.cos, half), viewOf(values.sin, half), rotated,
                         op.getQueryRotary().getKind());
  return rotated;
}

Value TileOperands::packQueries() {
  Value two = b.index(2);
  Value room = interleaved  ? scratch({b.div(values.keyWidth, two), b.mul(values.rows, two)}, b.getBF16Type())
               : transposed ? scratch({values.keyWidth, values.rows})
                            : scratch({values.rows, values.keyWidth});
  return tile::PackOp::create(b, room.getType(), rotatedQueries(), room, /*rest=*/Value(), /*scale=*/Value(),
                              /*zero=*/Value(), values.period, /*is_unsigned=*/false, transposed, interleaved,
                              values.paired, values.schedule.crossed, /*multiple=*/IntegerAttr());
}

Value TileOperands::keyTile(Value key, Value keys) {
  // A tile register has all of its rows: no load may reach behind the last key.
  auto multiple = interleaved ? b.getI64IntegerAttr(tile::kRegisterDepth) : IntegerAttr();
  return packRows(rowsOf(values.k, key, keys, values.keyDim), keyRoom, multiple);
}

Value TileOperands::valueTile(Value key, Value keys) {
  Value zero = b.index(0);
  if (!values.panels) {
    TokenBuffers rows = rowsOf(values.v, key, keys, values.valueDim);
    return interleaved ? packPanels(rows, valueRoom, joint) : packRows(rows, valueRoom);
  }
  Value depth = b.index(tile::kRegisterDepth);
  return b.view(values.panels, {batch, kvHead, b.div(key, depth), zero, zero},
                {nullptr, nullptr, b.ceilDiv(keys, depth), values.valueWidth, depth});
}

} // namespace gqa
