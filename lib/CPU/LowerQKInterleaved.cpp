// tile.qk of interleaved operands: keys, as they lie in memory, times interleaved queries.
#include "LineStreams.h"
#include "PairSums.h"
#include "TileLowering.h"

using namespace mlir;

namespace gqa {

void lowerQKInterleaved(tile::QKOp op, VectorBuilder &b) {
  constexpr int64_t kDepth = tile::kRegisterDepth;
  Value q = op.getQ(), k = op.getK(), s = op.getS(), zero = b.index(0), two = b.index(2);
  Value width = b.size(k, 1), steps = b.ceilDiv(width, b.index(kDepth));
  int64_t rest = getConstantIntValue(width).value_or(0) % kDepth;
  int64_t blockKeys = cast<MemRefType>(s.getType()).getDimSize(0);
  PairBlocks blocks(b, b.size(k, 0), kDepth, b.div(b.size(q, 1), two));
  LineStreams streams(b, op.getPrefetch(), blockKeys);
  int64_t shares = blocks.count(blockKeys) * getConstantIntValue(steps).value_or(0);
  blocks.forEach([&](Value key, Value row, PairSums block) {
    auto step = [&](Value d, int64_t depth, ValueRange so) {
      auto left = [&](int64_t i) { return block.loadLeft(k, {block.line(key, i), d}, depth); };
      auto right = [&](int64_t j) {
        return block.loadRight(q, {b.div(d, two), b.mul(block.column(row, j), two)}, depth);
      };
      return block.multiply(so, left, right);
    };
    Value first = b.mul(blocks.number(key, row), steps);
    auto overRegister = [&](Value from, int64_t columns, ValueRange so) {
      if (shares)
        streams.fetch(b.add(first, b.divPositive(from, kDepth)), shares);
      int64_t depth = std::min(columns, PairSums::depth(b.target));
      return b.fold(zero, b.index(columns), depth, so,
                    [&](Value d, ValueRange sums) { return step(b.add(from, d), depth, sums); });
    };
    Value whole = b.sub(width, b.index(rest));
    SmallVector<Value> sums = b.fold(zero, whole, kDepth, block.zeros(), [&](Value from, ValueRange so) {
      return overRegister(from, kDepth, so);
    });
    if (rest)
      sums = overRegister(whole, rest, sums);
    block.store(s, key, row, sums);
  });
}

} // namespace gqa
