// Fragments of a tile's rows: their state, their scores and their way to memory.
#include "WarpTile.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {

WarpTile::WarpTile(AttentionOp op, const AttentionValues &values, const WarpSchedule &schedule,
                   IndexBuilder &b)
    : TileBuilder(op, values, b), schedule(schedule),
      element(cast<MemRefType>(values.q.getType()).getElementType()) {}

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

void WarpTile::storeRows(ValueRange state) {
  auto [out, lse, deadRow] = viewResults();
  Value mark = values.marks ? b.index(0) : Value();
  Value marks = viewMarks(b.div(warpRow, b.index(tile::kFragmentRows)));
  tile::WarpFinishOp::create(b, state[0], state[1], state[2], out, heads, queryOfRow, b.index(0), lse, marks,
                             mark, deadRow);
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
