// tile.pack: an operand in place where it can be, else a copy.
#include "TileLowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {
namespace {

/// Copies rows of keys or values, widened and padded with zeros.
class CopyRows {
public:
  CopyRows(tile::PackOp op, VectorBuilder &b)
      : b(b), source(op.getSource()), storage(op.getStorage()), rows(b.size(source, 0)),
        width(b.size(source, 1)), allRows(b.roundUp(rows, op.getMultiple().value_or(1))) {}

  /// True at run time if there are no rows to add.
  Value hasAllRows() { return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, rows, allRows); }

  /// True at run time if the elements of a row are next to each other.
  Value isContiguous() {
    auto data = memref::ExtractStridedMetadataOp::create(b, source);
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, data.getStrides()[1], b.index(1));
  }

  Value contiguousSource() { return b.withContiguousRows(source); }

  Value build() {
    Value zero = b.index(0);
    b.ifElse(
        isContiguous(),
        [&] {
          Value from = contiguousSource();
          b.forEach(zero, rows, 1, [&](Value row) { copyRow(from, row); });
        },
        [&] {
          // Column by column: what is not contiguous along a row mostly is across rows.
          b.forEach(zero, width, 1, [&](Value column) {
            b.forEach(zero, rows, 1, [&](Value row) { copyElement(source, row, column); });
          });
        });
    if (getConstantIntValue(width) != getConstantIntValue(b.size(storage, 1)) || !getConstantIntValue(width))
      b.forEach(zero, rows, 1, [&](Value row) { pad(row); });
    return b.view(storage, {zero, zero}, {allRows, b.size(storage, 1)});
  }

private:
  void copyRow(Value from, Value row) {
    Value whole = b.roundDown(width, b.lanes);
    b.forEach(b.index(0), whole, b.lanes, [&](Value column) {
      b.storeVector(b.widen(b.loadVector(from, {row, column}), b.element), storage, {row, column});
    });
    b.forEach(whole, width, 1, [&](Value column) { copyElement(from, row, column); });
  }

  void copyElement(Value from, Value row, Value column) {
    b.store(b.widen(b.load(from, {row, column}), b.element), storage, {row, column});
  }

  /// The zeros behind the elements of a row.
  void pad(Value row) {
    Value zero = b.scalar(0.0);
    b.forEach(width, b.size(storage, 1), 1, [&](Value column) { b.store(zero, storage, {row, column}); });
  }

  VectorBuilder &b;
  Value source, storage, rows, width, allRows;
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

/// Copies the queries of a tile, as rows or as columns, into storage that is zero elsewhere.
void packQueries(tile::PackOp op, VectorBuilder &b) {
  Value source = op.getSource(), storage = op.getStorage(), zero = b.index(0), empty = b.splat(0.0);
  b.forEach(zero, b.size(storage, 0), 1, [&](Value i) {
    b.forEach(zero, b.size(storage, 1), b.lanes, [&](Value j) { b.storeVector(empty, storage, {i, j}); });
  });
  b.forEach(zero, b.size(source, 0), 1, [&](Value head) {
    Value first = b.mul(head, op.getQueries());
    b.forEach(zero, b.size(source, 1), 1,
              [&](Value query) { packQuery(op, b, head, query, b.add(first, query)); });
  });
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
  CopyRows copy(op, b);
  auto packed = [&]() -> Value { return memref::CastOp::create(b, tileType, copy.build()); };
  auto sourceType = cast<MemRefType>(op.getSource().getType());
  Value tile, width = b.size(op.getSource(), 1);
  std::optional<int64_t> staticWidth = getConstantIntValue(width);
  bool neverInPlace =
      sourceType.getElementType() != b.element || (staticWidth && *staticWidth != tileType.getDimSize(1));
  if (neverInPlace) {
    tile = packed();
  } else {
    Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, width, b.size(op.getStorage(), 1));
    if (op.getMultiple())
      fits = arith::AndIOp::create(b, fits, copy.hasAllRows());
    Value inPlace = arith::AndIOp::create(b, copy.isContiguous(), fits);
    auto branch = scf::IfOp::create(b, TypeRange(tileType), inPlace, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(branch.thenBlock());
    scf::YieldOp::create(b, Value(memref::CastOp::create(b, tileType, copy.contiguousSource())));
    b.setInsertionPointToEnd(branch.elseBlock());
    scf::YieldOp::create(b, packed());
    tile = branch.getResult(0);
  }
  op.getTile().replaceAllUsesWith(tile);
  op.erase();
}

} // namespace gqa
