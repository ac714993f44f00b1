// tile.pack of a narrow cache: integers, and floats of 8 or 16 bits, become what the products read.
#include "TileLowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {
namespace {

Type withElement(Value like, Type element) {
  auto vector = dyn_cast<VectorType>(like.getType());
  return vector ? Type(VectorType::get(vector.getShape(), element)) : element;
}

class NarrowRows {
public:
  NarrowRows(tile::PackOp op, VectorBuilder &b)
      : op(op), b(b), source(op.getSource()), storage(op.getStorage()), scale(op.getScale()),
        zero(op.getZero()) {}

  void widen() {
    Value inVectors = isContiguous(source);
    for (Value factor : {zero, scale})
      if (factor && !isOfRow(factor))
        inVectors = b.createOrFold<arith::AndIOp>(inVectors, isContiguous(factor));
    Value first = b.index(0), rows = b.size(source, 0), width = b.size(source, 1);
    b.branch(
        inVectors,
        [&] {
          Value whole = b.roundDown(width, b.lanes), from = b.withContiguousRows(source);
          b.forEach(first, rows, 1, [&](Value row) {
            Value z = ofRow(zero, row), s = ofRow(scale, row);
            b.forEach(first, whole, b.lanes, [&](Value column) {
              Value wide = compute(b.loadVector(from, {row, column}), vectorOf(zero, z, row, column),
                                   vectorOf(scale, s, row, column));
              b.storeVector(wide, storage, {row, column});
            });
            b.forEach(whole, width, 1, [&](Value column) { widenElement(row, column); });
          });
        },
        [&] {
          b.forEach(first, rows, 1, [&](Value row) {
            b.forEach(first, width, 1, [&](Value column) { widenElement(row, column); });
          });
        });
  }

private:
  static bool isOfRow(Value factor) { return cast<MemRefType>(factor.getType()).getDimSize(1) == 1; }

  Value isContiguous(Value buffer) {
    auto data = memref::ExtractStridedMetadataOp::create(b, buffer);
    return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, data.getStrides().back(), b.index(1));
  }

  /// A factor in the type to compute in.
  Value convert(Value factor) {
    bool isWider = getElementTypeOrSelf(factor.getType()).getIntOrFloatBitWidth() > b.element.getWidth();
    return isWider ? b.narrow(factor, b.element) : b.widen(factor, b.element);
  }

  /// A factor that is one for all of the row; null for others.
  Value ofRow(Value factor, Value row) {
    return factor && isOfRow(factor) ? convert(b.load(factor, {row, b.index(0)})) : Value();
  }

  Value vectorOf(Value factor, Value ofRow, Value row, Value column) {
    if (!factor)
      return nullptr;
    return ofRow ? b.splat(ofRow) : convert(b.loadVector(b.withContiguousRows(factor), {row, column}));
  }

  void widenElement(Value row, Value column) {
    auto factorAt = [&](Value factor) -> Value {
      if (!factor)
        return nullptr;
      return convert(b.load(factor, {row, isOfRow(factor) ? b.index(0) : column}));
    };
    b.store(compute(b.load(source, {row, column}), factorAt(zero), factorAt(scale)), storage, {row, column});
  }

  /// (x - z) * s, rounded to the storage's type.
  Value compute(Value x, Value z, Value s) {
    Value wide = widenNarrow(x);
    if (z)
      wide = b.subF(wide, z);
    if (s)
      wide = b.mulF(wide, s);
    return b.narrow(wide, cast<MemRefType>(storage.getType()).getElementType());
  }

  Value widenNarrow(Value x) {
    Type element = getElementTypeOrSelf(x.getType()), wide = withElement(x, b.element);
    if (element.isInteger())
      return op.getIsUnsigned() ? arith::UIToFPOp::create(b, wide, x).getResult()
                                : arith::SIToFPOp::create(b, wide, x).getResult();
    return b.widen(x, b.element);
  }

  tile::PackOp op;
  VectorBuilder &b;
  Value source, storage, scale, zero;
};

} // namespace

void widenRows(tile::PackOp op, const CPUTarget &target) {
  Type element = cast<MemRefType>(op.getStorage().getType()).getElementType();
  Builder types(op.getContext());
  VectorBuilder b(op, target, element.isF64() ? Type(types.getF64Type()) : Type(types.getF32Type()));
  NarrowRows(op, b).widen();
}

} // namespace gqa
