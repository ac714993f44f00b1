// What all roles of a task know: where blocks of keys begin, and the channels that they come through.
#include "GroupTask.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {

int64_t periodOf(const AttentionValues &values) { return *getConstantIntValue(values.period); }

int64_t boxHeads(const AttentionValues &values, const WarpSchedule &schedule) {
  return llvm::divideCeil(schedule.rows, periodOf(values));
}

GroupTask::GroupTask(AttentionOp op, const AttentionValues &values, const WarpSchedule &schedule,
                     const TensorMaps &maps, IndexBuilder &b)
    : WarpTile(op, values, schedule, b), maps(maps), consumers(schedule.warps / tile::kGroupWarps),
      ownWidth(*getConstantIntValue(values.valueDim) / schedule.columnParts) {}

void GroupTask::build(ValueRange point) {
  bindPosition({point[1], point[2], point[0]});
  split = point[3];
  bindBand();
  if (isSplit())
    takePartOfBlocks();
  bindBlocks();
  bindChannels();
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

static Type typeOf(Value buffer) { return cast<MemRefType>(buffer.getType()).getElementType(); }

void GroupTask::bindChannels() {
  queryChannel = channel(1, llvm::alignTo(boxHeads(values, schedule) * periodOf(values), 16), values.keyDim,
                         typeOf(values.q));
  keyChannel = channel(schedule.slots, schedule.keys, values.keyDim,
                       values.queryDequantize ? typeOf(values.k.cached) : keyNumbers());
  valueChannel = channel(schedule.slots, schedule.keys, values.valueDim, valueNumbers());
  // Floats of 8 bits are multiplied by floats of 8 bits as they are.
  keyCodes = values.queryDequantize ? Value() : codes(values.k, values.keyDim);
  valueCodes = codes(values.v, values.valueDim);
}

Value GroupTask::i32(int64_t value) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(int32_t(value)));
}

Value GroupTask::channel(int64_t slots, int64_t rows, Value columns, Type type) {
  int64_t count = *getConstantIntValue(columns);
  return tile::GroupChannelOp::create(b, tile::ChannelType::get(b.getContext(), slots, rows, count, type));
}

Value GroupTask::codes(const TokenBuffers &tokens, Value columns) {
  return isNarrow(tokens) ? channel(schedule.codeSlots, schedule.keys, columns, typeOf(tokens.cached))
                          : Value();
}

void GroupTask::bindBlocks() {
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

Value GroupTask::isSeen() { return compare(arith::CmpIPredicate::sgt, blocks, b.index(0)); }

Value GroupTask::keyOf(Value number) { // the block's first key
  Value block = b.sub(b.sub(blocks, b.index(1)), number);
  return b.add(begin, b.mul(block, b.index(schedule.keys)));
}

GroupTask::Cursor GroupTask::next(Cursor cursor) {
  Value slot = arith::AddIOp::create(b, cursor.slot, i32(1));
  Value wraps = compare(arith::CmpIPredicate::eq, slot, i32(schedule.slots));
  Value flips = arith::ExtUIOp::create(b, b.getI32Type(), wraps);
  return {arith::SelectOp::create(b, wraps, i32(0), slot), arith::XOrIOp::create(b, cursor.phase, flips)};
}

void GroupTask::forEachBlock(function_ref<void(Value, Cursor)> body) {
  forEach(b.index(0), blocks, 1, {i32(0), i32(0)}, [&](Value number, Values state) -> Values {
    Cursor cursor{state[0], state[1]};
    body(number, cursor);
    Cursor then = next(cursor);
    return {then.slot, then.phase};
  });
}

} // namespace gqa
