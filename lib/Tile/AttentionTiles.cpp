// From an attention's sizes to tiles, and from there to kernels.
#include "AttentionFunction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace gqa {
namespace {

/// Rows that tiles of `period` queries of each head compute, in blocks: the last one up to its last head's
/// last query.
Value computedRows(Value period, const AttentionValues &values, IndexBuilder &b) {
  int64_t block = 2 * values.schedule.lanes; // of rows in registers
  Value one = b.index(1), others = b.sub(b.ceilDiv(values.queries, period), one);
  Value left = b.sub(values.queries, b.mul(others, period));
  Value last = b.add(b.mul(b.sub(values.group, one), period), left);
  return b.add(b.mul(others, b.roundUp(b.mul(values.group, period), block)), b.roundUp(last, block));
}

/// Of so many queries those of one tile: as many as it has room for, or, where the last tile would be left
/// with few, and gaps between its heads, as many as all others.
Value evenPeriod(Value most, const AttentionValues &values, IndexBuilder &b) {
  if (!values.schedule.transposed)
    return most; // there is one tile
  Value one = b.index(1), blocks = b.max(b.ceilDiv(values.queries, most), one);
  Value even = b.max(b.ceilDiv(values.queries, blocks), one);
  Value isLess = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::slt, computedRows(even, values, b),
                                               computedRows(most, values, b));
  return b.createOrFold<arith::SelectOp>(isLess, even, most);
}

/// Cuts the attention into tiles.
void bindTiles(AttentionValues &values, const Schedule &schedule, IndexBuilder &b) {
  values.schedule = schedule;
  values.paired = schedule.paired ? b.getI64IntegerAttr(schedule.lanes) : IntegerAttr();
  Value one = b.index(1);
  Value share = b.div(b.index(schedule.rows), b.max(values.group, one));
  values.period = evenPeriod(b.max(b.min(share, values.queries), one), values, b);
  values.blocks = b.ceilDiv(values.queries, values.period);
  Value rows = b.mul(values.group, values.period);
  values.rows = schedule.transposed ? b.roundUp(rows, schedule.lanes) : rows;
  values.stateRows = values.rows;
  if (std::optional<int64_t> few = getConstantIntValue(rows); few && !schedule.transposed)
    values.stateRows =
        b.index(*few < schedule.lanes ? llvm::PowerOf2Ceil(*few) : llvm::alignTo(*few, schedule.lanes));
  values.keyWidth = schedule.hasPanels() ? values.keyDim : b.roundUp(values.keyDim, schedule.lanes);
  values.valueWidth = b.roundUp(values.valueDim, schedule.lanes);
}

/// Splits the keys where there are few tiles, and allocates room for the states of the parts.
void bindSplits(AttentionOp op, AttentionValues &values, IndexBuilder &b) {
  Value one = b.index(1);
  Value tiles = b.mul(b.mul(values.batch, values.kvHeads), values.blocks);
  Value tasks = b.div(tiles, b.index(values.schedule.heads));
  Value wanted = b.ceilDiv(b.index(kEnoughTasks), b.max(tasks, one));
  Value most = b.ceilDiv(values.keys, b.index(values.schedule.leastKeysOfTask()));
  values.splits = b.max(b.min(wanted, most), one);
  if (getConstantIntValue(values.splits) == 1)
    return;
  Value isOne = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, values.splits, one);
  Value parts = b.createOrFold<arith::SelectOp>(isOne, b.index(0), b.mul(tiles, values.splits));
  Type type = op.getAccumulatorType();
  values.partialO = b.allocate({parts, values.rows, values.valueWidth}, type);
  values.partialM = b.allocate({parts, values.stateRows}, type);
  values.partialL = b.allocate({parts, values.stateRows}, type);
}

void buildFor(AttentionOp op, AttentionValues values, const Schedule &schedule, IndexBuilder &b) {
  bindTiles(values, schedule, b);
  bindSplits(op, values, b);
  buildPanelKernel(op, values, b);
  buildAttentionKernel(op, values, b);
  buildMergeKernel(op, values, b);
}

/// Says that bf16 products are those of f32 although the processor multiplies pairs.
void reportWidened(AttentionOp op, const CPUTarget &target) {
  bool isBF16 = cast<RankedTensorType>(op.getK().getType()).getElementType().isBF16();
  if (isBF16 && (target.amx || target.pairs) && !mayRoundQueries(op))
    remark::missed(op.getLoc(), remark::RemarkOpts::name("Widened").category("gqa-tile")) << remark::reason(
        "queries are rotated on their way and lse is a result, which bf16 queries would put "
        "out of its bounds: products are of f32, not of pairs of bf16");
}

} // namespace

void buildKernels(AttentionOp op, const AttentionValues &values, const CPUTarget &target, IndexBuilder &b) {
  reportWidened(op, target);
  Schedule general = chooseSchedule(op, op.getNumQueries(), target);
  Schedule single = chooseSchedule(op, 1, target);
  if (!mayHaveSingleQuery(op) || single.transposed == general.transposed) {
    buildFor(op, values, general, b);
    return;
  }
  // One function serves a prompt and the steps that follow it: a single query has kernels of its own.
  Value isOne = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, values.queries, b.index(1));
  auto branch = scf::IfOp::create(b, isOne, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenYield());
  AttentionValues step = values;
  step.queries = b.index(1);
  buildFor(op, step, single, b);
  b.setInsertionPoint(branch.elseYield());
  buildFor(op, values, general, b);
}

} // namespace gqa
