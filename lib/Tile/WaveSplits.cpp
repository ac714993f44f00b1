// Into how many parts keys are split on a GPU. Tasks run in waves, as many at a time as fit; what the last
// one takes, all multiprocessors wait for. Parts have to be merged: by the tasks of a tile, if they are a
// cluster, or by another kernel. Clusters need neighbouring multiprocessors, so that fewer tasks fit then: a
// second wave would take as long again, and there are none unless all fit at a time.
#include "AttentionFunction.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kMostSplits = 128;
constexpr double kFull = 0.8;            // of the multiprocessors are busy without a split
constexpr int64_t kMostProcessors = 256; // of any chip
// In the time that a block of keys takes, 0.7 us of a decode step on an H200 and 1.5 us of a prompt, whose
// states are more:
constexpr int64_t kTask = 2;  // a task, beside its blocks
constexpr int64_t kMerge = 4; // the states of parts on their way through memory, and the launch of a kernel
constexpr int64_t kClusterMerge = 1; // the same in a cluster: two barriers, and a way between processors

class SplitSearch {
public:
  SplitSearch(Value tiles, Value keyBlocks, const WarpSchedule &schedule, IndexBuilder &b)
      : b(b), tiles(b.max(tiles, b.index(1))), keyBlocks(keyBlocks), schedule(schedule) {
    processors = tile::DeviceProcessorsOp::create(b, b.getIndexType());
    slots = b.mul(processors, b.index(schedule.resident));
  }

  WaveSplits build() {
    Value full = b.div(b.mul(processors, b.index(int64_t(100 * kFull))), b.index(100)), one = b.index(1);
    Value busy = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, tiles, full);
    Value most = b.min(keyBlocks, b.index(kMostSplits));
    if (schedule.rows <=
        tile::kFragmentRows) // such tasks wait for memory, from which a second wave gets no more
      most = b.min(most, b.div(slots, tiles));
    most = b.createOrFold<arith::SelectOp>(busy, one, most);
    // The fewest parts of those that take the least time.
    Value whole = timeOf(one);
    auto loop = scf::ForOp::create(b, b.index(2), b.add(most, one), one, ValueRange{one, whole});
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value split = loop.getInductionVar(), time = b.add(timeOf(split), timeOfMerge(split));
    Value best = loop.getRegionIterArg(0), least = loop.getRegionIterArg(1);
    Value less = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, time, least);
    best = arith::SelectOp::create(b, less, split, best);
    scf::YieldOp::create(b, ValueRange{best, b.min(time, least)});
    b.setInsertionPointAfter(loop);
    best = loop.getResult(0);
    return {best, schedule.clusterParts > 1 ? isCluster(best) : nullptr};
  }

private:
  Value timeOf(Value split) {
    Value waves = b.ceilDiv(b.mul(tiles, split), slots);
    return b.mul(waves, b.add(b.ceilDiv(keyBlocks, split), b.index(kTask)));
  }

  Value timeOfMerge(Value split) {
    if (schedule.clusterParts == 1)
      return b.index(kMerge);
    return arith::SelectOp::create(b, isCluster(split), b.index(kClusterMerge), b.index(kMerge));
  }

  /// Whether the parts are few enough for a cluster, and the clusters of all tiles run at the same time.
  Value isCluster(Value split) {
    auto compare = [&](arith::CmpIPredicate predicate, Value x, Value y) -> Value {
      return arith::CmpIOp::create(b, predicate, x, y);
    };
    Value few =
        arith::AndIOp::create(b, compare(arith::CmpIPredicate::sgt, split, b.index(1)),
                              compare(arith::CmpIPredicate::sle, split, b.index(schedule.clusterParts)));
    auto branch = scf::IfOp::create(b, b.getI1Type(), few, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    Value room = tile::DeviceClustersOp::create(b, b.getIndexType(), split, uint64_t(schedule.resident));
    scf::YieldOp::create(b, compare(arith::CmpIPredicate::sle, tiles, room));
    b.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(b, Value(arith::ConstantOp::create(b, b.getBoolAttr(false))));
    return branch.getResult(0);
  }

  IndexBuilder &b;
  Value tiles, keyBlocks, processors, slots;
  const WarpSchedule &schedule;
};

} // namespace

WaveSplits buildWaveSplits(Value tiles, Value keyBlocks, const WarpSchedule &schedule, IndexBuilder &b) {
  if (std::optional<int64_t> known = getConstantIntValue(tiles);
      known && *known >= int64_t(kFull * kMostProcessors))
    return {b.index(1), nullptr};
  // What one block less for each part saves has to pay for the merge.
  int64_t merge = schedule.clusterParts > 1 ? kClusterMerge : kMerge;
  if (std::optional<int64_t> known = getConstantIntValue(keyBlocks); known && *known <= merge + 1)
    return {b.index(1), nullptr};
  return SplitSearch(tiles, keyBlocks, schedule, b).build();
}

} // namespace gqa
