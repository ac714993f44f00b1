// A group that multiplies: within it, the scores of a block are computed beside the output of the block
// before.
#include "GroupTask.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {

void GroupTask::consume() {
  Value warp = tile::WarpIdOp::create(b, b.getIndexType());
  rowsOfTile = group;
  if (schedule.columnParts > 1) {
    warp = b.rem(warp, b.index(schedule.rows / tile::kFragmentRows));
    rowsOfTile = b.index(0);
    column = b.mul(group, b.index(ownWidth));
  }
  bindRows(b.mul(warp, b.index(tile::kFragmentRows)));
  Values empty = initialState(matrix(ownWidth, b.getF32Type()));
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
  auto storeResult = [&] {
    storeRows(state, maps.o ? queryChannel : Value(), column);
    if (maps.o)
      tile::GroupStoreOp::create(b, group, queryChannel, maps.o, batch, head, query);
  };
  store(state, storeResult, column);
}

SmallVector<Value> GroupTask::attend(const Values &empty) {
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

void GroupTask::passFirst() {
  if (consumers == 1)
    return;
  auto branch = scf::IfOp::create(b, compare(arith::CmpIPredicate::eq, group, b.index(1)),
                                  /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenYield());
  turn(/*pass=*/true);
}

void GroupTask::turn(bool pass) {
  if (consumers > 1)
    tile::GroupTurnOp::create(b, group, pass);
}

Value GroupTask::await(Value pending, int64_t younger) {
  return tile::GroupAwaitOp::create(b, pending.getType(), pending, younger);
}

Value GroupTask::scores(Cursor cursor) {
  return tile::GroupQKOp::create(b, matrix(schedule.keys, b.getF32Type()), queryChannel, rowsOfTile,
                                 keyChannel, cursor.slot);
}

Value GroupTask::multiply(const Step &step) {
  return tile::GroupPVOp::create(b, step.o.getType(), step.p, valueChannel, step.cursor.slot, column, step.o);
}

GroupTask::Step GroupTask::start(const Values &empty) {
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

GroupTask::Step GroupTask::advance(Value number, const Step &step, bool whole) {
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

tile::WarpSoftmaxStepOp GroupTask::softmaxOf(Value products, Value number, Value m, Value l, bool whole) {
  Value key = keyOf(number);
  return softmax(scoresOf(products, key, b.sub(end, key), whole), m, l);
}

Value GroupTask::operand(Value p) {
  return tile::WarpToOperandOp::create(b, matrix(schedule.keys, valueNumbers()), p);
}

GroupTask::Step GroupTask::loop(Value from, Value to, const Step &step, bool whole) {
  return Step::of(forEach(from, to, 1, step.values(), [&](Value number, Values state) {
    return advance(number, Step::of(state), whole).values();
  }));
}

} // namespace gqa
