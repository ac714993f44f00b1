// The schedule of a prompt's attention on a GPU whose warps work in groups: one task per (block of queries,
// batch, key/value head). One thread has the copy engine bring blocks of keys and values; two groups of four
// warps multiply, each 64 rows of the tile, and take turns, so that one's exponentials go on beside the
// other's products. Within a group the scores of a block are computed beside the output of the block before.
// Of a narrow cache the thread brings codes, which the warps that are left widen on the way.
#include "WarpTile.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

int64_t periodOf(const AttentionValues &values) { return *getConstantIntValue(values.period); }

/// The heads that fill all rows of a tile: those behind the group's, if it has too few, are padding of its
/// rows.
int64_t boxHeads(const AttentionValues &values, const WarpSchedule &schedule) {
  return llvm::divideCeil(schedule.rows, periodOf(values));
}

/// The slot of a channel that is next, and how often it has been filled before, modulo 2.
struct Cursor {
  Value slot, phase;
};

class GroupTaskBuilder : WarpTile {
public:
  GroupTaskBuilder(AttentionOp op, const AttentionValues &values, const WarpSchedule &schedule,
                   const TensorMaps &maps, IndexBuilder &b)
      : WarpTile(op, values, schedule, b), maps(maps), consumers(schedule.warps / tile::kGroupWarps) {}

  void build(ValueRange point) {
    bindPosition({point[1], point[2], point[0]});
    bindBand();
    bindBlocks();
    queryChannel = channel(1, llvm::alignTo(boxHeads(values, schedule) * periodOf(values), 16), values.keyDim,
                           typeOf(values.q));
    keyChannel = channel(schedule.slots, schedule.keys, values.keyDim,
                         values.queryDequantize ? typeOf(values.k.cached) : keyNumbers());
    valueChannel = channel(schedule.slots, schedule.keys, values.valueDim, valueNumbers());
    // Floats of 8 bits are multiplied by floats of 8 bits as they are.
    keyCodes = values.queryDequantize ? Value() : codes(values.k, values.keyDim);
    valueCodes = codes(values.v, values.valueDim);
    auto roles = tile::GroupRolesOp::create(b, consumers);
    OpBuilder::InsertionGuard guard(b);
    b.createBlock(&roles.getProducer());
    produce();
    Block *consumer = b.createBlock(&roles.getConsumer());
    group = consumer->addArgument(b.getIndexType(), b.getLoc());
    consume();
    if (!keyCodes && !valueCodes)
      return;
    b.createBlock(&roles.getConverter());
    convert();
  }

private:
  Value i32(int64_t value) { return arith::ConstantOp::create(b, b.getI32IntegerAttr(int32_t(value))); }
  Value channel(int64_t slots, int64_t rows, Value columns, Type type) {
    int64_t count = *getConstantIntValue(columns);
    return tile::GroupChannelOp::create(b, tile::ChannelType::get(b.getContext(), slots, rows, count, type));
  }
  static Type typeOf(Value buffer) { return cast<MemRefType>(buffer.getType()).getElementType(); }

  /// Where codes arrive that become numbers. One slot is enough: they are gone long before products have read
  /// the numbers. Null for what comes as products read it.
  Value codes(const TokenBuffers &tokens, Value columns) {
    return isNarrow(tokens) ? channel(1, schedule.keys, columns, typeOf(tokens.cached)) : Value();
  }

  /// Blocks are taken from the last to the first: [0, lastHidden) and [firstHidden, blocks) have keys that
  /// some rows do not see.
  void bindBlocks() {
    Value size = b.index(schedule.keys), zero = b.index(0), one = b.index(1);
    Value keys = b.max(b.sub(end, begin), zero), whole = b.div(keys, size);
    blocks = b.ceilDiv(keys, size);
    if (last) {
      Value seen = b.sub(b.add(b.add(query, last), one), begin); // keys that the first query sees
      whole = b.min(whole, b.div(b.max(seen, zero), size));
    }
    lastHidden = b.sub(blocks, whole);
    firstHidden = blocks;
    if (first) {
      Value hidden = b.sub(b.sub(b.add(b.add(query, queries), first), one), begin); // from the last query
      firstHidden = b.sub(blocks, b.min(b.ceilDiv(b.max(hidden, zero), size), blocks));
    }
  }

  Value keyOf(Value number) { // the block's first key
    Value block = b.sub(b.sub(blocks, b.index(1)), number);
    return b.add(begin, b.mul(block, b.index(schedule.keys)));
  }

  Cursor next(Cursor cursor) {
    Value slot = arith::AddIOp::create(b, cursor.slot, i32(1));
    Value wraps = compare(arith::CmpIPredicate::eq, slot, i32(schedule.slots));
    Value flips = arith::ExtUIOp::create(b, b.getI32Type(), wraps);
    return {arith::SelectOp::create(b, wraps, i32(0), slot), arith::XOrIOp::create(b, cursor.phase, flips)};
  }

  //===------------------------------------------------------------------===//
  // The producer
  //===------------------------------------------------------------------===//

