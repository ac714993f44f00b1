// Transposition by words: values as panels, and the output of interleaved products.
#include "TileLowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {

namespace {

class Panels {
public:
  Panels(tile::PackOp op, VectorBuilder &b)
      : b(b), source(op.getSource()), storage(op.getStorage()), rows(b.size(source, 0)),
        width(b.size(source, 1)), depth(b.index(tile::kRegisterDepth)), zero(b.index(0)) {}

  void build() {
    Value whole = zero;
    if (getConstantIntValue(width).value_or(0) >= b.lanes) {
      whole = b.select(b.isContiguous(source), b.div(rows, depth), zero);
      transposePanels(whole);
    }
    b.forEach(whole, b.size(storage, 0), 1, [&](Value panel) { copyElements(panel); });
    pad();
  }

private:
  /// So many whole panels, of rows that are as long as a vector at least. Two rows of keys are a row of
  /// words, and words are transposed.
  void transposePanels(Value count) {
    Value from = b.withContiguousRows(source), last = b.sub(width, b.index(b.lanes));
    bool isWhole = *getConstantIntValue(width) % b.lanes == 0;
    b.forEach(zero, count, 1, [&](Value panel) {
      b.forEach(zero, width, b.lanes, [&](Value d) {
        Value column = isWhole ? d : b.min(d, last); // what is left and some of what is done
        b.forEach(zero, depth, 2 * b.lanes, [&](Value key) { transposeBlock(from, panel, column, key); });
      });
    });
  }

  /// Lines that are no column of the source.
  void pad() {
    Type element = cast<MemRefType>(storage.getType()).getElementType();
    Value empty = arith::ConstantOp::create(b, b.getZeroAttr(element));
    b.forEach(zero, b.size(storage, 0), 1, [&](Value panel) {
      b.forEach(width, b.size(storage, 1), 1, [&](Value line) {
        b.forEach(zero, depth, 1, [&](Value key) { b.store(empty, storage, {panel, line, key}); });
      });
    });
  }

  void transposeBlock(Value from, Value panel, Value d, Value key) {
    VectorType words = b.vectorOf(b.getI32Type());
    Value sixteen = arith::ConstantOp::create(b, DenseElementsAttr::get(words, b.getI32IntegerAttr(16)));
    auto loadRow = [&](Value row) {
      Value bits = arith::BitcastOp::create(b, b.vectorOf(b.getI16Type()), b.loadVector(from, {row, d}));
      return arith::ExtUIOp::create(b, words, bits);
    };
    Value first = b.add(b.mul(panel, depth), key);
    SmallVector<Value> pairs;
    for (int64_t i = 0; i < b.lanes; ++i) {
      Value even = loadRow(b.add(first, b.index(2 * i))), odd = loadRow(b.add(first, b.index(2 * i + 1)));
      pairs.push_back(arith::OrIOp::create(b, even, arith::ShLIOp::create(b, odd, sixteen)));
    }
    auto halves = VectorType::get(2 * b.lanes, cast<MemRefType>(storage.getType()).getElementType());
    for (auto [i, pair] : llvm::enumerate(b.transposed(pairs))) {
      Value line = b.add(d, b.index(int64_t(i)));
      b.storeVector(vector::BitCastOp::create(b, halves, pair), storage, {panel, line, key});
    }
  }

  /// The last panel, which may not be full, and sources whose rows are not contiguous.
  void copyElements(Value panel) {
    Value first = b.mul(panel, depth), count = b.max(b.min(depth, b.sub(rows, first)), zero);
    Type element = cast<MemRefType>(storage.getType()).getElementType();
    Value empty = arith::ConstantOp::create(b, b.getZeroAttr(element));
    b.forEach(zero, width, 1, [&](Value d) {
      b.forEach(zero, count, 1, [&](Value key) {
        b.store(b.load(source, {b.add(first, key), d}), storage, {panel, d, key});
      });
      b.forEach(count, depth, 1, [&](Value key) { b.store(empty, storage, {panel, d, key}); });
    });
  }

  VectorBuilder &b;
  Value source, storage, rows, width, depth, zero;
};

} // namespace

void lowerPackPanels(tile::PackOp op, const CPUTarget &target) {
  VectorBuilder b(op, target, Float32Type::get(op.getContext())); // lanes are words
  Panels(op, b).build();
  Value tile = op.getStorage();
  if (tile.getType() != op.getTile().getType())
    tile = memref::CastOp::create(b, op.getTile().getType(), tile);
  op.getTile().replaceAllUsesWith(tile);
  op.erase();
}

void lowerTranspose(tile::TransposeOp op, const CPUTarget &target) {
  Value from = op.getOt(), to = op.getO();
  VectorBuilder b(op, target, cast<MemRefType>(to.getType()).getElementType());
  b.forEach(b.index(0), b.size(from, 0), b.lanes, [&](Value d) {
    b.forEach(b.index(0), b.size(from, 1), b.lanes, [&](Value row) {
      SmallVector<Value> vectors;
      for (int64_t i = 0; i < b.lanes; ++i)
        vectors.push_back(b.loadVector(from, {b.add(d, b.index(i)), row}));
      for (auto [i, vector] : llvm::enumerate(b.transposed(vectors)))
        b.storeVector(vector, to, {b.add(row, b.index(int64_t(i))), d});
    });
  });
  op.erase();
}

} // namespace gqa
