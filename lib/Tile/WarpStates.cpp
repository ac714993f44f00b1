// The state of a warp's softmax in front of the first block, and on its way to those of other warps, to
// another kernel or to the result behind the last.
#include "WarpTask.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {

SmallVector<Value> WarpTask::initialize() {
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

SmallVector<Value> WarpTask::choose(Value condition, function_ref<Values(bool)> build) {
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

void WarpTask::finish(Values state) {
  state[0] = scaleOutput(state[0], valueWidth, isReadNarrow(values.v));
  if (schedule.keysAcrossWarps())
    join(state);
  else
    store(state);
}

void WarpTask::join(const Values &state) {
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
  b.branch(values.isCluster, [&] { merge.build(position, split); }, [&] { joinWarps(state, states); });
}

void WarpTask::joinWarps(const Values &state, const WarpStates &states) {
  Value zero = b.index(0);
  tile::BarrierOp::create(b);
  b.branch(compare(arith::CmpIPredicate::eq, warp, zero), [&] {
    // A loop, so that the states of all are not on their way at a time: registers would decide how many
    // tasks fit.
    store(forEach(b.index(1), b.index(schedule.warps), 1, state, [&](Value other, Values so) -> Values {
      Value row = b.mul(other, b.index(tile::kFragmentRows));
      return tile::WarpMergeOp::create(b, TypeRange(ValueRange(so)), so[0], so[1], so[2], states.o, states.m,
                                       states.l, row, zero)
          .getResults();
    }));
  });
}

void WarpTask::store(const Values &state) {
  auto storeResult = [&] { storeRows(state); };
  if (!isSplit())
    return storeResult();
  Value isOne = compare(arith::CmpIPredicate::sle, values.splits, b.index(1));
  b.branch(isOne, storeResult, [&] {
    Value first = b.mul(partNumber(split), values.rows);
    Value end = b.add(first, b.mul(values.group, values.period)); // behind it is padding
    tile::WarpStoreOp::create(b, state[0], state[1], state[2], values.partialO, values.partialM,
                              values.partialL, b.add(first, warpRow), end);
  });
}

} // namespace gqa
