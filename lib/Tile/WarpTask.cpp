// Which rows, keys and blocks are a warp's, and what it does with each block.
#include "WarpTask.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {

WarpTask::WarpTask(AttentionOp op, const AttentionValues &values, const WarpSchedule &schedule,
                   const TensorMaps *maps, IndexBuilder &b)
    : WarpTile(op, values, schedule, b), maps(maps) {
  keyWidth = *getConstantIntValue(values.keyWidth);
  valueWidth = *getConstantIntValue(values.valueWidth);
  ownKeyWidth = keyWidth / schedule.columnParts;
  ownWidth = valueWidth / schedule.columnParts;
  outputType = matrix(ownWidth, b.getF32Type(), isReadNarrow(values.v));
}

void WarpTask::build(ValueRange point) {
  // Tiles that see most keys go first, of all heads: the last wave is made of short tasks.
  position = {point[1], point[2], point[0]};
  bindPosition(position);
  split = point[3];
  bindBand();
  if (isSplit())
    takePartOfBlocks();
  bindWarp();
  bindBlocks();
  bindRings();
  Value zero = b.index(0);
  if (maps && !values.kvLen && !values.offsets) // so far nothing has been read
    prefetchAndAwait();
  for (int64_t number = 0; number < schedule.slots - 1; ++number)
    for (bool isKey : {true, false})
      load(isKey, b.index(number), /*slot=*/b.index(number), /*whole=*/false);
  bindQueries();
  SmallVector<Value> state = initialize();
  Value slot = zero; // of the first block
  std::tie(state, slot) = loop(zero, firstFull, state, slot, /*whole=*/false);
  if (blocksAtOnce == schedule.slots)
    state = loopOverRing(lastFull, state);
  else
    std::tie(state, slot) = loop(firstFull, lastFull, state, slot, /*whole=*/true);
  state = loop(lastFull, blocks, state, slot, /*whole=*/false).first;
  if (!maps) // what the copy engine brings, each warp has waited for
    tile::DrainOp::create(b);
  finish(state);
}

bool WarpTask::isReadNarrow(const TokenBuffers &tokens) const {
  return isNarrow(tokens) && schedule.keysAcrossWarps();
}

void WarpTask::bindWarp() {
  warp = tile::WarpIdOp::create(b, b.getIndexType());
  bool across = schedule.keysAcrossWarps();
  warpKeys = across ? schedule.keys / schedule.warps : schedule.keys;
  warpKey = across ? b.mul(warp, b.index(warpKeys)) : b.index(0);
  Value parts = b.index(schedule.columnParts), fragment = across ? b.index(0) : b.div(warp, parts);
  bindRows(b.mul(fragment, b.index(tile::kFragmentRows)));
  if (schedule.columnParts == 1)
    return;
  part = b.rem(warp, parts);
  column = b.mul(part, b.index(ownWidth));
}

Value WarpTask::keyColumn() { return part ? b.mul(part, b.index(ownKeyWidth)) : Value(); }

void WarpTask::bindBlocks() {
  Value size = b.index(schedule.keys), zero = b.index(0), one = b.index(1);
  Value keys = b.max(b.sub(end, begin), zero);
  blocks = b.ceilDiv(keys, size);
  lastFull = b.max(b.sub(b.div(keys, size), b.index(schedule.slots - 1)), zero);
  if (last) {
    Value seen = b.sub(b.add(b.add(query, last), one), begin); // keys that the first query sees
    lastFull = b.min(lastFull, b.div(b.max(seen, zero), size));
  }
  firstFull = zero;
  if (first) {
    Value hidden = b.sub(b.sub(b.add(b.add(query, queries), first), one), begin); // from the last query
    firstFull = b.min(b.ceilDiv(b.max(hidden, zero), size), blocks);
    lastFull = b.max(lastFull, firstFull);
  }
  // Where a step is short, the ring goes round once in each round of the loop, so that the places of slots
  // are known.
  blocksAtOnce = schedule.keysAcrossWarps() && !first ? schedule.slots : 1;
  lastFull = b.roundDown(lastFull, blocksAtOnce);
}

