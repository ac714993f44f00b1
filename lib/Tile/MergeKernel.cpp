// The second kernel of an attention whose keys are split: one task per tile joins the states of its parts.
#include "TileBuilder.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

class MergeBuilder : TileBuilder {
public:
  MergeBuilder(AttentionOp op, const AttentionValues &values, IndexBuilder &b) : TileBuilder(op, values, b) {}

  void build(ValueRange point) {
    bindPosition(point);
    bindBand(); // for the keys of a dead row
    allocateState();
    buildInit(output, /*withSinks=*/false);
    auto loop = scf::ForOp::create(b, b.index(0), values.splits, b.index(1));
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      bindPartial(loop.getInductionVar());
      tile::MergeOp::create(b, partialO, partialM, partialL, output, m, l, values.unit);
    }
    buildFinish();
  }
};

} // namespace

void buildMergeKernel(AttentionOp op, const AttentionValues &values, IndexBuilder &b) {
  if (!values.partialO)
    return;
  Value isOne = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, values.splits, b.index(1));
  // With one part the first kernel has written the result.
  Value batch = b.createOrFold<arith::SelectOp>(isOne, b.index(0), values.batch);
  SmallVector<Value> grid = {batch, values.kvHeads, values.blocks};
  Value work = b.mul(b.mul(values.batch, b.size(values.q, 1)),
                     b.mul(b.mul(values.queries, values.splits), values.valueDim));
  buildKernel(b, grid, work, [&](ValueRange point) { MergeBuilder(op, values, b).build(point); });
}

} // namespace gqa
