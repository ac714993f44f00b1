// tile.qk with few rows: blocks of keys times queries in registers, lanes along the head dimension, then sums
// across lanes.
#include "LineStreams.h"
#include "RegisterBlocks.h"
#include "TileLowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {

void lowerQKTransposed(tile::QKOp op, VectorBuilder &b);
void lowerQKInterleaved(tile::QKOp op, VectorBuilder &b);

namespace {

class InnerProduct {
public:
  InnerProduct(tile::QKOp op, VectorBuilder &b)
      : kernel(op->getParentOfType<tile::KernelOp>()), b(b), q(op.getQ()), k(op.getK()), s(op.getS()),
        paired(op.getPaired()), interleaved(op.getInterleaved()), crossed(op.getCrossed()),
        rows(b.size(q, 0)), allRows(cast<MemRefType>(s.getType()).getDimSize(1)),
        blockKeys(cast<MemRefType>(s.getType()).getDimSize(0)), streams(b, op.getPrefetch(), blockKeys) {}

  void build() {
    Value keys = b.size(k, 0), lastKey = b.sub(keys, b.index(1));
    block = chooseInnerBlock(b.target, getConstantIntValue(rows).value_or(b.lanes), b.lanes);
    keepInRegisters();
    b.forEach(b.index(0), keys, block.keys, [&](Value key) {
      SmallVector<Value> keyAt; // a block that is not full reads its last key again
      for (int64_t j = 0; j < block.keys; ++j)
        keyAt.push_back(b.min(b.add(key, b.index(j)), lastKey));
      buildRows(key, keyAt);
    });
  }

private:
  /// AVX2's registers are just enough for the sums and the operands. Odd numbers of bf16 are made with a zero
  /// beside them, for which LLVM's models of Intel's processors, and of none in particular, leave no room:
  /// sums go to the stack on their way.
  void keepInRegisters() {
    bool isFull = block.rows * block.keys + block.keys + 1 == int64_t(b.target.registers);
    bool isBF16 = cast<MemRefType>(k.getType()).getElementType().isBF16();
    if (kernel && isFull && isBF16 && !interleaved)
      kernel->setAttr(kSchedulingModel, b.getStringAttr("znver3"));
  }

  /// All rows times a few keys.
  void buildRows(Value key, ArrayRef<Value> keyAt) {
    std::optional<int64_t> known = getConstantIntValue(rows);
    if (!known) {
      b.blocked(rows, block.rows, 1, [&](Value row, int64_t count) { buildBlock(row, count, key, keyAt); });
      return;
    }
    for (int64_t row = 0; row < *known; row += block.rows)
      buildBlock(b.index(row), std::min(*known - row, block.rows), key, keyAt);
  }

  void buildBlock(Value row, int64_t rows, Value key, ArrayRef<Value> keyAt) {
    int64_t keys = keyAt.size();
    int64_t count = rows * keys, steps = stepsOfIteration() * (paired ? 2 : 1);
    int64_t sets = std::min(setsOfSums(b.target, count), steps);
    SmallVector<Value> rowAt, zeros(sets * count, b.splat(0.0));
    for (int64_t i = 0; i < rows; ++i)
      rowAt.push_back(b.add(row, b.index(i)));
    int64_t turn = 0;
    auto nextSet = [&](SmallVector<Value> &sums) {
      return MutableArrayRef(sums).slice(turn++ % sets * count, count);
    };
    SmallVector<Value> ofSets = sumAlong(zeros, row, key, [&](Value d, ValueRange sums) {
      SmallVector<Value> next(sums);
      addProducts(rowAt, keyAt, d, /*odd=*/false, nextSet(next));
      if (paired) {
        b.keepOrder(); // words are loaded again: they and both halves are more than there are registers
        addProducts(rowAt, keyAt, d, /*odd=*/true, nextSet(next));
      }
      return next;
    });
    SmallVector<Value> partial = b.addSets(ofSets, count);
    bool isCrossed = crossed && rows == tile::kCrossedRows;
    storeSums(row, rows, key, keys, isCrossed ? uncross(partial) : partial, isCrossed ? rows : 1);
  }

  /// Adds the products of one vector, or of one half of the pairs, along the head dimension.
  void addProducts(ArrayRef<Value> rowAt, ArrayRef<Value> keyAt, Value d, bool odd,
                   MutableArrayRef<Value> sums) {
    SmallVector<Value> keyVectors;
    for (Value at : keyAt)
      keyVectors.push_back(loadKeys(at, d, odd));
    Value column = odd ? b.add(d, b.index(b.lanes)) : d;
    for (auto [i, row] : llvm::enumerate(rowAt)) {
      Value query = interleaved ? b.loadHalves(q, {row, column}) : b.loadVector(q, {row, column});
      for (auto [j, vector] : llvm::enumerate(keyVectors)) {
        Value &sum = sums[j * rowAt.size() + i];
        sum = interleaved ? b.addPairs(query, vector, sum) : b.fma(query, vector, sum);
      }
    }
  }

  Value loadKeys(Value key, Value d, bool odd) {
    if (interleaved)
      return b.loadHalves(k, {key, d});
    if (!paired)
      return b.widen(b.loadVector(k, {key, d}), b.element);
    auto [first, second] = b.loadPairs(k, {key, d});
    return odd ? second : first;
  }

  /// Of the accumulators of each key's crossed rows one vector, whose lanes are sums of row 0 to 3 in turn.
  SmallVector<Value> uncross(SmallVector<Value> sums) {
    SmallVector<Value> ofKeys;
    for (size_t key = 0; key < sums.size(); key += tile::kCrossedRows) {
      for (int64_t bit = 1; bit < tile::kCrossedRows; bit *= 2)
        for (int64_t i = 0; i < tile::kCrossedRows; i += 2 * bit)
          sums[key + i] = b.addF(sums[key + i], b.exchange(sums[key + i + bit], bit));
      ofKeys.push_back(sums[key]);
    }
    return ofKeys;
  }

