// The second kernel of an attention on a GPU whose keys are split: it joins the states of a row's parts.
#include "RowMerge.h"
#include "gqa/Dialect/Tile/Tile.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kWarps = 8;
constexpr int64_t kPartsOfWarp = 32 / kWarps; // that are on their way at a time

/// How the warps of a task are dealt: 1, 2, 4 or 8 of them to each of its rows.
struct Deal {
  Value shift; ///< of which this is the logarithm
  Value warps; ///< of a row
  Value rows;  ///< of a task
};

class MergeBuilder : RowMerge {
public:
  MergeBuilder(AttentionOp op, const AttentionValues &values, const Deal &deal, IndexBuilder &b)
      : RowMerge(op, values, kPartsOfWarp, b), deal(deal) {}

  void build(ValueRange point) {
    bindPosition(point);
    // The warp's row, and which of the row's warps it is. Rows that are not there read the first one.
    Value slice = arith::AndIOp::create(b, warp, b.sub(deal.warps, b.index(1)));
    Value row = b.add(b.mul(point[3], deal.rows), arith::ShRUIOp::create(b, warp, deal.shift));
    bindRow(row, slice, deal.warps);
    buildRow(values.splits, scratch({b.index(kWarps), values.valueWidth}, b.getF32Type()), kWarps);
  }

private:
  Place placeOf(Value part) override {
    return {values.partialO, values.partialM, values.partialL,
            b.add(b.mul(partNumber(part), values.rows), source)};
  }

  const Deal &deal;
};

} // namespace

Value hasNoMerge(const AttentionValues &values, IndexBuilder &b) {
  Value isOne = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, values.splits, b.index(1));
  return values.isCluster ? Value(arith::OrIOp::create(b, isOne, values.isCluster)) : isOne;
}

void buildWarpMerge(AttentionOp op, const AttentionValues &values, IndexBuilder &b) {
  if (!values.partialO)
    return;
  Deal deal{b.index(0), nullptr, nullptr};
  for (int64_t warps = 1; warps < kWarps; warps *= 2) {
    Value more =
        arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, values.splits, b.index(warps * kPartsOfWarp));
    deal.shift = b.add(deal.shift, arith::SelectOp::create(b, more, b.index(1), b.index(0)));
  }
  deal.warps = arith::ShLIOp::create(b, b.index(1), deal.shift);
  deal.rows = arith::ShRUIOp::create(b, b.index(kWarps), deal.shift);
  // The first kernel may have written the result.
  Value batch = arith::SelectOp::create(b, hasNoMerge(values, b), b.index(0), values.batch);
  Value tasks = b.ceilDiv(b.mul(values.group, values.period), deal.rows);
  SmallVector<Value> grid = {batch, values.kvHeads, values.blocks, tasks};
  buildKernel(
      b, grid, /*work=*/nullptr, [&](ValueRange point) { MergeBuilder(op, values, deal, b).build(point); },
      kWarps);
}

} // namespace gqa
