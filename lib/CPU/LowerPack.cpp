// tile.pack: an operand in place where it can be, else a copy.
#include "TileLowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {
namespace {

/// True at run time if the elements of a row are next to each other.
Value isContiguous(VectorBuilder &b, Value source) {
  auto data = memref::ExtractStridedMetadataOp::create(b, source);
  return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, data.getStrides().back(), b.index(1));
}

/// Rows of keys or values: those of the source, and of what comes behind it if there is anything.
class Rows {
public:
  Rows(tile::PackOp op, VectorBuilder &b)
      : op(op), b(b), storage(op.getStorage()), width(b.size(op.getSource(), 1)),
        sourceRows(b.size(op.getSource(), 0)), rows(sourceRows) {
    if (op.getRest())
      rows = b.add(sourceRows, b.size(op.getRest(), 0));
    allRows = b.roundUp(rows, op.getMultiple().value_or(1));
  }

  /// Whether the type of the tile and its width leave no way but to copy.
  bool isNeverInPlace() {
    auto type = cast<MemRefType>(op.getTile().getType());
    std::optional<int64_t> known = getConstantIntValue(width);
    return op.isDequantizing() || cast<MemRefType>(op.getSource().getType()).getElementType() != b.element ||
           (known && *known != type.getDimSize(1));
  }

  /// A buffer with all rows, and whether there is one that can be used where it is.
  Value inPlace() { return b.withContiguousRows(only()); }
  Value isInPlace() {
    Value result = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, width, b.size(storage, 1));
    auto require = [&](Value condition) { result = b.createOrFold<arith::AndIOp>(result, condition); };
    if (op.getMultiple())
      require(isEqual(rows, allRows));
    if (op.getRest())
      require(arith::OrIOp::create(b, isEqual(sourceRows, rows), isEqual(sourceRows, b.index(0))));
    require(isContiguous(b, only()));
    return result;
  }

  /// All rows in the storage, widened and padded with zeros.
  Value copy() {
    Value zero = b.index(0);
    if (op.isDequantizing()) {
      widenRows(op, b.target);
      if (op.getRest())
        copyRows(op.getRest(), sourceRows);
    } else if (op.getRest())
      b.forEach(zero, b.index(2), 1, [&](Value part) { // one loop, so that there is one piece of code
        Value isFirst = isEqual(part, zero);
        copyRows(b.select(isFirst, anyRows(op.getSource()), anyRows(op.getRest())),
                 b.select(isFirst, zero, sourceRows));
      });
    else
      copyRows(op.getSource(), zero);
    if (getConstantIntValue(width) != getConstantIntValue(b.size(storage, 1)) || !getConstantIntValue(width))
      b.forEach(zero, rows, 1, [&](Value row) { pad(row); });
    return b.view(storage, {zero, zero}, {allRows, b.size(storage, 1)});
  }

