// tile.qk with many rows: an outer product for every element of the head dimension, vectors of rows times
// single numbers of keys. Nothing is summed across lanes.
#include "Diagonal.h"
#include "LineStreams.h"
#include "RegisterBlocks.h"
#include "TileLowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {

/// The head dimension in two halves, where it is long: two short sums round less than a long one, as those of
/// the lanes do in other forms. Heads of 128 are one sum, as in matrix products: two took 4 % longer. `part`
/// is null if there is one.
static void forEachPart(VectorBuilder &b, Value dim, function_ref<void(Value, Value, Value)> body) {
  constexpr int64_t kShort = 128;
  if (getConstantIntValue(dim).value_or(kShort + 1) <= kShort)
    return body(nullptr, b.index(0), dim);
  Value half = b.ceilDiv(dim, b.index(2));
  b.forEach(b.index(0), b.index(2), 1, [&](Value part) {
    Value from = b.mul(part, half);
    body(part, from, b.min(b.add(from, half), dim));
  });
}

void lowerQKTransposed(tile::QKOp op, VectorBuilder &b) {
  Value q = op.getQ(), k = op.getK(), s = op.getS();
  Value rows = b.size(q, 1), keys = b.size(k, 0), dim = b.size(k, 1);
  std::optional<int64_t> vectors = getConstantIntValue(rows);
  if (vectors)
    *vectors /= b.lanes;
  RegisterBlock block = chooseRegisterBlock(b.target, vectors, std::nullopt);
  Value lastKey = b.sub(keys, b.index(1));
  auto type = cast<MemRefType>(s.getType());
  Diagonal diagonal(b, rows, keys, op.getPeriod(), op.getLast());
  LineStreams streams(b, op.getPrefetch(), type.getDimSize(0));
  int64_t blocks = llvm::divideCeil(type.getDimSize(0), block.scalars);
  int64_t panels = llvm::divideCeil(type.getDimSize(1), block.vectors * b.lanes);

  // `count` vectors of rows, which stay in L1 while all keys pass by.
  auto buildPanel = [&](Value firstRow, int64_t count) {
    SmallVector<Value> rowAt;
    for (int64_t i = 0; i < count; ++i)
      rowAt.push_back(b.add(firstRow, b.index(i * b.lanes)));
    b.forEach(b.index(0), diagonal.keysSeen(firstRow, count * b.lanes), block.scalars, [&](Value key) {
      if (!streams.empty() && !ShapedType::isDynamic(type.getDimSize(1))) {
        Value panel = b.div(firstRow, b.index(block.vectors * b.lanes));
        Value number = b.add(b.mul(panel, b.index(blocks)), b.div(key, b.index(block.scalars)));
        streams.fetch(number, panels * blocks);
      }
      SmallVector<Value> keyAt; // a block that is not full reads its last key again
      for (int64_t j = 0; j < block.scalars; ++j)
        keyAt.push_back(b.min(b.add(key, b.index(j)), lastKey));
      forEachPart(b, dim, [&](Value part, Value from, Value to) {
        SmallVector<Value> zeros(block.scalars * count, b.splat(0.0));
        SmallVector<Value> sums = b.fold(from, to, 1, zeros, [&](Value d, ValueRange so) {
          SmallVector<Value> queries, next;
          for (Value at : rowAt)
            queries.push_back(b.loadVector(q, {d, at}));
          for (int64_t j = 0; j < block.scalars; ++j) {
            Value number = b.splat(b.load(k, {keyAt[j], d}));
            for (int64_t i = 0; i < count; ++i)
              next.push_back(b.fma(number, queries[i], so[j * count + i]));
          }
          return next;
        });
        for (int64_t j = 0; j < block.scalars; ++j)
          for (int64_t i = 0; i < count; ++i) {
            SmallVector<Value> at = {b.add(key, b.index(j)), rowAt[i]};
            Value sum = sums[j * count + i];
            if (part) {
              Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, part, b.index(0));
              sum = b.addF(sum, b.select(isFirst, b.splat(0.0), b.loadVector(s, at)));
            }
            b.storeVector(sum, s, at);
          }
      });
    });
  };
  Value vectorCount = b.div(rows, b.index(b.lanes));
  Value used = op.getRows() ? b.ceilDiv(op.getRows(), b.index(b.lanes)) : Value();
  b.blocked(
      vectorCount, block.vectors, 1,
      [&](Value at, int64_t count) { buildPanel(b.mul(at, b.index(b.lanes)), count); }, used);
}

} // namespace gqa