  void fill(Value channel, Cursor cursor, Value map, Value head, Value row, int64_t rows) {
    auto type = cast<tile::ChannelType>(channel.getType());
    Value bytes = b.index(rows * type.getColumns() * tile::bytesOf(type.getElementType()));
    tile::GroupFillOp::create(b, channel, cursor.slot, cursor.phase, map, batch, head, row, bytes);
  }

  /// Of the only slot of codes, for block `number`.
  Cursor codesOf(Value number) {
    Value phase = arith::IndexCastOp::create(b, b.getI32Type(), b.rem(number, b.index(2)));
    return {i32(0), phase};
  }

  void produce() {
    auto branch = scf::IfOp::create(b, isSeen(), /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenYield());
    fill(queryChannel, {i32(0), i32(0)}, maps.q, head, query, boxHeads(values, schedule) * periodOf(values));
    forEachBlock([&](Value number, Cursor cursor) {
      for (auto [numbers, codes, map] :
           {std::tuple(keyChannel, keyCodes, maps.k), std::tuple(valueChannel, valueCodes, maps.v)})
        fill(codes ? codes : numbers, codes ? codesOf(number) : cursor, map, kvHead, keyOf(number),
             schedule.keys);
    });
  }

  void forEachBlock(function_ref<void(Value, Cursor)> body) {
    forEach(b.index(0), blocks, 1, {i32(0), i32(0)}, [&](Value number, Values state) -> Values {
      Cursor cursor{state[0], state[1]};
      body(number, cursor);
      Cursor then = next(cursor);
      return {then.slot, then.phase};
    });
  }

  //===------------------------------------------------------------------===//
  // The converter
  //===------------------------------------------------------------------===//

  void convert() {
    forEachBlock([&](Value number, Cursor cursor) {
      for (auto [codes, numbers, tokens] :
           {std::tuple(keyCodes, keyChannel, &values.k), std::tuple(valueCodes, valueChannel, &values.v)}) {
        if (!codes)
          continue;
        Value scales = tokens->scaledByToken ? tokenScales(*tokens) : Value();
        Cursor from = codesOf(number);
        tile::GroupWidenOp::create(b, codes, from.slot, from.phase, numbers, cursor.slot, cursor.phase,
                                   scales, scales ? keyOf(number) : Value(), scales ? end : Value(),
                                   isUnsigned(*tokens));
      }
    });
  }

  Value isSeen() { return compare(arith::CmpIPredicate::sgt, blocks, b.index(0)); }

  //===------------------------------------------------------------------===//
  // A consumer
  //===------------------------------------------------------------------===//