private:
  Value isEqual(Value x, Value y) { return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, x, y); }

  /// A buffer of rows with a type that two of them can share.
  Value anyRows(Value source) {
    auto type = cast<MemRefType>(source.getType());
    auto any = stridedType({ShapedType::kDynamic, type.getDimSize(1)}, type.getElementType());
    return type == any ? source : Value(memref::CastOp::create(b, any, source));
  }

  /// The only buffer that has rows, where there is only one.
  Value only() {
    if (!op.getRest())
      return op.getSource();
    return b.select(isEqual(sourceRows, b.index(0)), anyRows(op.getRest()), anyRows(op.getSource()));
  }

  void copyRows(Value source, Value place) {
    Value zero = b.index(0), count = b.size(source, 0);
    b.branch(
        isContiguous(b, source),
        [&] {
          Value from = b.withContiguousRows(source);
          b.forEach(zero, count, 1, [&](Value row) { copyRow(from, row, b.add(place, row)); });
        },
        [&] {
          // Column by column: what is not contiguous along a row mostly is across rows.
          b.forEach(zero, width, 1, [&](Value column) {
            b.forEach(zero, count, 1,
                      [&](Value row) { copyElement(source, row, b.add(place, row), column); });
          });
        });
  }

  void copyRow(Value from, Value row, Value to) {
    Value whole = b.roundDown(width, b.lanes);
    b.forEach(b.index(0), whole, b.lanes, [&](Value column) {
      b.storeVector(b.widen(b.loadVector(from, {row, column}), b.element), storage, {to, column});
    });
    b.forEach(whole, width, 1, [&](Value column) { copyElement(from, row, to, column); });
  }

  void copyElement(Value from, Value row, Value to, Value column) {
    b.store(b.widen(b.load(from, {row, column}), b.element), storage, {to, column});
  }

  /// The zeros behind the elements of a row.
  void pad(Value row) {
    Value zero = b.scalar(0.0);
    b.forEach(width, b.size(storage, 1), 1, [&](Value column) { b.store(zero, storage, {row, column}); });
  }

  tile::PackOp op;
  VectorBuilder &b;
  Value storage, width, sourceRows, rows, allRows;
};

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
/// bit 1.
void crossRows(VectorBuilder &b, Value storage) {
  constexpr int64_t kRows = tile::kCrossedRows;
  auto takeOdd = [&](Value even, Value odd, int64_t bit) -> Value {
    auto lanes = llvm::map_to_vector(llvm::seq<int64_t>(b.lanes),
                                     [&](int64_t lane) { return lane & bit ? b.lanes + lane : lane; });
    return vector::ShuffleOp::create(b, even, odd, lanes);
  };
  b.forEach(b.index(0), b.roundDown(b.size(storage, 0), kRows), kRows, [&](Value first) {
    b.forEach(b.index(0), b.size(storage, 1), b.lanes, [&](Value d) {
      SmallVector<Value> rows;
      for (int64_t i = 0; i < kRows; ++i)
        rows.push_back(b.loadVector(storage, {b.add(first, b.index(i)), d}));
      for (int64_t bit = 1; bit < kRows; bit *= 2) {
        SmallVector<Value> before = rows;
        for (int64_t i = 0; i < kRows; ++i)
          rows[i] = takeOdd(before[i], before[i ^ bit], bit);
      }
      for (int64_t i = 0; i < kRows; ++i)
        b.storeVector(rows[i], storage, {b.add(first, b.index(i)), d});
    });
  });
}

/// Copies the queries of a tile, as rows or as columns, into storage that is zero elsewhere.
void packQueries(tile::PackOp op, VectorBuilder &b) {
  Value source = op.getSource(), storage = op.getStorage(), zero = b.index(0), empty = b.splat(0.0);
  b.forEach(zero, b.size(storage, 0), 1, [&](Value i) {
    b.forEach(zero, b.size(storage, 1), b.lanes, [&](Value j) { b.storeVector(empty, storage, {i, j}); });
  });
  auto forEachQuery = [&](function_ref<void(Value, Value, Value)> body) {
    b.forEach(zero, b.size(source, 0), 1, [&](Value head) {
      Value first = b.mul(head, op.getQueries());
      b.forEach(zero, b.size(source, 1), 1, [&](Value query) { body(head, query, b.add(first, query)); });
    });
  };
  auto byElements = [&] {
    forEachQuery([&](Value head, Value query, Value row) { packQuery(op, b, head, query, row); });
  };
  if (op.getTransposed() || op.getInterleaved())
    byElements();
  else
    b.branch(
        isContiguous(b, source),
        [&] {
          Value from = b.withContiguousRows(source);
          forEachQuery([&](Value head, Value query, Value row) { packRow(op, b, from, head, query, row); });
        },
        byElements);
  if (op.getCrossed())
    crossRows(b, storage);
  op.getTile().replaceAllUsesWith(storage);
}

} // namespace

void lowerPack(tile::PackOp op, const CPUTarget &target) {
  if (op.getTransposed() && !op.getQueries())
    return lowerPackPanels(op, target);
  auto tileType = cast<MemRefType>(op.getTile().getType());
  VectorBuilder b(op, target, tileType.getElementType());
  if (op.getQueries()) {
    packQueries(op, b);
    op.erase();
    return;
  }
  Rows rows(op, b);
  auto packed = [&]() -> Value { return memref::CastOp::create(b, tileType, rows.copy()); };
  Value tile;
  if (rows.isNeverInPlace()) {
    tile = packed();
  } else {
    auto branch = scf::IfOp::create(b, TypeRange(tileType), rows.isInPlace(), /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(branch.thenBlock());
    scf::YieldOp::create(b, Value(memref::CastOp::create(b, tileType, rows.inPlace())));
    b.setInsertionPointToEnd(branch.elseBlock());
    scf::YieldOp::create(b, packed());
    tile = branch.getResult(0);
  }
  op.getTile().replaceAllUsesWith(tile);
  op.erase();
}

} // namespace gqa
