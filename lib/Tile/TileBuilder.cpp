// Positions, bands and state of a tile.
#include "TileBuilder.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {

/// Positions and windows are below 2^60. An offset beyond this is beyond any window's reach as well, and no
/// sum of the three overflows.
static constexpr int64_t kFar = int64_t(1) << 61;

Operation *buildKernel(IndexBuilder &b, ArrayRef<Value> grid, Value work, function_ref<void(ValueRange)> body,
                       int64_t warps, Value cluster) {
  auto kernel =
      tile::KernelOp::create(b, grid, work, cluster, warps ? b.getI64IntegerAttr(warps) : IntegerAttr());
  OpBuilder::InsertionGuard guard(b);
  Block *block = b.createBlock(&kernel.getBody());
  for (size_t dim = 0; dim < grid.size(); ++dim)
    block->addArgument(b.getIndexType(), b.getLoc());
  body(block->getArguments());
  tile::YieldOp::create(b);
  return kernel;
}

Value TileBuilder::perBatch(Value operand) {
  Value last = b.sub(b.size(operand, 0), b.index(1));
  Value element = memref::LoadOp::create(b, operand, ValueRange(b.min(batch, last)));
  return arith::IndexCastOp::create(b, b.getIndexType(), element);
}

void TileBuilder::bindPosition(ValueRange point) {
  batch = point[0];
  kvHead = point[1];
  head = b.mul(kvHead, values.group);
  // Later queries of a causal attention see more keys: they go first, so that the last tasks are short.
  block = op.getCausal() ? b.sub(b.sub(values.blocks, b.index(1)), point[2]) : point[2];
  if (getConstantIntValue(values.blocks) == 1)
    block = b.index(0); // so that the sizes of a decode step are known
  query = b.mul(block, values.period);
  queries = b.min(values.period, b.sub(values.queries, query));
}

void TileBuilder::bindVisible() {
  visible = values.keys;
  if (values.kvLen)
    visible = b.max(b.min(perBatch(values.kvLen), values.keys), b.index(0));
}

void TileBuilder::bindBand() {
  bindVisible();
  Value zero = b.index(0);
  begin = zero;
  end = visible;
  ArrayRef<int64_t> window = op.getWindow().value_or(ArrayRef<int64_t>{-1, -1});
  auto clamp = [](int64_t position) { return std::clamp(position, -kFar, kFar); };
  Value offset = values.offsets ? b.max(b.min(perBatch(values.offsets), b.index(kFar)), b.index(-kFar))
                                : b.index(clamp(op.getConstantOffset().value_or(0)));
  if (window[0] >= 0)
    first = b.sub(offset, b.index(clamp(window[0])));
  if (window[1] >= 0)
    last = b.add(offset, b.index(clamp(window[1])));
  if (op.getCausal())
    last = last ? b.min(last, offset) : offset;
  if (first)
    begin = b.max(zero, b.add(query, first));
  if (first && values.schedule.hasPanels()) // the band hides what comes before it
    begin = b.roundDown(begin, tile::kRegisterDepth);
  if (last)
    end = b.min(end, b.add(b.add(query, queries), last));
}

void TileBuilder::takePart(Value split, int64_t least) {
  Value share = b.roundUp(b.ceilDiv(b.sub(end, begin), values.splits), values.schedule.keys);
  share = b.max(share, b.index(least));
  begin = b.add(begin, b.mul(split, share));
  end = b.min(end, b.add(begin, share));
}

Value TileBuilder::scratch(ArrayRef<Value> sizes, Type element) {
  SmallVector<Value> dynamic;
  Type type = element ? element : Type(op.getAccumulatorType());
  return tile::ScratchOp::create(b, MemRefType::get(IndexBuilder::shapeOf(sizes, dynamic), type), dynamic);
}

void TileBuilder::allocateState(int64_t heads) {
  Value count = b.index(heads);
  output = scratch({b.mul(count, values.rows), values.valueWidth});
  m = scratch({b.mul(count, values.stateRows)});
  l = scratch({b.mul(count, values.stateRows)});
}

Value TileBuilder::tileNumber() {
  return b.add(b.mul(b.add(b.mul(batch, values.kvHeads), kvHead), values.blocks), block);
}

Value TileBuilder::viewMarks(Value number) {
  if (!values.marks)
    return nullptr;
  return b.view(values.marks, {tileNumber(), number, b.index(0)},
                {nullptr, nullptr, b.size(values.marks, 2)});
}

Value TileBuilder::partNumber(Value split) { return b.add(b.mul(tileNumber(), values.splits), split); }

void TileBuilder::bindPartial(Value split) {
  Value part = partNumber(split), zero = b.index(0);
  partialO = b.view(values.partialO, {part, zero, zero}, {nullptr, values.rows, values.valueWidth});
  partialM = b.view(values.partialM, {part, zero}, {nullptr, values.stateRows});
  partialL = b.view(values.partialL, {part, zero}, {nullptr, values.stateRows});
}

