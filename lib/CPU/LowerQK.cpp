// tile.qk: blocks of queries times keys in registers, lanes along the head dimension.
#include "TileLowering.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {
namespace {

class Product {
public:
  Product(tile::QKOp op, VectorBuilder &b) : b(b), q(op.getQ()), k(op.getK()), s(op.getS()) {}

  void build() {
    // A block's sums fill one vector: rows x keys = lanes, as far as registers hold an accumulator for each.
    int64_t keys = std::min<int64_t>(4, b.lanes);
    int64_t rows = b.target.registers >= 32 ? 4 : 2;
    Value allRows = b.size(q, 0), allKeys = b.size(k, 0);
    b.blocked(allRows, rows, [&](Value row, int64_t rowCount) {
      b.blocked(allKeys, keys,
                [&](Value key, int64_t keyCount) { buildBlock(row, rowCount, key, keyCount); });
    });
  }

private:
  void buildBlock(Value row, int64_t rows, Value key, int64_t keys) {
    SmallVector<Value> rowAt, keyAt;
    for (int64_t i = 0; i < rows; ++i)
      rowAt.push_back(b.add(row, b.index(i)));
    for (int64_t j = 0; j < keys; ++j)
      keyAt.push_back(b.add(key, b.index(j)));
    SmallVector<Value> zeros(rows * keys, b.splat(0.0));
    SmallVector<Value> partial =
        b.fold(b.index(0), b.size(k, 1), b.lanes, zeros, [&](Value d, ValueRange sums) {
          SmallVector<Value> keyVectors, next;
          for (Value at : keyAt)
            keyVectors.push_back(b.loadVector(k, {at, d}));
          for (int64_t i = 0; i < rows; ++i) {
            Value query = b.loadVector(q, {rowAt[i], d});
            for (int64_t j = 0; j < keys; ++j)
              next.push_back(b.fma(query, keyVectors[j], sums[i * keys + j]));
          }
          return next;
        });
    for (auto [at, scores] : llvm::zip(rowAt, b.sums(partial, keys))) {
      if (keys == 1)
        b.store(scores, s, {at, key});
      else
        vector::StoreOp::create(b, scores, s, ValueRange{at, key});
    }
  }

  VectorBuilder &b;
  Value q, k, s;
};

} // namespace

void lowerQK(tile::QKOp op, const VectorTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getS().getType()).getElementType());
  Product(op, b).build();
  op.erase();
}

} // namespace gqa