void WarpTask::bindQueries() {
  Value zero = b.index(0);
  Value source =
      b.view(values.q, {batch, head, query, zero}, {nullptr, values.group, queries, values.keyDim});
  queryTile = tile::WarpQueriesOp::create(b, matrix(ownKeyWidth, element, isReadNarrow(values.k)),
                                          b.withContiguousRows(source), heads, queryOfRow, keyColumn());
  if (values.k.scaledByChannel)
    queryTile = scale(queryTile, channelScales(values.k, values.keyDim, keyWidth, isReadNarrow(values.k)));
  else if (values.k.scale && !values.k.scaledByToken)
    scoreScales = oneScale(values.k, warpKeys, /*quads=*/false);
}

std::pair<SmallVector<Value>, Value> WarpTask::loop(Value from, Value to, Values state, Value slot,
                                                    bool whole) {
  state.push_back(slot);
  state = forEach(from, to, 1, state, [&](Value number, Values state) {
    Value slot = state.pop_back_val();
    state = step(number, state, slot, neighbour(slot, -1), whole);
    state.push_back(neighbour(slot, 1));
    return state;
  });
  slot = state.pop_back_val();
  return {state, slot};
}

Value WarpTask::neighbour(Value slot, int64_t step) {
  int64_t slots = schedule.slots, edge = step > 0 ? slots - 1 : 0;
  if (slots == 2)
    return b.sub(b.index(1), slot);
  Value isEdge = compare(arith::CmpIPredicate::eq, slot, b.index(edge));
  return b.createOrFold<arith::SelectOp>(isEdge, b.index(slots - 1 - edge), b.add(slot, b.index(step)));
}

SmallVector<Value> WarpTask::loopOverRing(Value to, Values state) {
  int64_t slots = schedule.slots;
  return forEach(b.index(0), to, slots, state, [&](Value number, Values state) {
    for (int64_t slot = 0; slot < slots; ++slot)
      state = step(b.add(number, b.index(slot)), state, b.index(slot), b.index((slot + slots - 1) % slots),
                   /*whole=*/true);
    return state;
  });
}

SmallVector<Value> WarpTask::step(Value number, const Values &state, Value slot, Value leftSlot, bool whole) {
  Value o = state[0];
  Value key = b.add(b.add(begin, b.mul(number, b.index(schedule.keys))), warpKey);
  // Scales of tokens are asked for in front of the wait for what they belong to.
  Value keyScales = isScaledByWarp(values.k) ? scalesOf(values.k, key, whole) : scoreScales;
  advance(/*isKey=*/true, number, slot, leftSlot, whole);
  auto [keySlots, keySlot] = widened(/*isKey=*/true, key, slot);
  Value s = tile::WarpQKOp::create(b, matrix(warpKeys, b.getF32Type()), queryTile, keySlots, keySlot, warpKey,
                                   keyColumn(), isReadNarrow(values.k) && isUnsigned(values.k));
  s = scale(s, keyScales);
  if (room) { // one barrier shows the values and the scores' parts
    tile::WarpShareOp::create(b, s, room, warp);
    advance(/*isKey=*/false, number, slot, leftSlot, whole);
    Value parts = b.index(schedule.columnParts);
    s = tile::WarpTotalOp::create(b, s.getType(), room, b.mul(b.div(warp, parts), parts),
                                  uint64_t(schedule.columnParts));
  }
  Value keys = b.sub(end, key);
  auto step = softmax(scoresOf(s, key, keys, whole), state[1], state[2]);
  Value valueScales = isScaledByWarp(values.v) ? scalesOf(values.v, key, whole) : Value();
  Value p =
      tile::WarpToOperandOp::create(b, matrix(warpKeys, valueNumbers()), scale(step.getP(), valueScales));
  if (!room)
    advance(/*isKey=*/false, number, slot, leftSlot, whole);
  if (maps && !whole)
    tile::WarpClearOp::create(b, valueRing, slot, keys);
  auto [valueSlots, valueSlot] = widened(/*isKey=*/false, key, slot);
  o = tile::WarpPVOp::create(b, o.getType(), p, valueSlots, valueSlot, warpKey, column, o, step.getAlpha(),
                             isReadNarrow(values.v) && isUnsigned(values.v));
  return {o, step.getNewM(), step.getNewL()};
}

} // namespace gqa
