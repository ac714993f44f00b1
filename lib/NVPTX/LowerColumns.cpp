// Numbers for the columns of a matrix: in a lane, those of the columns that it has.
#include "TileLowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {
namespace {

Value toF32(Value number, NVVMBuilder &b) {
  unsigned width = number.getType().getIntOrFloatBitWidth();
  if (width < 32)
    return arith::ExtFOp::create(b, b.getF32Type(), number);
  return width == 32 ? number : Value(arith::TruncFOp::create(b, b.getF32Type(), number));
}

struct LowerColumns : WarpPattern<tile::WarpColumnsOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpColumnsOp op, Adaptor operands, NVVMBuilder &b) const override {
    tile::FragmentType type = op.getColumns().getType();
    SmallVector<int64_t> columns; // of the lane, from its first on
    int64_t step = type.getQuads() ? 16 : 8;
    for (int64_t column = 0; column < type.getColumns(); column += step)
      for (int64_t next = 0; next < step / 4; ++next)
        columns.push_back(column + next);
    Value own = b.add(operands.getFirst().front(), b.toIndex(b.laneColumn(type.getQuads())));
    Value source = operands.getSource().front();
    return {isWhole(op) ? loadAll(source, own, columns, b)
                        : loadExisting(source, own, columns, operands.getEnd().front(), b)};
  }

private:
  /// Whether all columns are known to have a number.
  static bool isWhole(tile::WarpColumnsOp op) {
    int64_t count = op.getColumns().getType().getColumns();
    std::optional<int64_t> first = getConstantIntValue(op.getFirst()), end = getConstantIntValue(op.getEnd());
    if (first && end)
      return *first + count <= *end;
    auto sum = op.getEnd().getDefiningOp<arith::AddIOp>();
    if (!sum || sum.getLhs() != op.getFirst())
      return false;
    std::optional<int64_t> more = getConstantIntValue(sum.getRhs());
    return more && count <= *more;
  }

  /// From one address to the next, so that a stride which is known at run time only is multiplied with once.
  static Values loadAll(Value source, Value own, ArrayRef<int64_t> columns, NVVMBuilder &b) {
    auto type = cast<MemRefType>(source.getType());
    auto data = memref::ExtractStridedMetadataOp::create(b, source);
    Value address = b.addressOf(source, own), bytes = b.index(tile::bytesOf(type.getElementType()));
    int64_t at = 0;
    return llvm::map_to_vector(columns, [&](int64_t column) {
      Value distance = b.mul(data.getStrides()[0], b.mul(bytes, b.index(column - at)));
      if (column != at)
        address = b.advance(address, arith::IndexCastOp::create(b, b.getI64Type(), distance).getResult());
      at = column;
      return loadAsF32(b, address, type.getElementType());
    });
  }

  static Values loadExisting(Value source, Value own, ArrayRef<int64_t> columns, Value end, NVVMBuilder &b) {
    auto type = cast<MemRefType>(source.getType());
    Value last = b.sub(end, b.index(1));
    return llvm::map_to_vector(columns, [&](int64_t column) {
      Value place = b.add(own, b.index(column));
      Value number = loadAsF32(b, b.addressOf(source, b.min(place, last)), type.getElementType());
      return b.select(b.compare(arith::CmpIPredicate::slt, place, end), number, b.f32(0));
    });
  }
};

/// Which of a lane's columns each of its numbers is in: of sums, in quads, even ones are of one product, and
/// odd ones of the next.
size_t columnOf(size_t place, bool quads) {
  size_t product = place / 4, odd = place % 2;
  return quads ? product / 2 * 4 + 2 * odd + product % 2 : 2 * product + odd;
}

struct LowerScale : WarpPattern<tile::WarpScaleOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpScaleOp op, Adaptor operands, NVVMBuilder &b) const override {
    auto type = cast<tile::FragmentType>(op.getX().getType());
    ValueRange factors = operands.getFactors();
    Values scaled;
    if (type.getElementType().isF32()) {
      for (auto [place, x] : llvm::enumerate(operands.getX()))
        scaled.push_back(b.mulF(x, factors[columnOf(place, type.getQuads())]));
      return {scaled};
    }
    // Of a left operand the words are two of the lane's columns of one row and of the other, then the next
    // two.
    for (auto [place, word] : llvm::enumerate(operands.getX()))
      scaled.push_back(scaleWord(word, factors.slice(place / 2 * 2, 2), type.getElementType(), b));
    return {scaled};
  }

private:
  static Value scaleWord(Value word, ValueRange factors, Type element, NVVMBuilder &b) {
    Value pair = LLVM::BitcastOp::create(b, VectorType::get(2, element), word);
    pair = arith::ExtFOp::create(b, VectorType::get(2, b.getF32Type()), pair);
    auto at = [&](int64_t i) { return b.mulF(vector::ExtractOp::create(b, pair, i), factors[i]); };
    return b.pack(at(0), at(1), element);
  }
};

} // namespace

Value loadAsF32(NVVMBuilder &b, Value address, Type type) {
  return toF32(LLVM::LoadOp::create(b, type, address, unsigned(tile::bytesOf(type))), b);
}

void populateColumnPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerColumns, LowerScale>(types, patterns.getContext());
}

} // namespace gqa
