// The schedule of an attention on a GPU: one task per (block of queries, batch, key/value head, part of the
// keys), run by a few warps. Blocks of keys and of values go through two rings; a block's successor is on its
// way while it is multiplied.
#include "ClusterMerge.h"
#include "WarpTile.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

/// Builds the body of the kernel for one task.
class WarpTaskBuilder : WarpTile {
public:
  WarpTaskBuilder(AttentionOp op, const AttentionValues &values, const WarpSchedule &schedule,
                  const TensorMaps *maps, IndexBuilder &b)
      : WarpTile(op, values, schedule, b), maps(maps) {
    keyWidth = *getConstantIntValue(values.keyWidth);
    valueWidth = *getConstantIntValue(values.valueWidth);
    outputType = matrix(valueWidth, b.getF32Type(), isReadNarrow(values.v));
  }

  void build(ValueRange point) {
    // Tiles that see most keys go first, of all heads: the last wave is made of short tasks.
    position = {point[1], point[2], point[0]};
    bindPosition(position);
    split = point[3];
    bindBand();
    if (isSplit())
      takePartOfBlocks();
    bindWarp();
    bindBlocks();
    keyRing = ring(values.k, keyWidth);
    valueRing = ring(values.v, valueWidth);
    wideKeys = wideRing(values.k, keyWidth, keyNumbers());
    wideValues = wideRing(values.v, valueWidth, valueNumbers());
    if (maps)
      tile::BarrierOp::create(b);
    Value zero = b.index(0);
    for (int64_t number = 0; number < schedule.slots - 1; ++number)
      for (bool isKey : {true, false})
        load(isKey, b.index(number), /*slot=*/b.index(number), /*whole=*/false);
    Value source =
        b.view(values.q, {batch, head, query, zero}, {nullptr, values.group, queries, values.keyDim});
    queryTile = tile::WarpQueriesOp::create(b, matrix(keyWidth, element, isReadNarrow(values.k)),
                                            b.withContiguousRows(source), heads, queryOfRow);
    if (values.k.scaledByChannel)
      queryTile = scale(queryTile, channelScales(values.k, values.keyDim, keyWidth, isReadNarrow(values.k)));
    else if (values.k.scale && !values.k.scaledByToken)
      scoreScales = oneScale(values.k, warpKeys, /*quads=*/false);
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

private:
  /// Whether products read the codes of a narrow cache: where each of them is read by one warp.
  bool isReadNarrow(const TokenBuffers &tokens) const {
    return isNarrow(tokens) && schedule.keysAcrossWarps();
  }

  bool isSplit() const { return static_cast<bool>(values.partialO); }

  /// The part's blocks. They are divided as numbers of 32 bits: 64 take a processor longer than a block does.
  void takePartOfBlocks() {
    Value size = b.index(schedule.keys), one = b.index(1);
    auto i32 = [&](Value value) { return arith::IndexCastOp::create(b, b.getI32Type(), value); };
    Value all = b.ceilDiv(b.max(b.sub(end, begin), b.index(0)), size);
    Value each = arith::CeilDivUIOp::create(b, i32(all), i32(values.splits));
    each = b.max(arith::IndexCastUIOp::create(b, b.getIndexType(), each), one);
    Value share = b.mul(each, size);
    begin = b.add(begin, b.mul(split, share));
    end = b.min(end, b.add(begin, share));
  }

  /// Which rows of the tile, and which keys of a block, are this warp's.
  void bindWarp() {
    warp = tile::WarpIdOp::create(b, b.getIndexType());
    bool across = schedule.keysAcrossWarps();
    warpKeys = across ? schedule.keys / schedule.warps : schedule.keys;
    warpKey = across ? b.mul(warp, b.index(warpKeys)) : b.index(0);
    bindRows(across ? b.index(0) : b.mul(warp, b.index(tile::kFragmentRows)));
  }

  /// The blocks of keys, and which of them all rows see, with as many whole blocks behind as are on their
  /// way: [firstFull, lastFull).
  void bindBlocks() {
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

  Value ring(const TokenBuffers &tokens, int64_t columns) {
    Type element = cast<MemRefType>(tokens.cached.getType()).getElementType();
    if (maps) {
      auto type = tile::ChannelType::get(b.getContext(), schedule.slots, schedule.keys, columns, element);
      return tile::GroupChannelOp::create(b, type, /*own=*/true);
    }
    auto type = tile::RingType::get(b.getContext(), schedule.slots, schedule.keys, columns, element);
    return tile::RingOp::create(b, type);
  }

  /// One slot for what all warps read of a narrow cache; null if they read it as it is.
  Value wideRing(const TokenBuffers &tokens, int64_t columns, Type element) {
    if (!isNarrow(tokens) || isReadNarrow(tokens))
      return nullptr;
    return tile::RingOp::create(b, tile::RingType::get(b.getContext(), 1, schedule.keys, columns, element));
  }

  /// Starts to load the keys or values of block `number`; behind the last block there are none.
  void load(bool isKey, Value number, Value slot, bool whole) {
    Value size = b.index(schedule.keys), key = b.add(begin, b.mul(number, size)), zero = b.index(0);
    if (maps) {
      auto fill = [&] {
        tile::WarpFillOp::create(b, isKey ? keyRing : valueRing, slot, isKey ? maps->k : maps->v, batch,
                                 kvHead, b.add(key, warpKey));
      };
      return whole ? fill() : branch(compare(arith::CmpIPredicate::slt, number, blocks), fill);
    }
    Value keys = whole ? size : b.max(b.min(size, b.sub(end, key)), zero);
    Value rows = b.view(isKey ? values.k.cached : values.v.cached, {batch, kvHead, key, zero},
                        {nullptr, nullptr, keys, isKey ? values.keyDim : values.valueDim});
    tile::LoadOp::create(b, b.withContiguousRows(rows), isKey ? keyRing : valueRing, slot,
                         schedule.keysAcrossWarps());
  }

  /// Waits for the oldest of the blocks on their way, and starts to load another into the slot that the block
  /// before it has left.
  void advance(bool isKey, Value number, Value slot, Value leftSlot, bool whole) {
    int64_t onTheirWay = 2 * (schedule.slots - 1); // keys and values
    if (maps)
      tile::WarpWaitOp::create(b, isKey ? keyRing : valueRing, slot,
                               b.rem(b.div(number, b.index(schedule.slots)), b.index(2)));
    else
      tile::AcquireOp::create(b, isKey ? keyRing : valueRing, onTheirWay - 1, schedule.keysAcrossWarps());
    load(isKey, b.add(number, b.index(schedule.slots - 1)), leftSlot, whole);
  }

  Values initialize() {
    auto state = [&](bool withSinks) { return emptyState(outputType, withSinks); };
    if (!values.sinks)
      return state(false);
    // Sinks belong to one part of the keys, and to one of the warps that share them.
    Value isFirst = isSplit() ? compare(arith::CmpIPredicate::eq, split, b.index(0)) : Value();
    if (schedule.keysAcrossWarps()) {
      Value firstWarp = compare(arith::CmpIPredicate::eq, warp, b.index(0));
      isFirst = isFirst ? arith::AndIOp::create(b, isFirst, firstWarp) : firstWarp;
    }
    return isFirst ? choose(isFirst, state) : state(true);
  }

  Values choose(Value condition, function_ref<Values(bool)> build) {
    Type row = perRow(b.getF32Type());
    auto op = scf::IfOp::create(b, TypeRange{outputType, row, row}, condition,
                                /*addThenBlock=*/true, /*addElseBlock=*/true);
    OpBuilder::InsertionGuard guard(b);
    for (bool then : {true, false}) {
      b.setInsertionPointToStart(then ? op.thenBlock() : op.elseBlock());
      scf::YieldOp::create(b, build(then));
    }
    return op.getResults();
  }

  /// Blocks that are in one slot after the other, from `slot` on; the state and the slot behind them.
  std::pair<Values, Value> loop(Value from, Value to, Values state, Value slot, bool whole) {
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

  /// The slot one further round the ring, or one back.
  Value neighbour(Value slot, int64_t step) {
    int64_t slots = schedule.slots, edge = step > 0 ? slots - 1 : 0;
    if (slots == 2)
      return b.sub(b.index(1), slot);
    Value isEdge = compare(arith::CmpIPredicate::eq, slot, b.index(edge));
    return b.createOrFold<arith::SelectOp>(isEdge, b.index(slots - 1 - edge), b.add(slot, b.index(step)));
  }

  /// Whole blocks from the first to a multiple of the slots, the ring once round each time.
  Values loopOverRing(Value to, Values state) {
    int64_t slots = schedule.slots;
    return forEach(b.index(0), to, slots, state, [&](Value number, Values state) {
      for (int64_t slot = 0; slot < slots; ++slot)
        state = step(b.add(number, b.index(slot)), state, b.index(slot), b.index((slot + slots - 1) % slots),
                     /*whole=*/true);
      return state;
    });
  }

  /// One block of keys; `whole` if all rows see all of it and those on their way are no shorter.
  Values step(Value number, const Values &state, Value slot, Value leftSlot, bool whole) {
    Value o = state[0];
    Value key = b.add(b.add(begin, b.mul(number, b.index(schedule.keys))), warpKey);
    // Scales of tokens are asked for in front of the wait for what they belong to.
    Value keyScales = isScaledByWarp(values.k) ? scalesOf(values.k, key, whole) : scoreScales;
    advance(/*isKey=*/true, number, slot, leftSlot, whole);
    auto [keySlots, keySlot] = widened(/*isKey=*/true, key, slot);
    Value s = tile::WarpQKOp::create(b, matrix(warpKeys, b.getF32Type()), queryTile, keySlots, keySlot,
                                     warpKey, isReadNarrow(values.k) && isUnsigned(values.k));
    s = scale(s, keyScales);
    Value keys = b.sub(end, key);
    auto step = softmax(scoresOf(s, key, keys, whole), state[1], state[2]);
    Value valueScales = isScaledByWarp(values.v) ? scalesOf(values.v, key, whole) : Value();
    Value p =
        tile::WarpToOperandOp::create(b, matrix(warpKeys, valueNumbers()), scale(step.getP(), valueScales));
    advance(/*isKey=*/false, number, slot, leftSlot, whole);
    if (maps && !whole)
      tile::WarpClearOp::create(b, valueRing, slot, keys);
    auto [valueSlots, valueSlot] = widened(/*isKey=*/false, key, slot);
    o = tile::WarpPVOp::create(b, o.getType(), p, valueSlots, valueSlot, warpKey, o, step.getAlpha(),
                               isReadNarrow(values.v) && isUnsigned(values.v));
    return {o, step.getNewM(), step.getNewL()};
  }

  /// Where products find the keys or values of a slot that is full: there, or widened by all warps, times the
  /// scales of tokens. Nobody reads the numbers of the block before any more, since the slot was waited for.
  std::pair<Value, Value> widened(bool isKey, Value key, Value slot) {
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

  //===------------------------------------------------------------------===//
  // Scales of a narrow cache: what differs by token goes to scores and probabilities, what differs by channel
  // to queries and to the output, and what is one for all leaves the loop.
  //===------------------------------------------------------------------===//

  bool isScaledByWarp(const TokenBuffers &tokens) const {
    return tokens.scaledByToken && isReadNarrow(tokens);
  }

  /// Those of the warp's keys from `key` on, all of which exist if the block is whole. What lies behind the
  /// last key is not looked at.
  Value scalesOf(const TokenBuffers &tokens, Value key, bool whole) {
    Value last = whole ? b.add(key, b.index(warpKeys)) : end;
    return columns(tokenScales(tokens), key, last, warpKeys, /*quads=*/false);
  }

  void finish(Values state) {
    state[0] = scaleOutput(state[0], valueWidth, isReadNarrow(values.v));
    if (schedule.keysAcrossWarps())
      join(state);
    else
      store(state);
  }

  /// The states of all warps go through memory that they share: those of the cluster, or the task's own.
  void join(const Values &state) {
    Value rows = b.index(tile::kFragmentRows * schedule.warps);
    // Rows of o further apart than they are long, so that neighbours are in other banks: by twice what a
    // row's lanes store at a time.
    int64_t gap = isNarrow(values.v) ? 16 : 8;
    WarpStates states{scratch({rows, b.index(valueWidth + gap)}), scratch({rows}), scratch({rows})};
    Value own = b.mul(warp, b.index(tile::kFragmentRows));
    tile::WarpStoreOp::create(b, state[0], state[1], state[2], states.o, states.m, states.l, own,
                              /*end=*/Value());
    if (!values.isCluster)
      return joinWarps(state, states);
    ClusterMerge merge(op, values, states, schedule.warps, b);
    branch(values.isCluster, [&] { merge.build(position, split); }, [&] { joinWarps(state, states); });
  }

  /// The first warp goes on with the states of all.
  void joinWarps(const Values &state, const WarpStates &states) {
    Value zero = b.index(0);
    tile::BarrierOp::create(b);
    branch(compare(arith::CmpIPredicate::eq, warp, zero), [&] {
      // A loop, so that the states of all are not on their way at a time: registers would decide how many
      // tasks fit.
      store(forEach(b.index(1), b.index(schedule.warps), 1, state, [&](Value other, Values so) -> Values {
        Value row = b.mul(other, b.index(tile::kFragmentRows));
        return tile::WarpMergeOp::create(b, TypeRange(ValueRange(so)), so[0], so[1], so[2], states.o,
                                         states.m, states.l, row, zero)
            .getResults();
      }));
    });
  }

  /// The result, or this part's state for the merge.
  void store(const Values &state) {
    auto storeResult = [&] { storeRows(state); };
    if (!isSplit())
      return storeResult();
    Value isOne = compare(arith::CmpIPredicate::sle, values.splits, b.index(1));
    branch(isOne, storeResult, [&] {
      Value first = b.mul(partNumber(split), values.rows);
      Value end = b.add(first, b.mul(values.group, values.period)); // behind it is padding
      tile::WarpStoreOp::create(b, state[0], state[1], state[2], values.partialO, values.partialM,
                                values.partialL, b.add(first, warpRow), end);
    });
  }

  void branch(Value condition, function_ref<void()> then, function_ref<void()> otherwise = nullptr) {
    auto op = scf::IfOp::create(b, condition, /*withElseRegion=*/static_cast<bool>(otherwise));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(op.thenYield());
    then();
    if (!otherwise)
      return;
    b.setInsertionPoint(op.elseYield());
    otherwise();
  }

  const TensorMaps *maps; // or null
  int64_t keyWidth, valueWidth, warpKeys, blocksAtOnce;
  SmallVector<Value> position;
  Type outputType;
  Value scoreScales; // of narrow keys, where they are the same for all
  Value split, warp, warpKey, blocks, firstFull, lastFull;
  Value keyRing, valueRing, wideKeys, wideValues, queryTile;
};

} // namespace

void buildWarpAttention(AttentionOp op, const AttentionValues &values, const WarpSchedule &schedule,
                        const TensorMaps *maps, IndexBuilder &b) {
  SmallVector<Value> grid = {values.blocks, values.batch, values.kvHeads, values.splits};
  Value cluster;
  if (values.isCluster)
    cluster = arith::SelectOp::create(b, values.isCluster, values.splits, b.index(1));
  buildKernel(
      b, grid, /*work=*/nullptr,
      [&](ValueRange point) { WarpTaskBuilder(op, values, schedule, maps, b).build(point); }, schedule.warps,
      /*dependent=*/false, cluster);
}

} // namespace gqa
