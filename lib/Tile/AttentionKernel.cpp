// The schedule: one task per (batch, key/value head, block of queries, part of the keys), a loop over blocks
// of keys in each.
#include "RegionBounds.h"
#include "TileOperands.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

/// Builds the body of the kernel for one task.
class TaskBuilder : TileOperands {
public:
  TaskBuilder(AttentionOp op, const AttentionValues &values, IndexBuilder &b) : TileOperands(op, values, b) {}

  void build(ValueRange point) {
    split = point[3];
    bindPosition(point);
    bindBand();
    if (op.hasScore())
      bindRegion();
    if (isSplit())
      takePart(split, kLeastKeysOfTask);
    allocate();
    Value queryTile = packQueries();
    initialize();
    auto loop = scf::ForOp::create(b, begin, end, b.index(values.schedule.keys));
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      buildBlock(queryTile, loop.getInductionVar());
    }
    if (accumulator != output)
      tile::TransposeOp::create(b, accumulator, output);
    store();
  }

private:
  bool isSplit() const { return static_cast<bool>(values.partialO); }

  /// Narrows [begin, end) to the keys that the region lets some query see. It begins with a whole block, so
  /// that the others are what they are without: a block of which nothing is seen changes no number.
  void bindRegion() {
    Value lastQuery = b.sub(b.add(query, queries), b.index(1));
    RegionBounds bounds(op, values, batch, query, lastQuery, b);
    if (Value behind = bounds.find(RegionBounds::Side::End))
      end = b.min(end, behind);
    if (Value from = bounds.find(RegionBounds::Side::Begin)) {
      Value skipped = b.max(b.sub(b.min(from, end), begin), b.index(0));
      begin = b.add(begin, b.roundDown(skipped, values.schedule.keys));
    }
  }

  void initialize() {
    if (!values.sinks || !isSplit()) {
      buildInit(accumulator, /*withSinks=*/true);
      return;
    }
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, split, b.index(0));
    branch(isFirst, [&] { buildInit(accumulator, true); }, [&] { buildInit(accumulator, false); });
  }

  /// Rows of K or V that are brought near, from `key` on: also where several tiles read the same keys, which
  /// are no nearer than L3 then. Interleaved products do not fetch anything.
  void prefetch(const TokenBuffers &tokens, Value key, Value dim, SmallVector<Value> &rows) {
    auto type = cast<MemRefType>(tokens.cached.getType());
    if (interleaved || ShapedType::isDynamic(type.getDimSize(3)))
      return;
    Value keys = b.max(b.min(b.index(values.schedule.keys / 2), b.sub(end, key)), b.index(0));
    rows.push_back(rowsOf(tokens, key, keys, dim).cached); // fresh tokens have just been written
  }

  void buildBlock(Value queryTile, Value key) {
    Value blockKeys = b.index(values.schedule.keys), keys = b.min(blockKeys, b.sub(end, key));
    // Half of the values and half of the next keys during each product: two streams at any time.
    Value next = b.add(key, blockKeys), half = b.index(values.schedule.keys / 2);
    SmallVector<Value> duringQK, duringPV;
    prefetch(values.v, b.add(key, half), values.valueDim, duringQK);
    prefetch(values.k, next, values.keyDim, duringQK);
    prefetch(values.k, b.add(next, half), values.keyDim, duringPV);
    prefetch(values.v, next, values.valueDim, duringPV);
    auto [used, period, diagonal] = parts(key);
    tile::QKOp::create(b, queryTile, keyTile(key, keys), scores, used, period, diagonal, duringQK, transposed,
                       interleaved, values.paired, values.schedule.crossed);
    if (values.scored) {
      auto score =
          tile::ScoreOp::create(b, scores, batch, head, query, key, values.group, queries, values.period,
                                keys, values.scale, values.bias, values.mask, op.getSoftcapAttr());
      if (op.hasScore())
        copyScoreRegion(op, values.captures, score.getScore(), b);
    }
    if (Value edge = isEdge(key, keys))
      branch(edge, [&] { tile::MaskOp::create(b, scores, query, key, values.period, keys, first, last); });
    Value hidden = tile::SoftmaxStepOp::create(b, b.getI1Type(), scores, m, l, alpha, keys, values.unit, used,
                                               probabilities);
    tile::PVOp::create(b, probabilities ? probabilities : scores, valueTile(key, keys), accumulator, alpha,
                       hidden, used, period, diagonal, duringPV, interleaved, values.paired);
  }

  /// What counts of a tile of many rows and a block from `key` on: the rows there are, and the diagonal as a
  /// period and the last key of the first query; null for all.
  std::tuple<Value, Value, Value> parts(Value key) {
    if (!transposed || interleaved)
      return {};
    Value used; // if a last tile may have fewer queries than others
    if (getConstantIntValue(b.rem(values.queries, values.period)) != 0)
      used = b.add(b.mul(b.sub(values.group, b.index(1)), values.period), queries);
    if (!last)
      return {used, nullptr, nullptr};
    return {used, values.period, b.sub(b.add(query, last), key)};
  }

  /// Whether a block has keys that some row does not see; null if none has.
  Value isEdge(Value key, Value keys) {
    SmallVector<Value> reasons;
    auto less = [&](Value x, Value y) {
      reasons.push_back(arith::CmpIOp::create(b, arith::CmpIPredicate::slt, x, y));
    };
    if (first)
      less(key, b.add(b.sub(b.add(query, queries), b.index(1)), first));
    if (last)
      less(b.add(b.add(query, last), b.index(1)), b.add(key, keys));
    Value any;
    for (Value reason : reasons)
      any = any ? arith::OrIOp::create(b, any, reason) : reason;
    return any;
  }

  /// The result, or this part's state for the merge.
  void store() {
    if (!isSplit()) {
      buildFinish();
      return;
    }
    auto storePartial = [&] {
      bindPartial(split);
      memref::CopyOp::create(b, output, partialO);
      memref::CopyOp::create(b, m, partialM);
      memref::CopyOp::create(b, l, partialL);
    };
    if (getConstantIntValue(values.splits)) { // more than 1, or there would be no parts
      storePartial();
      return;
    }
    Value isOne = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, values.splits, b.index(1));
    branch(isOne, [&] { buildFinish(); }, storePartial);
  }

  void branch(Value condition, function_ref<void()> then, function_ref<void()> otherwise = nullptr) {
    auto op = scf::IfOp::create(b, condition, /*withElseRegion=*/static_cast<bool>(otherwise));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(op.thenYield());
    then();
    if (!otherwise)
      return;
    b.setInsertionPoint(op.elseYield());
    otherwise();
  }

  Value split;
};

/// Multiply-adds of the whole attention, roughly: a causal one has half as many.
Value estimateWork(const AttentionValues &values, IndexBuilder &b) {
  Value scores = b.mul(b.mul(values.batch, b.size(values.q, 1)), b.mul(values.queries, values.keys));
  return b.mul(scores, b.add(values.keyDim, values.valueDim));
}

} // namespace

void buildAttentionKernel(AttentionOp op, const AttentionValues &values, IndexBuilder &b) {
  SmallVector<Value> grid = {values.batch, values.kvHeads, values.blocks, values.splits};
  buildKernel(b, grid, estimateWork(values, b),
              [&](ValueRange point) { TaskBuilder(op, values, b).build(point); });
}

} // namespace gqa
