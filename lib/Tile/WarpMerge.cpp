// The second kernel of an attention on a GPU whose keys are split: every warp joins the states of some rows
// and columns of a tile.
#include "TileBuilder.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kColumns = 16; // of a warp: enough warps to have many loads on their way

class WarpMergeBuilder : TileBuilder {
public:
  WarpMergeBuilder(AttentionOp op, const AttentionValues &values, IndexBuilder &b)
      : TileBuilder(op, values, b) {}

  void build(ValueRange point) {
    bindPosition(point);
    Value row = b.mul(point[3], b.index(tile::kFragmentRows)), zero = b.index(0);
    Value warp = tile::WarpIdOp::create(b, b.getIndexType()), column = b.mul(warp, b.index(kColumns));
    Type f32 = b.getF32Type();
    auto perRow = tile::FragmentType::get(b.getContext(), {tile::kFragmentRows}, f32);
    auto index = tile::FragmentType::get(b.getContext(), {tile::kFragmentRows}, b.getIndexType());
    auto sums = tile::FragmentType::get(b.getContext(), {tile::kFragmentRows, kColumns}, f32);
    auto rows = tile::WarpRowsOp::create(b, index, index, row, values.period);
    auto init = tile::WarpInitOp::create(b, sums, perRow, perRow, Value(), Value());
    auto loop = scf::ForOp::create(b, zero, values.splits, b.index(1), init.getResults());
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      bindPartial(loop.getInductionVar());
      ValueRange state = loop.getRegionIterArgs();
      auto merged = tile::WarpMergeOp::create(b, state.getTypes(), state[0], state[1], state[2], partialO,
                                              partialM, partialL, row, column);
      scf::YieldOp::create(b, merged.getResults());
    }
    auto [out, lse, deadRow] = viewResults();
    auto finish = [&, out = out, deadRow = deadRow](Value lse) {
      ValueRange state = loop.getResults();
      Value mark = values.marks ? warp : Value();
      tile::WarpFinishOp::create(b, state[0], state[1], state[2], out, rows.getHead(), rows.getQuery(),
                                 column, lse, viewMarks(point[3]), mark, deadRow);
    };
    if (!lse)
      return finish(nullptr);
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, warp, zero);
    auto branch = scf::IfOp::create(b, isFirst, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenYield());
    finish(lse);
    b.setInsertionPoint(branch.elseYield());
    finish(nullptr);
  }
};

} // namespace

void buildWarpMerge(AttentionOp op, const AttentionValues &values, const WarpSchedule &schedule,
                    IndexBuilder &b) {
  if (!values.partialO)
    return;
  // With one part the first kernel has written the result.
  Value isOne = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, values.splits, b.index(1));
  Value batch = arith::SelectOp::create(b, isOne, b.index(0), values.batch);
  SmallVector<Value> grid = {batch, values.kvHeads, values.blocks,
                             b.index(schedule.rows / tile::kFragmentRows)};
  int64_t warps = *getConstantIntValue(values.valueWidth) / kColumns;
  buildKernel(
      b, grid, /*work=*/nullptr, [&](ValueRange point) { WarpMergeBuilder(op, values, b).build(point); },
      warps);
}

} // namespace gqa
