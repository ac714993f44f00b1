// tile.pack of keys and values: in place where they can be, else a copy.
#include "TileLowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {
namespace {

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
    require(b.isContiguous(only()));
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
        b.isContiguous(source),
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

} // namespace

void lowerPack(tile::PackOp op, const CPUTarget &target) {
  if (op.getQueries())
    return lowerPackQueries(op, target);
  if (op.getTransposed())
    return lowerPackPanels(op, target);
  auto tileType = cast<MemRefType>(op.getTile().getType());
  VectorBuilder b(op, target, tileType.getElementType());
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
