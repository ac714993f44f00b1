// The schedule: one task per (batch, key/value head, block of queries, part of the keys), a loop over blocks
// of keys in each; or per several heads, and a loop over these for each block.
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
      takePart(split, values.schedule.leastKeysOfTask());
    allocate();
    forEachHead([&] {
      packQueries();
      initialize();
    });
    auto loop = scf::ForOp::create(b, begin, end, b.index(values.schedule.keys));
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      forEachHead([&] { buildBlock(loop.getInductionVar()); });
    }
    forEachHead([&] {
      if (accumulator != output)
        tile::TransposeOp::create(b, accumulator, output);
      store();
    });
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
    b.branch(isFirst, [&] { buildInit(accumulator, true); }, [&] { buildInit(accumulator, false); });
  }

  /// What the products of a block bring near: rows of K and V.
  struct Fetched {
    SmallVector<Value> duringQK, duringPV;
  };

  /// Half of the values and half of the next keys during each product: two streams at any time. Also where
  /// several tiles read the same keys, which are no nearer than L3 then. Panels are one piece of memory,
  /// which processors fetch by themselves, but for those that the task makes after the first product.
  Fetched fetchFor(Value key) {
    Fetched fetched;
    auto isKnown = [](const TokenBuffers &tokens) {
      return !cast<MemRefType>(tokens.cached.getType()).isDynamicDim(3);
    };
    if (!isKnown(values.k) || !isKnown(values.v))
      return fetched;
    Value all = b.index(values.schedule.keys), next = b.add(key, all),
          half = b.index(values.schedule.keys / 2);
    if (values.schedule.heads > 1) {
      fetched.duringQK = {shareOf(values.v, next, 0, values.valueDim),
                          shareOf(values.k, next, 0, values.keyDim)};
      fetched.duringPV = {shareOf(values.k, next, 1, values.keyDim),
                          shareOf(values.v, next, 1, values.valueDim)};
      return fetched;
    }
    auto rows = [&](const TokenBuffers &tokens, Value first, Value dim) {
      Value most = hasPanels() ? all : half, count = b.max(b.min(most, b.sub(end, first)), b.index(0));
      return rowsOf(tokens, first, count, dim).cached; // fresh tokens have just been written
    };
    if (hasPanels()) {
      if (!values.panels)
        fetched.duringQK = {rows(values.v, key, values.valueDim)};
      fetched.duringPV = {rows(values.k, next, values.keyDim)};
      return fetched;
    }
    fetched.duringQK = {rows(values.v, b.add(key, half), values.valueDim),
                        rows(values.k, next, values.keyDim)};
    fetched.duringPV = {rows(values.k, b.add(next, half), values.keyDim),
                        rows(values.v, next, values.valueDim)};
    return fetched;
  }

  /// Half `half` of what this head brings of the block of all heads that begins with `token`: tokens of all
  /// of the task's heads, or, where these are all that tokens have, rows, as tokens are one behind the other
  /// then.
  Value shareOf(const TokenBuffers &tokens, Value token, int64_t half, Value dim) {
    int64_t keys = values.schedule.keys, heads = values.schedule.heads, width = *getConstantIntValue(dim);
    bool hasAll = getConstantIntValue(values.kvHeads) == heads;
    int64_t rows = (hasAll ? keys : keys / heads) / 2, length = hasAll ? width : heads * width;
    Value zero = b.index(0);
    Value first = b.view(tokens.cached, {batch, b.sub(kvHead, headOfTask), token, zero},
                         {nullptr, nullptr, b.index(1), dim});
    auto data = memref::ExtractStridedMetadataOp::create(b, first);
    OpFoldResult stride = hasAll ? OpFoldResult(b.getIndexAttr(width)) : OpFoldResult(data.getStrides()[0]);
    Value row = b.add(b.mul(headOfTask, b.index(2 * rows)), b.index(half * rows));
    OpFoldResult offset =
        b.add(data.getOffset(), b.mul(row, getValueOrCreateConstantIndexOp(b, b.getLoc(), stride)));
    auto layout = StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic,
                                         {getConstantIntValue(stride).value_or(ShapedType::kDynamic), 1});
    auto type = MemRefType::get({rows, length}, cast<MemRefType>(first.getType()).getElementType(), layout);
    SmallVector<OpFoldResult> sizes = {b.getIndexAttr(rows), b.getIndexAttr(length)};
    SmallVector<OpFoldResult> strides = {stride, b.getIndexAttr(1)};
    return memref::ReinterpretCastOp::create(b, type, data.getBaseBuffer(), offset, sizes, strides);
  }

  void buildBlock(Value key) {
    Value keys = b.min(b.index(values.schedule.keys), b.sub(end, key));
    Fetched fetched = fetchFor(key);
    auto [used, period, diagonal] = parts(key);
    tile::QKOp::create(b, queryTile, keyTile(key, keys), scores, used, period, diagonal, fetched.duringQK,
                       transposed, interleaved, interleaved ? IntegerAttr() : values.paired,
                       values.schedule.crossed);
    if (values.scored) {
      auto score =
          tile::ScoreOp::create(b, scores, batch, head, query, key, values.group, queries, values.period,
                                keys, values.scale, values.bias, values.mask, op.getSoftcapAttr());
      if (op.hasScore())
        copyScoreRegion(op, values.captures, score.getScore(), b);
    }
    if (Value edge = isEdge(key, keys))
      b.branch(edge, [&] { tile::MaskOp::create(b, scores, query, key, values.period, keys, first, last); });
    Value hidden = tile::SoftmaxStepOp::create(b, b.getI1Type(), scores, m, l, alpha, keys, values.unit, used,
                                               probabilities);
    tile::PVOp::create(b, probabilities ? probabilities : scores, valueTile(key, keys), accumulator, alpha,
                       hidden, used, period, diagonal, fetched.duringPV, interleaved, values.paired);
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
    b.branch(isOne, [&] { buildFinish(); }, storePartial);
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
  Value groups = b.div(values.kvHeads, b.index(values.schedule.heads));
  SmallVector<Value> grid = {values.batch, groups, values.blocks, values.splits};
  buildKernel(b, grid, estimateWork(values, b),
              [&](ValueRange point) { TaskBuilder(op, values, b).build(point); });
}

} // namespace gqa
