// Where a task's keys and values arrive: rings and channels, what fills them, and scales of narrow ones.
#include "WarpTask.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {

void WarpTask::bindRings() {
  keyRing = ring(values.k, keyWidth);
  valueRing = ring(values.v, valueWidth);
  wideKeys = wideRing(values.k, keyWidth, keyNumbers());
  wideValues = wideRing(values.v, valueWidth, valueNumbers());
  if (schedule.columnParts > 1)
    room = scratch({b.index(schedule.warps), b.index(tile::kFragmentRows * warpKeys)}, b.getF32Type());
  if (maps)
    tile::BarrierOp::create(b);
}

Value WarpTask::ring(const TokenBuffers &tokens, int64_t columns) {
  Type element = cast<MemRefType>(tokens.cached.getType()).getElementType();
  if (maps) {
    auto type = tile::ChannelType::get(b.getContext(), schedule.slots, schedule.keys, columns, element);
    return tile::GroupChannelOp::create(b, type, /*own=*/true);
  }
  auto type = tile::RingType::get(b.getContext(), schedule.slots, schedule.keys, columns, element);
  return tile::RingOp::create(b, type);
}

Value WarpTask::wideRing(const TokenBuffers &tokens, int64_t columns, Type element) {
  if (!isNarrow(tokens) || isReadNarrow(tokens))
    return nullptr;
  return tile::RingOp::create(b, tile::RingType::get(b.getContext(), 1, schedule.keys, columns, element));
}

void WarpTask::load(bool isKey, Value number, Value slot, bool whole) {
  Value size = b.index(schedule.keys), key = b.add(begin, b.mul(number, size)), zero = b.index(0);
  if (maps) {
    auto fill = [&] {
      tile::WarpFillOp::create(b, isKey ? keyRing : valueRing, slot, isKey ? maps->k : maps->v, batch,
                               tokenHead(), b.add(key, warpKey));
    };
    return whole ? fill() : b.branch(compare(arith::CmpIPredicate::slt, number, blocks), fill);
  }
  Value keys = whole ? size : b.max(b.min(size, b.sub(end, key)), zero);
  Value rows = b.view(isKey ? values.k.cached : values.v.cached, {batch, tokenHead(), key, zero},
                      {nullptr, nullptr, keys, isKey ? values.keyDim : values.valueDim});
  tile::LoadOp::create(b, b.withContiguousRows(rows), isKey ? keyRing : valueRing, slot,
                       schedule.keysAcrossWarps());
}

/// Not in front of a kernel that merges: the one in front then is the last call's, whose loads would queue
/// behind these. On an H200 1k keys take 4.6 us instead of 5.2, 4k 8.8 instead of 9.3, but 8k, in parts that
/// a kernel merges, would take 13.4 instead of 12.9. A second block gains nothing. Behind the last key there
/// is nothing that would come.
void WarpTask::prefetchAndAwait() {
  b.branch(hasNoMerge(values, b), [&] {
    for (bool isKey : {true, false})
      tile::WarpPrefetchOp::create(b, isKey ? keyRing : valueRing, isKey ? maps->k : maps->v, batch,
                                   tokenHead(), b.add(begin, warpKey));
  });
  tile::AwaitDependenciesOp::create(b);
}

void WarpTask::advance(bool isKey, Value number, Value slot, Value leftSlot, bool whole) {
  int64_t onTheirWay = 2 * (schedule.slots - 1); // keys and values
  if (maps)
    tile::WarpWaitOp::create(b, isKey ? keyRing : valueRing, slot,
                             b.rem(b.div(number, b.index(schedule.slots)), b.index(2)));
  else
    tile::AcquireOp::create(b, isKey ? keyRing : valueRing, onTheirWay - 1, schedule.keysAcrossWarps());
  load(isKey, b.add(number, b.index(schedule.slots - 1)), leftSlot, whole);
}

std::pair<Value, Value> WarpTask::widened(bool isKey, Value key, Value slot) {
  Value wide = isKey ? wideKeys : wideValues, codes = isKey ? keyRing : valueRing, zero = b.index(0);
  if (!wide)
    return {codes, slot};
  const TokenBuffers &tokens = isKey ? values.k : values.v;
  Value scales = tokens.scaledByToken ? tokenScales(tokens) : Value();
  tile::WidenOp::create(b, codes, slot, wide, zero, scales, scales ? key : Value(), scales ? end : Value(),
                        isUnsigned(tokens));
  tile::BarrierOp::create(b);
  return {wide, zero};
}

bool WarpTask::isScaledByWarp(const TokenBuffers &tokens) const {
  return tokens.scaledByToken && isReadNarrow(tokens);
}

Value WarpTask::scalesOf(const TokenBuffers &tokens, Value key, bool whole) {
  Value last = whole ? b.add(key, b.index(warpKeys)) : end;
  return columns(tokenScales(tokens), key, last, warpKeys, /*quads=*/false);
}

} // namespace gqa
