// The schedule: one task per (batch, key/value head, block of queries), a loop over blocks of keys in each.
#include "AttentionFunction.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

/// Positions and windows are below 2^60. An offset beyond this is beyond any window's reach as well, and no
/// sum of the three overflows.
constexpr int64_t kFar = int64_t(1) << 61;

/// Builds the body of the kernel for one task.
class TaskBuilder {
public:
  TaskBuilder(AttentionOp op, const AttentionValues &values, const Schedule &schedule, IndexBuilder &b)
      : op(op), values(values), schedule(schedule), b(b) {}

  void build(ValueRange point) {
    bindPosition(point);
    bindBand();
    allocate();
    Value zero = b.index(0);
    Value queryTile =
        pack(b.view(values.q, {batch, head, query, zero}, {nullptr, values.group, queries, values.keyDim}),
             scratch({maxRows(), keyWidth}));
    Value sinks = values.sinks ? b.view(values.sinks, {head}, {values.group}) : Value();
    tile::InitOp::create(b, output, m, l, sinks);
    auto loop = scf::ForOp::create(b, begin, end, b.index(schedule.keys));
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      buildBlock(queryTile, loop.getInductionVar());
    }
    buildFinish();
  }

private:
  /// An element of a per-batch operand, which has one element for all or one for each.
  Value perBatch(Value operand) {
    Value last = b.sub(b.size(operand, 0), b.index(1));
    Value element = memref::LoadOp::create(b, operand, ValueRange(b.min(batch, last)));
    return arith::IndexCastOp::create(b, b.getIndexType(), element);
  }

  void bindPosition(ValueRange point) {
    batch = point[0];
    kvHead = point[1];
    head = b.mul(kvHead, values.group);
    // Later queries of a causal attention see more keys: they go first, so that the last tasks are short.
    Value block = op.getCausal() ? b.sub(b.sub(values.blocks, b.index(1)), point[2]) : point[2];
    if (getConstantIntValue(values.blocks) == 1)
      block = b.index(0); // so that the sizes of a decode step are known
    query = b.mul(block, values.blockQueries);
    queries = b.min(values.blockQueries, b.sub(values.queries, query));
    rows = b.mul(values.group, queries);
  }

  /// The keys that a query may see as offsets from its own position, and the keys that any query of the tile
  /// sees.
  void bindBand() {
    Value zero = b.index(0);
    visible = values.keys;
    if (values.kvLen)
      visible = b.max(b.min(perBatch(values.kvLen), values.keys), zero);
    begin = zero;
    end = visible;
    ArrayRef<int64_t> window = op.getWindow().value_or(ArrayRef<int64_t>{-1, -1});
    auto clamp = [](int64_t position) { return std::clamp(position, -kFar, kFar); };
    Value offset = values.offsets ? b.max(b.min(perBatch(values.offsets), b.index(kFar)), b.index(-kFar))
                                  : b.index(clamp(op.getConstantOffset().value_or(0)));
    if (window[0] >= 0)
      first = b.sub(offset, b.index(clamp(window[0])));
    if (window[1] >= 0)
      last = b.add(offset, b.index(clamp(window[1])));
    if (op.getCausal())
      last = last ? b.min(last, offset) : offset;
    if (first)
      begin = b.max(zero, b.add(query, first));
    if (last)
      end = b.min(end, b.add(b.add(query, queries), last));
  }

  Value maxRows() { return b.mul(values.group, values.blockQueries); }

  Value scratch(ArrayRef<Value> sizes) {
    SmallVector<int64_t> shape;
    SmallVector<Value> dynamic;
    for (Value size : sizes) {
      shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
      if (ShapedType::isDynamic(shape.back()))
        dynamic.push_back(size);
    }
    return tile::ScratchOp::create(b, MemRefType::get(shape, op.getAccumulatorType()), dynamic);
  }

  /// Scratch of maxRows() rows, of which this tile uses the first `rows`.
  Value rowScratch(Value width = nullptr) {
    if (!width)
      return b.view(scratch({maxRows()}), {b.index(0)}, {rows});
    return b.view(scratch({maxRows(), width}), {b.index(0), b.index(0)}, {rows, width});
  }

  void allocate() {
    keyWidth = b.roundUp(values.keyDim, kPadding);
    valueWidth = b.roundUp(values.valueDim, kPadding);
    keyRoom = scratch({b.index(schedule.keys), keyWidth});
    valueRoom = scratch({b.index(schedule.keys), valueWidth});
    scores = rowScratch(b.index(schedule.keys));
    output = rowScratch(valueWidth);
    m = rowScratch();
    l = rowScratch();
    alpha = rowScratch();
  }

  Value pack(Value source, Value room) {
    int64_t width = cast<MemRefType>(room.getType()).getDimSize(1);
    Type type = contiguousRowsType({ShapedType::kDynamic, width}, op.getAccumulatorType());
    return tile::PackOp::create(b, type, source, room);
  }

  void buildBlock(Value queryTile, Value key) {
    Value keys = b.min(b.index(schedule.keys), b.sub(end, key)), zero = b.index(0);
    Value keyRows = b.view(values.k, {batch, kvHead, key, zero}, {nullptr, nullptr, keys, values.keyDim});
    tile::QKOp::create(b, queryTile, pack(keyRows, keyRoom), scores);
    auto score = tile::ScoreOp::create(b, scores, batch, head, query, key, queries, keys, values.scale, first,
                                       last, values.bias, values.mask, op.getSoftcapAttr());
    if (op.hasScore())
      copyScoreRegion(op, values.captures, score.getScore(), b);
    tile::SoftmaxStepOp::create(b, scores, m, l, alpha, keys);
    Value valueRows = b.view(values.v, {batch, kvHead, key, zero}, {nullptr, nullptr, keys, values.valueDim});
    tile::PVOp::create(b, scores, pack(valueRows, valueRoom), output, alpha);
  }

  void buildFinish() {
    Value zero = b.index(0), lse, all;
    Value rowsOut =
        b.view(values.output, {batch, head, query, zero}, {nullptr, values.group, queries, values.valueDim});
    if (values.lse)
      lse = b.view(values.lse, {batch, head, query}, {nullptr, values.group, queries});
    // With a sink no row is dead: a row that sees no key is the sink's own zeros.
    auto deadRow = values.sinks ? DeadRowAttr::get(op.getContext(), DeadRow::Zero) : op.getDeadRowAttr();
    if (deadRow.getValue() == DeadRow::Uniform)
      all = b.view(values.v, {batch, kvHead, zero, zero}, {nullptr, nullptr, visible, values.valueDim});
    tile::FinishOp::create(b, output, m, l, rowsOut, lse, all, deadRow);
  }

  AttentionOp op;
  const AttentionValues &values;
  const Schedule &schedule;
  IndexBuilder &b;
  Value batch, kvHead, head, query, queries, rows; // where the tile is
  Value visible, begin, end, first, last;          // keys: below kv_len; of the loop; the band
  Value keyWidth, valueWidth, keyRoom, valueRoom, scores, output, m, l, alpha;
};

} // namespace

void buildAttentionKernel(AttentionOp op, const AttentionValues &values, const Schedule &schedule,
                          IndexBuilder &b) {
  SmallVector<Value> grid = {values.batch, values.kvHeads, values.blocks};
  auto kernel = tile::KernelOp::create(b, grid);
  OpBuilder::InsertionGuard guard(b);
  Block *block = b.createBlock(&kernel.getBody());
  for (size_t dim = 0; dim < grid.size(); ++dim)
    block->addArgument(b.getIndexType(), op.getLoc());
  TaskBuilder(op, values, schedule, b).build(block->getArguments());
  tile::YieldOp::create(b);
}

} // namespace gqa