static Value toF32(IndexBuilder &b, Value x, bool isUnsigned) {
  Type type = x.getType(), f32 = b.getF32Type();
  if (type.isInteger())
    return isUnsigned ? arith::UIToFPOp::create(b, f32, x).getResult()
                      : arith::SIToFPOp::create(b, f32, x).getResult();
  if (type.getIntOrFloatBitWidth() < 32)
    return arith::ExtFOp::create(b, f32, x);
  return type.isF32() ? x : Value(arith::TruncFOp::create(b, f32, x));
}

Value TileBuilder::elementOf(const TokenBuffers &tokens, Value head, Value token, Value column) {
  auto load = [&](Value buffer) -> Value {
    bool isOfRow = cast<MemRefType>(buffer.getType()).getDimSize(3) == 1;
    return memref::LoadOp::create(b, buffer, ValueRange{batch, head, token, isOfRow ? b.index(0) : column});
  };
  DequantizeOp dequantize = tokens.dequantize;
  Value x = toF32(b, load(tokens.cached), dequantize && dequantize.getIsUnsigned());
  if (tokens.zero)
    x = arith::SubFOp::create(b, x, toF32(b, load(tokens.zero), false));
  return tokens.scale ? arith::MulFOp::create(b, x, toF32(b, load(tokens.scale), false)) : x;
}

TokenBuffers TileBuilder::rowsOf(const TokenBuffers &tokens, Value key, Value keys, Value dim) {
  Value zero = b.index(0);
  auto view = [&](Value buffer, Value first, Value count) {
    return b.view(buffer, {batch, tokenHead(), first, zero}, {nullptr, nullptr, count, dim});
  };
  TokenBuffers rows = tokens;
  Value first = key, cached = keys, past;
  if (tokens.fresh) {
    past = b.size(tokens.cached, 2);
    cached = b.max(b.min(keys, b.sub(past, key)), zero);
    first = b.min(key, past);
  }
  rows.cached = view(tokens.cached, first, cached);
  if (tokens.fresh)
    rows.fresh = view(tokens.fresh, b.max(b.sub(key, past), zero), b.sub(keys, cached));
  for (Value *factor : {&rows.scale, &rows.zero}) {
    if (!*factor)
      continue;
    bool isOfRow = cast<MemRefType>(factor->getType()).getDimSize(3) == 1;
    *factor = b.view(*factor, {batch, tokenHead(), first, zero},
                     {nullptr, nullptr, cached, isOfRow ? b.index(1) : dim});
  }
  return rows;
}

Value TileBuilder::packRows(const TokenBuffers &rows, Value room, IntegerAttr multiple) {
  auto type = cast<MemRefType>(room.getType());
  Type tile = contiguousRowsType({ShapedType::kDynamic, type.getDimSize(1)}, type.getElementType());
  auto pack = tile::PackOp::create(b, tile, rows.cached, room);
  auto optional = [](const Value &value) { return value ? ValueRange(value) : ValueRange(); };
  pack.getRestMutable().assign(optional(rows.fresh));
  pack.getScaleMutable().assign(optional(rows.scale));
  pack.getZeroMutable().assign(optional(rows.zero));
  DequantizeOp dequantize = rows.dequantize;
  pack.setIsUnsigned(dequantize && dequantize.getIsUnsigned());
  pack.setMultipleAttr(multiple);
  return pack;
}

void TileBuilder::buildInit(Value o, bool withSinks) {
  if (!withSinks || !values.sinks) {
    tile::InitOp::create(b, o, m, l, /*sinks=*/Value(), /*queries=*/Value(), /*scale=*/Value());
    return;
  }
  Value sinks = b.view(values.sinks, {head}, {values.group});
  tile::InitOp::create(b, o, m, l, sinks, values.period, values.unit);
}

std::tuple<Value, Value, DeadRowAttr> TileBuilder::viewResults() {
  Value zero = b.index(0), lse;
  Value rowsOut =
      b.view(values.output, {batch, head, query, zero}, {nullptr, values.group, queries, values.valueDim});
  if (values.lse)
    lse = b.view(values.lse, {batch, head, query}, {nullptr, values.group, queries});
  // With a sink no row is dead: a row that sees no key is the sink's own zeros.
  auto deadRow = values.sinks ? DeadRowAttr::get(op.getContext(), DeadRow::Zero) : op.getDeadRowAttr();
  return {rowsOut, lse, deadRow};
}

void TileBuilder::buildFinish() {
  auto [rowsOut, lse, deadRow] = viewResults();
  SmallVector<Value> all;
  if (deadRow.getValue() == DeadRow::Uniform) {
    TokenBuffers rows = rowsOf(values.v, b.index(0), visible, values.valueDim);
    all.push_back(rows.cached);
    if (rows.fresh)
      all.push_back(rows.fresh);
  }
  tile::FinishOp::create(b, output, m, l, rowsOut, values.period, values.unit, lse, all, deadRow,
                         values.paired);
}

} // namespace gqa
