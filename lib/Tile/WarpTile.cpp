// Fragments of a tile's rows: their state, their scores and their way to memory.
#include "WarpTile.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {

WarpTile::WarpTile(AttentionOp op, const AttentionValues &values, const WarpSchedule &schedule,
                   IndexBuilder &b)
    : TileBuilder(op, values, b), schedule(schedule),
      element(cast<MemRefType>(values.output.getType()).getElementType()) {}

Value WarpTile::compare(arith::CmpIPredicate predicate, Value x, Value y) {
  return b.createOrFold<arith::CmpIOp>(predicate, x, y);
}

Type WarpTile::matrix(int64_t columns, Type type, bool quads) {
  return tile::FragmentType::get(b.getContext(), {tile::kFragmentRows, columns}, type, quads);
}

Type WarpTile::perRow(Type type) {
  return tile::FragmentType::get(b.getContext(), {tile::kFragmentRows}, type);
}

void WarpTile::bindRows(Value first) {
  warpRow = first;
  Type index = perRow(b.getIndexType());
  auto rows = tile::WarpRowsOp::create(b, index, index, warpRow, values.period);
  heads = rows.getHead();
  queryOfRow = rows.getQuery();
}

SmallVector<Value> WarpTile::emptyState(Type o, bool withSinks) {
  Type f32 = b.getF32Type();
  SmallVector<Type> types = {o, perRow(f32), perRow(f32)};
  if (!withSinks || !values.sinks)
    return tile::WarpInitOp::create(b, types, Value(), Value()).getResults();
  Value sinks = b.view(values.sinks, {head}, {values.group});
  return tile::WarpInitOp::create(b, types, sinks, heads).getResults();
}

SmallVector<Value> WarpTile::initialState(Type o, Value isFirst) {
  if (values.sinks && isSplit()) {
    Value isFirstPart = compare(arith::CmpIPredicate::eq, split, b.index(0));
    isFirst = isFirst ? arith::AndIOp::create(b, isFirstPart, isFirst) : isFirstPart;
  }
  if (!values.sinks || !isFirst)
    return emptyState(o, /*withSinks=*/true);
  Type row = perRow(b.getF32Type());
  auto op = scf::IfOp::create(b, TypeRange{o, row, row}, isFirst, /*addThenBlock=*/true,
                              /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(b);
  for (bool then : {true, false}) {
    b.setInsertionPointToStart(then ? op.thenBlock() : op.elseBlock());
    scf::YieldOp::create(b, emptyState(o, /*withSinks=*/then));
  }
  return op.getResults();
}

Value WarpTile::scoresOf(Value products, Value key, Value keys, bool whole) {
  Value s = products;
  if (values.scored) {
    // Of a whole block all keys are there, which saves the region's places a clamp each.
    Value there = whole ? b.index(cast<tile::FragmentType>(s.getType()).getColumns()) : keys;
    auto score = tile::WarpScoreOp::create(b, s.getType(), s, batch, head, query, key, heads, queryOfRow,
                                           values.group, queries, there, values.scale, op.getSoftcapAttr());
    if (values.bias || values.mask || op.hasScore())
      buildWholeRegion(op, values, score.getScore(), b);
    s = score.getScores();
  }
  if (whole)
    return s;
  return tile::WarpMaskOp::create(b, s.getType(), s, query, key, queryOfRow, keys, first, last);
}

tile::WarpSoftmaxStepOp WarpTile::softmax(Value scores, Value m, Value l) {
  Type rows = m.getType();
  return tile::WarpSoftmaxStepOp::create(b, scores.getType(), rows, rows, rows, scores, m, l, values.unit);
}

bool WarpTile::isUnsigned(const TokenBuffers &tokens) {
  DequantizeOp dequantize = tokens.dequantize;
  return dequantize && dequantize.getIsUnsigned();
}

Type WarpTile::valueNumbers() {
  return isNarrow(values.v) && !values.v.scaledByToken ? Type(b.getF16Type()) : element;
}

Value WarpTile::channelScales(const TokenBuffers &tokens, Value dim, int64_t width, bool quads) {
  Value zero = b.index(0);
  Value all = b.view(tokens.scale, {batch, tokenHead(), zero, zero}, {nullptr, nullptr, nullptr, dim});
  return columns(all, zero, dim, width, quads);
}

Value WarpTile::oneScale(const TokenBuffers &tokens, int64_t count, bool quads) {
  Value zero = b.index(0);
  Value one = b.view(tokens.scale, {batch, tokenHead(), zero, zero}, {nullptr, nullptr, nullptr, b.index(1)});
  auto layout = StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic, {0});
  auto type = MemRefType::get({count}, cast<MemRefType>(one.getType()).getElementType(), layout);
  auto data = memref::ExtractStridedMetadataOp::create(b, one);
  Value all = memref::ReinterpretCastOp::create(b, type, data.getBaseBuffer(), OpFoldResult(data.getOffset()),
                                                ArrayRef<OpFoldResult>{b.getIndexAttr(count)},
                                                ArrayRef<OpFoldResult>{b.getIndexAttr(0)});
  return columns(all, zero, b.index(count), count, quads);
}

