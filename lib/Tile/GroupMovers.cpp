// Those of a task that bring blocks: the thread that has the copy engine fill channels, and the warps that
// widen codes on the way.
#include "GroupTask.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {

void GroupTask::fill(Value channel, Cursor cursor, Value map, Value head, Value row, int64_t rows) {
  auto type = cast<tile::ChannelType>(channel.getType());
  Value bytes = b.index(rows * type.getColumns() * tile::bytesOf(type.getElementType()));
  tile::GroupFillOp::create(b, channel, cursor.slot, cursor.phase, map, batch, head, row, bytes);
}

GroupTask::Cursor GroupTask::codesOf(Value number, Cursor numbers) {
  if (schedule.codeSlots == schedule.slots)
    return numbers;
  Value phase = arith::IndexCastOp::create(b, b.getI32Type(), b.rem(number, b.index(2)));
  return {i32(0), phase};
}

void GroupTask::produce() {
  auto branch = scf::IfOp::create(b, isSeen(), /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenYield());
  fill(queryChannel, {i32(0), i32(0)}, maps.q, head, query, boxHeads(values, schedule) * periodOf(values));
  forEachBlock([&](Value number, Cursor cursor) {
    for (auto [numbers, codes, map] :
         {std::tuple(keyChannel, keyCodes, maps.k), std::tuple(valueChannel, valueCodes, maps.v)})
      fill(codes ? codes : numbers, codes ? codesOf(number, cursor) : cursor, map, tokenHead(), keyOf(number),
           schedule.keys);
  });
}

void GroupTask::convert() {
  forEachBlock([&](Value number, Cursor cursor) {
    for (auto [codes, numbers, tokens] :
         {std::tuple(keyCodes, keyChannel, &values.k), std::tuple(valueCodes, valueChannel, &values.v)}) {
      if (!codes)
        continue;
      Value scales = tokens->scaledByToken ? tokenScales(*tokens) : Value();
      Cursor from = codesOf(number, cursor);
      tile::GroupWidenOp::create(b, codes, from.slot, from.phase, numbers, cursor.slot, cursor.phase, scales,
                                 scales ? keyOf(number) : Value(), scales ? end : Value(),
                                 isUnsigned(*tokens));
    }
  });
}

} // namespace gqa
