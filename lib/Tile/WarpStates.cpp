// The state of a warp's softmax in front of the first block, and on its way to those of other warps, to
// another kernel or to the result behind the last.
#include "WarpTask.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {

SmallVector<Value> WarpTask::initialize() {
  if (!schedule.keysAcrossWarps())
    return initialState(outputType);
  return initialState(outputType, compare(arith::CmpIPredicate::eq, warp, b.index(0)));
}

void WarpTask::finish(Values state) {
  state[0] = scaleOutput(state[0], valueWidth, isReadNarrow(values.v));
  if (schedule.keysAcrossWarps())
    join(state);
  else
    store(state, [&] { storeRows(state, /*channel=*/nullptr, column); }, column);
}

void WarpTask::join(const Values &state) {
  tile::LaunchDependentsOp::create(b); // nothing is on its way any more
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
    auto merge = [&](Value other, Values so) -> Values {
      Value row = b.mul(other, b.index(tile::kFragmentRows));
      return tile::WarpMergeOp::create(b, TypeRange(ValueRange(so)), so[0], so[1], so[2], states.o, states.m,
                                       states.l, row, zero)
          .getResults();
    };
    Values all = forEach(b.index(1), b.index(schedule.warps), 1, state, merge);
    store(all, [&] { storeRows(all); });
  });
}

} // namespace gqa
