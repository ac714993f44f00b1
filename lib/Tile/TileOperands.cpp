// Rooms and packing, in three forms: rows along the head dimension, rows in lanes, and interleaved.
#include "TileOperands.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

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
  if (hasPanels() && !values.panels)
    valueRoom = scratch({b.index(values.schedule.keys / tile::kRegisterDepth), values.valueWidth,
                         b.index(tile::kRegisterDepth)},
                        element);
  if (valueRoom && (values.v.fresh || values.v.dequantize))
    joint = scratch({keys, values.valueDim}, element);
  if (!hasPanels())
    valueRoom = scratch({keys, values.valueWidth}, element);
  scores = scratch({keys, values.stateRows});
  alpha = scratch({values.stateRows});
  Value two = b.index(2), allRows = b.mul(b.index(values.schedule.heads), values.rows);
  queryTile = hasPanels()   ? scratch({b.div(values.keyWidth, two), b.mul(values.rows, two)}, b.getBF16Type())
              : interleaved ? scratch({allRows, values.keyWidth}, b.getBF16Type())
              : transposed  ? scratch({values.keyWidth, values.rows})
                            : scratch({allRows, values.keyWidth});
  Type rotated = interleaved ? Type(b.getBF16Type()) : Type(op.getAccumulatorType());
  if (values.cos)
    rotationRoom = scratch({values.group, values.period, values.keyDim}, rotated);
  allocateState(values.schedule.heads);
  rooms = {queryTile, output, m, l};
  accumulator = output;
  if (!interleaved)
    return;
  probabilities = scratch({b.index(values.schedule.keys / 2), b.mul(values.stateRows, two)}, element);
  if (hasPanels())
    accumulator = scratch({values.valueWidth, values.rows});
}

Value TileOperands::ofHead(Value room) {
  Value count = b.div(b.size(room, 0), b.index(values.schedule.heads)), first = b.mul(headOfTask, count);
  if (cast<MemRefType>(room.getType()).getRank() == 1)
    return b.view(room, {first}, {count});
  return b.view(room, {first, b.index(0)}, {count, b.size(room, 1)});
}

void TileOperands::forEachHead(function_ref<void()> body) {
  if (values.schedule.heads == 1)
    return body();
  Value count = b.index(values.schedule.heads), group = kvHead;
  auto loop = scf::ForOp::create(b, b.index(0), count, b.index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  headOfTask = loop.getInductionVar();
  kvHead = b.add(b.mul(group, count), headOfTask);
  head = b.mul(kvHead, values.group);
  queryTile = ofHead(rooms.queries);
  accumulator = output = ofHead(rooms.output);
  m = ofHead(rooms.m);
  l = ofHead(rooms.l);
  body();
  kvHead = group;
}

Value TileOperands::rotatedQueries() {
  SmallVector<Value> place = {batch, head, query, b.index(0)};
  auto viewOf = [&](Value buffer, Value dim) {
    return b.view(buffer, place, {nullptr, values.group, queries, dim});
  };
  Value source = viewOf(values.q, values.keyDim);
  if (!values.cos)
    return source;
  Value zero = b.index(0);
  Value rotated = b.view(rotationRoom, {zero, zero, zero}, {values.group, queries, values.keyDim});
  Value half = b.size(values.cos, 3);
  tile::RotateOp::create(b, source, viewOf(values.cos, half), viewOf(values.sin, half), rotated,
                         op.getQueryRotary().getKind());
  return rotated;
}

void TileOperands::packQueries() {
  queryTile = tile::PackOp::create(b, queryTile.getType(), rotatedQueries(), queryTile, /*rest=*/Value(),
                                   /*scale=*/Value(), /*zero=*/Value(), values.period, /*is_unsigned=*/false,
                                   transposed, hasPanels(), interleaved ? IntegerAttr() : values.paired,
                                   values.schedule.crossed,
                                   /*multiple=*/IntegerAttr());
}

Value TileOperands::keyTile(Value key, Value keys) {
  // A tile register has all of its rows: no load may reach behind the last key.
  auto multiple = hasPanels() ? b.getI64IntegerAttr(tile::kRegisterDepth) : IntegerAttr();
  return packRows(rowsOf(values.k, key, keys, values.keyDim), keyRoom, multiple);
}

Value TileOperands::valueTile(Value key, Value keys) {
  Value zero = b.index(0);
  if (!values.panels) {
    TokenBuffers rows = rowsOf(values.v, key, keys, values.valueDim);
    return hasPanels() ? packPanels(rows, valueRoom, joint) : packRows(rows, valueRoom);
  }
  Value depth = b.index(tile::kRegisterDepth);
  return b.view(values.panels, {batch, kvHead, b.div(key, depth), zero, zero},
                {nullptr, nullptr, b.ceilDiv(keys, depth), values.valueWidth, depth});
}

} // namespace gqa