  void consume() {
    bindRows(b.mul(tile::WarpIdOp::create(b, b.getIndexType()), b.index(tile::kFragmentRows)));
    Values empty =
        emptyState(matrix(*getConstantIntValue(values.valueDim), b.getF32Type()), /*withSinks=*/true);
    auto branch = scf::IfOp::create(b, TypeRange(ValueRange(empty)), isSeen(), /*addThenBlock=*/true,
                                    /*addElseBlock=*/true);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(branch.thenBlock());
      scf::YieldOp::create(b, attend(empty));
      b.setInsertionPointToStart(branch.elseBlock());
      scf::YieldOp::create(b, empty);
    }
    Values state = branch.getResults();
    state[0] = scaleOutput(state[0], *getConstantIntValue(values.valueDim), /*quads=*/false);
    storeRows(state);
  }

  /// What a block's softmax leaves: the output and the state, the block's probabilities as an operand, and
  /// where its values are.
  struct Step {
    Value o, m, l, p;
    Cursor cursor;

    Values values() const { return {o, m, l, p, cursor.slot, cursor.phase}; }
    static Step of(ValueRange v) { return {v[0], v[1], v[2], v[3], {v[4], v[5]}}; }
  };

  Values attend(const Values &empty) {
    tile::GroupWaitOp::create(b, queryChannel, i32(0), i32(0));
    passFirst();
    Step step = start(empty);
    Value one = b.index(1), masked = b.max(lastHidden, one), whole = b.max(firstHidden, masked);
    step = loop(one, masked, step, /*whole=*/false);
    step = loop(masked, whole, step, /*whole=*/true);
    if (first)
      step = loop(whole, blocks, step, /*whole=*/false);
    Value o = await(multiply(step), /*younger=*/0);
    tile::GroupReleaseOp::create(b, valueChannel, step.cursor.slot);
    return {o, step.m, step.l};
  }

  /// Group 0 has the first turn.
  void passFirst() {
    auto branch = scf::IfOp::create(b, compare(arith::CmpIPredicate::eq, group, b.index(1)),
                                    /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenYield());
    turn(/*pass=*/true);
  }

  void turn(bool pass) { tile::GroupTurnOp::create(b, group, pass); }

  Value await(Value pending, int64_t younger) {
    return tile::GroupAwaitOp::create(b, pending.getType(), pending, younger);
  }

  Value scores(Cursor cursor) {
    return tile::GroupQKOp::create(b, matrix(schedule.keys, b.getF32Type()), queryChannel, group, keyChannel,
                                   cursor.slot);
  }

  Value multiply(const Step &step) {
    return tile::GroupPVOp::create(b, step.o.getType(), step.p, valueChannel, step.cursor.slot, step.o);
  }

  /// The first block, which no output is multiplied beside.
  Step start(const Values &empty) {
    Cursor cursor{i32(0), i32(0)};
    tile::GroupWaitOp::create(b, keyChannel, cursor.slot, cursor.phase);
    turn(/*pass=*/false);
    Value pending = scores(cursor);
    turn(/*pass=*/true);
    Value s = await(pending, /*younger=*/0);
    tile::GroupReleaseOp::create(b, keyChannel, cursor.slot);
    auto softmax = softmaxOf(s, b.index(0), empty[1], empty[2], /*whole=*/false);
    tile::GroupWaitOp::create(b, valueChannel, cursor.slot, cursor.phase);
    return {empty[0], softmax.getNewM(), softmax.getNewL(), operand(softmax.getP()), cursor};
  }

  /// The scores of block `number` beside the output of the one before.
  Step advance(Value number, const Step &step, bool whole) {
    Cursor cursor = next(step.cursor);
    tile::GroupWaitOp::create(b, keyChannel, cursor.slot, cursor.phase);
    turn(/*pass=*/false);
    Value pendingS = scores(cursor), pendingO = multiply(step);
    turn(/*pass=*/true);
    Value s = await(pendingS, /*younger=*/1);
    tile::GroupReleaseOp::create(b, keyChannel, cursor.slot);
    auto softmax = softmaxOf(s, number, step.m, step.l, whole);
    // A wait between the exponentials and the await keeps the assembler from waiting in front of them.
    tile::GroupWaitOp::create(b, valueChannel, cursor.slot, cursor.phase);
    Value o = await(pendingO, /*younger=*/0);
    tile::GroupReleaseOp::create(b, valueChannel, step.cursor.slot);
    o = tile::WarpRescaleOp::create(b, o.getType(), o, softmax.getAlpha());
    return {o, softmax.getNewM(), softmax.getNewL(), operand(softmax.getP()), cursor};
  }

  tile::WarpSoftmaxStepOp softmaxOf(Value products, Value number, Value m, Value l, bool whole) {
    Value key = keyOf(number);
    return softmax(scoresOf(products, key, b.sub(end, key), whole), m, l);
  }

  Value operand(Value p) {
    return tile::WarpToOperandOp::create(b, matrix(schedule.keys, valueNumbers()), p);
  }

  Step loop(Value from, Value to, const Step &step, bool whole) {
    return Step::of(forEach(from, to, 1, step.values(), [&](Value number, Values state) {
      return advance(number, Step::of(state), whole).values();
    }));
  }

  const TensorMaps &maps;
  int64_t consumers;
  Value blocks, lastHidden, firstHidden;
  Value queryChannel, keyChannel, valueChannel, keyCodes, valueCodes;
  Value group; // of the consumer
};

} // namespace

Value mapTensor(Value buffer, int64_t heads, int64_t rows, IndexBuilder &b) {
  auto type = cast<MemRefType>(buffer.getType());
  auto map = tile::MapType::get(b.getContext(), type.getDimSize(3), type.getElementType());
  return tile::DeviceMapTensorOp::create(b, map, b.withContiguousRows(buffer), b.index(heads), b.index(rows));
}

/// A scale that all keys of a head have, and that of queries, is a part of that of the scores, which may then
/// be negative.
static AttentionValues withScales(AttentionValues values, Value batch, Value kvHead, IndexBuilder &b) {
  Value zero = b.index(0), keyScale = values.k.scaledByToken ? Value() : values.k.scale;
  for (auto [scales, head] :
       {std::pair(values.queryScale, b.mul(kvHead, values.group)), std::pair(keyScale, kvHead)}) {
    if (!scales)
      continue;
    Value scale = memref::LoadOp::create(b, scales, ValueRange{batch, head, zero, zero});
    values.scale = arith::MulFOp::create(b, values.scale, castFloat(b, scale, b.getF32Type()));
    values.unit = arith::ConstantOp::create(b, b.getF32FloatAttr(1));
    values.scored = true;
  }
  return values;
}

void buildGroupAttention(AttentionOp op, const AttentionValues &values, const WarpSchedule &schedule,
                         IndexBuilder &b) {
  TensorMaps maps{mapTensor(values.q, boxHeads(values, schedule), periodOf(values), b),
                  mapTensor(values.k.cached, 1, schedule.keys, b),
                  mapTensor(values.v.cached, 1, schedule.keys, b)};
  SmallVector<Value> grid = {values.blocks, values.batch, values.kvHeads};
  buildKernel(
      b, grid, /*work=*/nullptr,
      [&](ValueRange point) {
        AttentionValues scaled = withScales(values, point[1], point[2], b);
        GroupTaskBuilder(op, scaled, schedule, maps, b).build(point);
      },
      schedule.warps + tile::kGroupWarps);
}

} // namespace gqa
