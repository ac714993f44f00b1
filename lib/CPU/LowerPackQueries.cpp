// tile.pack of queries: rows, or columns where rows are in the lanes of vectors.
#include "TileLowering.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {
namespace {

/// Copies the elements of one query to a row, a column, or as words to every second place of two columns.
void packQuery(tile::PackOp op, VectorBuilder &b, Value head, Value query, Value row) {
  Value source = op.getSource(), storage = op.getStorage(), two = b.index(2);
  auto load = [&](Value d) { return b.widen(b.load(source, {head, query, d}), b.element); };
  b.forEach(b.index(0), b.size(source, 2), op.getInterleaved() ? 2 : 1, [&](Value d) {
    if (op.getInterleaved()) {
      Value even = load(d), odd = load(b.add(d, b.index(1)));
      auto words = VectorType::get(2, b.element);
      b.storeVector(vector::FromElementsOp::create(b, words, ValueRange{even, odd}), storage,
                    {b.div(d, two), b.mul(row, two)});
    } else if (op.getTransposed()) {
      b.store(load(d), storage, {d, row});
    } else {
      b.store(load(d), storage, {row, b.pairedColumn(d, op.getPaired().has_value())});
    }
  });
}

/// The even and the odd ones of two vectors' worth of elements, as f32.
std::pair<Value, Value> loadEvenAndOdd(VectorBuilder &b, Value source, ValueRange at) {
  if (cast<MemRefType>(source.getType()).getElementType().isBF16())
    return b.loadPairs(source, at);
  SmallVector<Value> behind(at);
  behind.back() = b.add(behind.back(), b.index(b.lanes));
  Value first = b.widen(b.loadVector(source, at), b.element);
  Value second = b.widen(b.loadVector(source, behind), b.element);
  auto everySecond = [&](int64_t from) -> Value {
    auto lanes = llvm::map_to_vector(llvm::seq<int64_t>(b.lanes), [&](int64_t i) { return 2 * i + from; });
    return vector::ShuffleOp::create(b, first, second, lanes);
  };
  return {everySecond(0), everySecond(1)};
}

/// Copies one query, whose elements are next to each other in `from`, to a row: vectors, then what is left.
void packRow(tile::PackOp op, VectorBuilder &b, Value from, Value head, Value query, Value row) {
  Value storage = op.getStorage(), width = b.size(from, 2);
  if (op.getPaired()) { // and therefore whole pairs of vectors
    b.forEach(b.index(0), width, 2 * b.lanes, [&](Value d) {
      auto [even, odd] = loadEvenAndOdd(b, from, {head, query, d});
      b.storeVector(even, storage, {row, d});
      b.storeVector(odd, storage, {row, b.add(d, b.index(b.lanes))});
    });
    return;
  }
  Value whole = b.roundDown(width, b.lanes);
  b.forEach(b.index(0), whole, b.lanes, [&](Value d) {
    b.storeVector(b.widen(b.loadVector(from, {head, query, d}), b.element), storage, {row, d});
  });
  b.forEach(whole, width, 1,
            [&](Value d) { b.store(b.widen(b.load(from, {head, query, d}), b.element), storage, {row, d}); });
}

/// Crosses every whole four rows, in place: their vectors exchange lanes whose numbers have bit 0, then
/// bit 1. A lane is a number of f32 or a pair of bf16.
void crossRows(VectorBuilder &b, Value storage) {
  constexpr int64_t kRows = tile::kCrossedRows;
  int64_t lanes = b.target.lanes(Float32Type::get(b.getContext()));
  auto words = VectorType::get(lanes, b.getF32Type());
  auto takeOdd = [&](Value even, Value odd, int64_t bit) -> Value {
    auto from = llvm::map_to_vector(llvm::seq<int64_t>(lanes),
                                    [&](int64_t lane) { return lane & bit ? lanes + lane : lane; });
    return vector::ShuffleOp::create(b, even, odd, from);
  };
  b.forEach(b.index(0), b.roundDown(b.size(storage, 0), kRows), kRows, [&](Value first) {
    b.forEach(b.index(0), b.size(storage, 1), b.lanes, [&](Value d) {
      SmallVector<Value> rows;
      for (int64_t i = 0; i < kRows; ++i)
        rows.push_back(
            b.createOrFold<vector::BitCastOp>(words, b.loadVector(storage, {b.add(first, b.index(i)), d})));
      for (int64_t bit = 1; bit < kRows; bit *= 2) {
        SmallVector<Value> before = rows;
        for (int64_t i = 0; i < kRows; ++i)
          rows[i] = takeOdd(before[i], before[i ^ bit], bit);
      }
      for (int64_t i = 0; i < kRows; ++i) {
        Value row = b.createOrFold<vector::BitCastOp>(b.vectorOf(b.element), rows[i]);
        b.storeVector(row, storage, {b.add(first, b.index(i)), d});
      }
    });
  });
}

/// Copies a block of queries of a head as words to pairs of columns: as many queries as a vector has words.
void packWords(tile::PackOp op, VectorBuilder &b, Value from, Value head, Value query, Value row) {
  Value storage = op.getStorage(), two = b.index(2), column = b.mul(row, two);
  int64_t count = b.lanes / 2;
  auto words = VectorType::get(count, b.getI32Type());
  Value width = b.size(from, 2), last = b.sub(width, b.index(b.lanes));
  bool isWhole = *getConstantIntValue(width) % b.lanes == 0;
  b.forEach(b.index(0), width, b.lanes, [&](Value begin) {
    Value d = isWhole ? begin : b.min(begin, last); // what is left and some of what is done
    SmallVector<Value> rows;
    for (int64_t i = 0; i < count; ++i) {
      Value elements = b.widen(b.loadVector(from, {head, b.add(query, b.index(i)), d}), b.element);
      rows.push_back(vector::BitCastOp::create(b, words, elements));
    }
    for (auto [i, pairs] : llvm::enumerate(b.transposed(rows))) {
      Value elements = vector::BitCastOp::create(b, b.vectorOf(b.element), pairs);
      b.storeVector(elements, storage, {b.add(b.div(d, two), b.index(int64_t(i))), column});
    }
  });
}

/// Copies all queries to columns: as words whole blocks of a head, else element by element, which costs two
/// in a hundred of the time of a prompt of f32, and vectors no less.
void packAllColumns(tile::PackOp op, VectorBuilder &b) {
  Value source = op.getSource(), zero = b.index(0), queries = b.size(source, 1), whole = zero, from;
  int64_t block = b.lanes / 2;
  bool inWords = op.getInterleaved() && getConstantIntValue(b.size(source, 2)).value_or(0) >= b.lanes;
  if (inWords) {
    whole = b.select(b.isContiguous(source), b.roundDown(queries, block), zero);
    from = b.withContiguousRows(source);
  }
  b.forEach(zero, b.size(source, 0), 1, [&](Value head) {
    Value first = b.mul(head, op.getQueries());
    if (inWords)
      b.forEach(zero, whole, block,
                [&](Value query) { packWords(op, b, from, head, query, b.add(first, query)); });
    b.forEach(whole, queries, 1, [&](Value query) { packQuery(op, b, head, query, b.add(first, query)); });
  });
}

/// Copies all queries to rows.
void packAllRows(tile::PackOp op, VectorBuilder &b) {
  Value source = op.getSource(), zero = b.index(0);
  auto forEachQuery = [&](function_ref<void(Value, Value, Value)> body) {
    b.forEach(zero, b.size(source, 0), 1, [&](Value head) {
      Value first = b.mul(head, op.getQueries());
      b.forEach(zero, b.size(source, 1), 1, [&](Value query) { body(head, query, b.add(first, query)); });
    });
  };
  b.branch(
      b.isContiguous(source),
      [&] {
        Value from = b.withContiguousRows(source);
        forEachQuery([&](Value head, Value query, Value row) { packRow(op, b, from, head, query, row); });
      },
      [&] { forEachQuery([&](Value head, Value query, Value row) { packQuery(op, b, head, query, row); }); });
}

} // namespace

void lowerPackQueries(tile::PackOp op, const CPUTarget &target) {
  VectorBuilder b(op, target, cast<MemRefType>(op.getTile().getType()).getElementType());
  Value storage = op.getStorage(), zero = b.index(0), empty = b.splat(0.0);
  b.forEach(zero, b.size(storage, 0), 1, [&](Value i) { // what no query fills
    b.forEach(zero, b.size(storage, 1), b.lanes, [&](Value j) { b.storeVector(empty, storage, {i, j}); });
  });
  if (op.getTransposed())
    packAllColumns(op, b);
  else
    packAllRows(op, b);
  if (op.getCrossed())
    crossRows(b, storage);
  op.getTile().replaceAllUsesWith(storage);
  op.erase();
}

} // namespace gqa
