// tile.qk with few rows: blocks of queries times keys in registers, lanes along the head dimension, then sums
// across lanes.
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
      : b(b), q(op.getQ()), k(op.getK()), s(op.getS()), prefetch(op.getPrefetch()), paired(op.getPaired()) {}

  void build() {
    Value rows = b.size(q, 0), keys = b.size(k, 0);
    InnerBlock block = chooseInnerBlock(b.target, getConstantIntValue(rows).value_or(b.lanes), b.lanes);
    Value lastKey = b.sub(keys, b.index(1));
    b.forEach(b.index(0), keys, block.keys, [&](Value key) {
      SmallVector<Value> keyAt; // a block that is not full reads its last key again
      for (int64_t j = 0; j < block.keys; ++j)
        keyAt.push_back(b.min(b.add(key, b.index(j)), lastKey));
      b.blocked(rows, block.rows, 1, [&](Value row, int64_t count) { buildBlock(row, count, key, keyAt); });
    });
  }

private:
  void buildBlock(Value row, int64_t rows, Value key, ArrayRef<Value> keyAt) {
    int64_t keys = keyAt.size();
    SmallVector<Value> rowAt, zeros(rows * keys, b.splat(0.0));
    for (int64_t i = 0; i < rows; ++i)
      rowAt.push_back(b.add(row, b.index(i)));
    SmallVector<Value> partial = sumAlong(zeros, [&](Value d, ValueRange sums) {
      SmallVector<Value> next(sums);
      auto addProducts = [&](ArrayRef<Value> keyVectors, Value column) {
        for (int64_t i = 0; i < rows; ++i) {
          Value query = b.loadVector(q, {rowAt[i], column});
          for (int64_t j = 0; j < keys; ++j)
            next[i * keys + j] = b.fma(query, keyVectors[j], next[i * keys + j]);
        }
      };
      SmallVector<Value> first, second;
      for (Value at : keyAt) {
        if (paired) {
          auto [even, odd] = b.loadPairs(k, {at, d});
          first.push_back(even);
          second.push_back(odd);
        } else {
          first.push_back(b.widen(b.loadVector(k, {at, d}), b.element));
        }
      }
      addProducts(first, d);
      if (paired)
        addProducts(second, b.add(d, b.index(b.lanes)));
      if (prefetch && getConstantIntValue(row).value_or(0) == 0)
        prefetchPart(key, d, keys);
      return next;
    });
    int64_t width = llvm::PowerOf2Ceil(keys);
    for (int64_t i = 0; i < rows; ++i) {
      SmallVector<Value> vectors(ArrayRef(partial).slice(i * keys, keys));
      vectors.resize(width, vectors.back());
      Value scores = b.sums(vectors, width)[0];
      if (width != keys) {
        SmallVector<int64_t> used = llvm::to_vector(llvm::seq<int64_t>(0, keys));
        scores = vector::ShuffleOp::create(b, scores, scores, used);
      }
      vector::StoreOp::create(b, scores, s, ValueRange{rowAt[i], key});
    }
  }

  /// Columns of one step: a vector, or a pair of them.
  int64_t stepWidth() const { return paired ? 2 * b.lanes : b.lanes; }

  /// A loop over the head dimension; without one where it is short, so that the processor sees the next
  /// block's work while it adds up this one's.
  SmallVector<Value> sumAlong(ArrayRef<Value> init,
                              function_ref<SmallVector<Value>(Value, ValueRange)> step) {
    Value width = b.size(q, 1);
    constexpr int64_t kUnrolled = 32;
    std::optional<int64_t> known = getConstantIntValue(width);
    if (!known || *known > kUnrolled * b.lanes)
      return b.fold(b.index(0), width, stepWidth(), init, step);
    SmallVector<Value> sums(init);
    for (int64_t d = 0; d < *known; d += stepWidth())
      sums = step(b.index(d), sums);
    return sums;
  }

  /// This step's share of the lines of `keys` rows, in the order of their addresses, which is what a
  /// processor's own prefetcher follows; and not all at once, as it waits for few misses at a time.
  void prefetchPart(Value key, Value d, int64_t keys) {
    auto type = cast<MemRefType>(prefetch.getType());
    std::optional<int64_t> at = getConstantIntValue(d), width = getConstantIntValue(b.size(q, 1));
    if (!at || !width)
      return;
    int64_t line = kLineBits / type.getElementTypeBitWidth();
    int64_t linesOfRow = llvm::divideCeil(type.getDimSize(1), line), lines = keys * linesOfRow;
    for (int64_t i = *at * lines / *width; i < (*at + stepWidth()) * lines / *width; ++i)
      b.prefetch(prefetch, {b.add(key, b.index(i / linesOfRow)), b.index(i % linesOfRow * line)});
  }

  VectorBuilder &b;
  Value q, k, s, prefetch;
  bool paired;
};

} // namespace

void lowerQK(tile::QKOp op, const CPUTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getS().getType()).getElementType());
  if (op.getInterleaved())
    lowerQKInterleaved(op, b);
  else if (op.getTransposed())
    lowerQKTransposed(op, b);
  else
    InnerProduct(op, b).build();
  op.erase();
}

} // namespace gqa