  /// Adds up lanes, and stores what becomes of `sums`, key after key. Columns behind the rows become zero. A
  /// vector has sums of one row or, in turn, of all.
  void storeSums(Value row, int64_t rows, Value key, int64_t keys, ArrayRef<Value> sums, int64_t ofVector) {
    int64_t first = getConstantIntValue(row).value_or(0), known = getConstantIntValue(this->rows).value_or(0);
    bool isLast = first + rows == known && !ShapedType::isDynamic(allRows);
    int64_t columns = isLast ? allRows - first : rows;
    int64_t perKey = isLast ? std::min<int64_t>(columns, llvm::PowerOf2Ceil(block.rows)) : rows;
    int64_t vectorsOfKey = rows / ofVector;
    SmallVector<Value> vectors;
    for (int64_t j = 0; j < keys; ++j) {
      llvm::append_range(vectors, sums.slice(j * vectorsOfKey, vectorsOfKey));
      vectors.append(perKey - rows, b.splat(0.0)); // none if they are crossed
    }
    Value place = b.add(b.mul(key, b.size(s, 1)), row);
    storeTotals(vectors, ofVector, perKey, place);
    for (int64_t j = 0; j < keys && perKey < columns; ++j)
      b.forEach(b.index(first + perKey), b.index(allRows), 1,
                [&](Value column) { b.store(b.scalar(0.0), s, {b.add(key, b.index(j)), column}); });
  }

  /// Stores the totals of `vectors`, `perKey` of them for every key, from `place` in s on.
  void storeTotals(SmallVector<Value> &vectors, int64_t ofVector, int64_t perKey, Value place) {
    int64_t count = vectors.size() * ofVector, width = llvm::isPowerOf2_64(perKey) ? perKey : 1;
    if (perKey == allRows) // one vector may hold the scores of several keys
      width = std::min<int64_t>(count & -count, b.lanes);
    // As many vectors are added up together as one has room for, and what is left as a power of two.
    int64_t rest = vectors.size() % (b.lanes / ofVector);
    vectors.append(llvm::PowerOf2Ceil(rest) - rest, b.splat(0.0));
    Value scores = b.flat(s);
    for (auto [piece, totals] : llvm::enumerate(b.sums(vectors, width, ofVector))) {
      int64_t begin = piece * width;
      if (begin >= count)
        break;
      Value inKey = b.add(b.mul(b.index(begin / perKey), b.size(s, 1)), b.index(begin % perKey));
      Value at = b.add(place, inKey);
      if (width == 1)
        b.store(totals, scores, at);
      else
        vector::StoreOp::create(b, totals, scores, at);
    }
  }

  /// Columns of one step: a vector, a pair of them, or a vector of pairs.
  int64_t stepWidth() const { return paired || interleaved ? 2 * b.lanes : b.lanes; }

  /// A loop over the head dimension for a block at `row` and `key`. Its iterations are long enough to hide
  /// their ends, and each fetches its share of lines.
  SmallVector<Value> sumAlong(ArrayRef<Value> init, Value row, Value key,
                              function_ref<SmallVector<Value>(Value, ValueRange)> step) {
    Value width = b.size(q, 1);
    int64_t together = stepsOfIteration(), length = together * stepWidth();
    return b.fold(b.index(0), width, length, init, [&](Value d, ValueRange so) {
      SmallVector<Value> sums(so);
      for (int64_t i = 0; i < together; ++i) {
        fetch(row, key, d, length, i);
        sums = step(b.add(d, b.index(i * stepWidth())), sums);
      }
      return sums;
    });
  }

  int64_t stepsOfIteration() {
    std::optional<int64_t> width = getConstantIntValue(b.size(q, 1));
    int64_t together = paired ? 2 : 4; // vectors of queries: four
    while (together > 1 && (!width || *width % (together * stepWidth()) != 0))
      together /= 2;
    return together;
  }

  /// The share of lines of the iteration at `d`, in front of each of its steps a part.
  void fetch(Value row, Value key, Value d, int64_t length, int64_t part) {
    std::optional<int64_t> allRows = getConstantIntValue(rows), width = getConstantIntValue(b.size(q, 1));
    if (streams.empty() || !allRows || !width)
      return;
    int64_t steps = *width / length, blocks = llvm::divideCeil(*allRows, block.rows);
    Value index =
        b.add(b.mul(b.div(key, b.index(block.keys)), b.index(blocks)), b.div(row, b.index(block.rows)));
    Value number = b.add(b.mul(index, b.index(steps)), b.divPositive(d, length));
    int64_t shares = llvm::divideCeil(blockKeys, block.keys) * blocks * steps;
    streams.fetch(number, shares, part, length / stepWidth());
  }

  tile::KernelOp kernel; // null in a test
  VectorBuilder &b;
  Value q, k, s;
  bool paired, interleaved, crossed;
  Value rows;
  int64_t allRows, blockKeys; // sizes of s
  LineStreams streams;
  InnerBlock block;
};

} // namespace

void lowerQK(tile::QKOp op, const CPUTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getS().getType()).getElementType());
  if (op.getInterleaved() && op.getTransposed())
    lowerQKInterleaved(op, b);
  else if (op.getTransposed())
    lowerQKTransposed(op, b);
  else
    InnerProduct(op, b).build();
  op.erase();
}

} // namespace gqa