Value WarpTile::columns(Value source, Value first, Value end, int64_t count, bool quads) {
  auto type = tile::FragmentType::get(b.getContext(), {1, count}, b.getF32Type(), quads);
  return tile::WarpColumnsOp::create(b, type, source, first, end);
}

Value WarpTile::tokenScales(const TokenBuffers &tokens) {
  Value zero = b.index(0);
  return b.view(tokens.scale, {batch, tokenHead(), zero, zero}, {nullptr, nullptr, values.keys, nullptr});
}

Value WarpTile::scale(Value fragment, Value factors) {
  return factors ? Value(tile::WarpScaleOp::create(b, fragment.getType(), fragment, factors)) : fragment;
}

Value WarpTile::scaleOutput(Value o, int64_t width, bool quads) {
  if (values.v.scaledByChannel)
    return scale(o, channelScales(values.v, values.valueDim, width, quads));
  if (values.v.scale && !values.v.scaledByToken)
    return scale(o, oneScale(values.v, width, quads));
  return o;
}

void WarpTile::storeRows(ValueRange state, Value channel, Value column) {
  auto [out, lse, deadRow] = viewResults();
  Value mark = values.marks ? b.index(0) : Value();
  Value fragment = b.div(warpRow, b.index(tile::kFragmentRows));
  if (column) { // each part has marks of its own, behind those of the parts in front
    Value part = b.div(column, b.index(cast<tile::FragmentType>(state[0].getType()).getColumns()));
    fragment = b.add(fragment, b.mul(part, b.index(schedule.rows / tile::kFragmentRows)));
  }
  Value marks = viewMarks(fragment);
  tile::WarpFinishOp::create(b, state[0], state[1], state[2], out, heads, queryOfRow,
                             column ? column : b.index(0), lse, marks, mark, channel,
                             channel ? warpRow : Value(), deadRow);
}

void WarpTile::takePartOfBlocks() {
  Value size = b.index(schedule.keys), one = b.index(1);
  auto i32 = [&](Value value) { return arith::IndexCastOp::create(b, b.getI32Type(), value); };
  Value all = b.ceilDiv(b.max(b.sub(end, begin), b.index(0)), size);
  Value each = arith::CeilDivUIOp::create(b, i32(all), i32(values.splits));
  each = b.max(arith::IndexCastUIOp::create(b, b.getIndexType(), each), one);
  Value share = b.mul(each, size);
  begin = b.add(begin, b.mul(split, share));
  end = b.min(end, b.add(begin, share));
}

void WarpTile::store(const Values &state, function_ref<void()> storeResult, Value column) {
  if (!isSplit())
    return storeResult();
  Value isOne = compare(arith::CmpIPredicate::sle, values.splits, b.index(1));
  b.branch(isOne, storeResult, [&] {
    Value first = b.mul(partNumber(split), values.rows);
    Value end = b.add(first, b.mul(values.group, values.period)); // behind it is padding
    Value columns = values.partialO;
    if (column) {
      Value width = b.index(cast<tile::FragmentType>(state[0].getType()).getColumns());
      columns = b.view(columns, {b.index(0), column}, {b.size(columns, 0), width});
    }
    tile::WarpStoreOp::create(b, state[0], state[1], state[2], columns, values.partialM, values.partialL,
                              b.add(first, warpRow), end);
  });
}

SmallVector<Value> WarpTile::forEach(Value from, Value to, int64_t step, Values state,
                                     function_ref<Values(Value, Values)> body) {
  if (from == to || (getConstantIntValue(from) && getConstantIntValue(from) == getConstantIntValue(to)))
    return state;
  auto loop = scf::ForOp::create(b, from, to, b.index(step), state);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  ValueRange arguments = loop.getRegionIterArgs();
  scf::YieldOp::create(b, body(loop.getInductionVar(), Values(arguments.begin(), arguments.end())));
  return loop.getResults();
}

} // namespace gqa
