// tile.pack: an operand in place where it can be, else a copy.
#include "TileLowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

/// Copies rows of a source, widened and padded with zeros.
class Copy {
public:
  Copy(tile::PackOp op, VectorBuilder &b) : op(op), b(b), source(op.getSource()), storage(op.getStorage()) {
    auto type = cast<MemRefType>(source.getType());
    rank = type.getRank();
    width = b.size(source, rank - 1);
  }

  /// True at run time if the elements of a row are next to each other.
  Value isContiguous() {
    auto data = memref::ExtractStridedMetadataOp::create(b, source);
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, data.getStrides()[rank - 1], b.index(1));
  }

  Value contiguousSource() { return b.withContiguousRows(source); }

  Value rows() { return rank == 2 ? b.size(source, 0) : b.mul(b.size(source, 0), b.size(source, 1)); }

  void build() {
    b.ifElse(
        isContiguous(),
        [&] {
          Value from = contiguousSource();
          forEachRow([&](ValueRange at, Value row) { copyVectors(from, at, row); });
        },
        [&] {
          // Column by column: what is not contiguous along a row mostly is across rows.
          b.forEach(b.index(0), width, 1, [&](Value column) {
            forEachRow([&](ValueRange at, Value row) { copyElement(source, at, row, column); });
          });
          forEachRow([&](ValueRange, Value row) { pad(row); });
        });
  }

private:
  /// Calls `body` with the leading indices of a row in the source and its number in the storage.
  void forEachRow(function_ref<void(ValueRange, Value)> body) {
    Value zero = b.index(0);
    if (rank == 2) {
      b.forEach(zero, b.size(source, 0), 1, [&](Value row) { body(row, row); });
      return;
    }
    Value inner = b.size(source, 1);
    b.forEach(zero, b.size(source, 0), 1, [&](Value i) {
      Value first = b.mul(i, inner);
      b.forEach(zero, inner, 1, [&](Value j) { body({i, j}, b.add(first, j)); });
    });
  }

  void copyVectors(Value from, ValueRange at, Value row) {
    Value whole = b.roundDown(width, b.lanes);
    b.forEach(b.index(0), whole, b.lanes, [&](Value column) {
      SmallVector<Value> place(at);
      place.push_back(column);
      b.storeVector(b.widen(b.loadVector(from, place), b.element), storage, {row, column});
    });
    b.forEach(whole, width, 1, [&](Value column) { copyElement(from, at, row, column); });
    pad(row);
  }

  void copyElement(Value from, ValueRange at, Value row, Value column) {
    SmallVector<Value> place(at);
    place.push_back(column);
    b.store(b.widen(b.load(from, place), b.element), storage, {row, column});
  }

  /// The zeros behind the elements of a row.
  void pad(Value row) {
    Value zero = b.scalar(0.0);
    b.forEach(width, b.size(storage, 1), 1, [&](Value column) { b.store(zero, storage, {row, column}); });
  }

  tile::PackOp op;
  VectorBuilder &b;
  Value source, storage, width;
  int64_t rank;
};

} // namespace

void lowerPack(tile::PackOp op, const VectorTarget &target) {
  auto tileType = cast<MemRefType>(op.getTile().getType());
  auto sourceType = cast<MemRefType>(op.getSource().getType());
  VectorBuilder b(op, target, tileType.getElementType());
  Copy copy(op, b);
  auto packed = [&]() -> Value {
    copy.build();
    Value zero = b.index(0);
    Value used = b.view(op.getStorage(), {zero, zero}, {copy.rows(), b.size(op.getStorage(), 1)});
    return memref::CastOp::create(b, tileType, used);
  };
  Value tile;
  Value width = b.size(op.getSource(), sourceType.getRank() - 1);
  std::optional<int64_t> staticWidth = getConstantIntValue(width);
  bool neverInPlace = sourceType.getRank() != 2 || sourceType.getElementType() != b.element ||
                      (staticWidth && *staticWidth != tileType.getDimSize(1));
  if (neverInPlace) {
    tile = packed();
  } else {
    Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, width, b.size(op.getStorage(), 1));
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
