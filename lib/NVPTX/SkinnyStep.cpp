// Weights come from memory to registers, 16 bytes a lane, which are the tensor cores' left operand as they
// lie there: in which order a sum takes its elements is free, as long as both operands agree.
#include "SkinnyStep.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {

std::pair<Value, Value> SkinnyForm::find(IndexBuilder &b, Value column, Value row) const {
  Value eight = b.index(8), two = b.index(2);
  Value outer = b.div(column, eight), inner = b.rem(column, eight);
  Value laneRow = alongSum ? inner : outer, pair = alongSum ? outer : inner;
  return {b.add(b.mul(laneRow, b.index(4)), b.div(row, two)), b.add(b.mul(pair, two), b.rem(row, two))};
}
SkinnyStep::SkinnyStep(NVVMBuilder &b, const SkinnyForm &form, SkinnyRows x, SkinnyRows weights, Value column)
    : b(b), form(form), x(std::move(x)), weights(std::move(weights)), column(column) {
  Value lane = tile::WarpLaneOp::create(b, b.getIndexType()), four = b.index(4);
  laneRow = b.div(lane, four);
  laneColumn = b.rem(lane, four);
}

Value SkinnyStep::isAligned() {
  Value bits = b.index(0);
  for (Value buffer : {x.buffer, weights.buffer}) {
    auto data = memref::ExtractStridedMetadataOp::create(b, buffer);
    Value offset = b.mul(data.getOffset(), b.index(2));
    bits = b.createOrFold<arith::OrIOp>(
        bits, b.add(memref::ExtractAlignedPointerAsIndexOp::create(b, buffer), offset));
  }
  Value low = arith::AndIOp::create(b, bits, b.index(2 * kPiece - 1));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, low, b.index(0));
}

SkinnyStep::Values SkinnyStep::load(Value step, bool whole) {
  Value begin = b.mul(step, b.index(form.depth));
  SmallVector<Value> words = form.alongSum ? loadAlong(begin, whole) : loadAcross(begin, whole);
  int64_t piece = form.depth / 4;
  Value own = b.add(begin, b.mul(laneColumn, b.index(piece)));
  llvm::append_range(words, loadWords(x, laneRow, own, piece, whole));
  return words;
}

SkinnyStep::Values SkinnyStep::multiply(ValueRange words, ValueRange sums) {
  return form.alongSum ? multiplyAlong(words, sums) : multiplyAcross(words, sums);
}

/// Rows g and g + 8 of the tile, of each a piece.
SkinnyStep::Values SkinnyStep::loadAlong(Value begin, bool whole) {
  SmallVector<Value> words;
  for (int64_t half : {0, 8}) {
    Value row = b.add(b.add(column, laneRow), b.index(half));
    Value own = b.add(begin, b.mul(laneColumn, b.index(kPiece)));
    llvm::append_range(words, loadWords(weights, row, own, kPiece, whole));
  }
  return words;
}

/// Two products of 16 elements: a lane's piece has four of the first and four of the second.
SkinnyStep::Values SkinnyStep::multiplyAlong(ValueRange words, ValueRange sums) {
  SmallVector<Value> result(sums);
  ValueRange low = words.take_front(4), high = words.slice(4, 4), right = words.drop_front(8);
  for (size_t i : {0, 2})
    result =
        b.multiply({low[i], high[i], low[i + 1], high[i + 1]}, {right[i], right[i + 1]}, result, element());
  return result;
}

/// Pieces of four rows, which are elements 4 c and so on of the sum.
SkinnyStep::Values SkinnyStep::loadAcross(Value begin, bool whole) {
  SmallVector<Value> words;
  for (int64_t i = 0; i < 4; ++i) {
    Value row = b.add(b.add(begin, b.mul(laneColumn, b.index(4))), b.index(i));
    Value own = b.add(column, b.mul(laneRow, b.index(kPiece)));
    llvm::append_range(words, loadWords(weights, row, own, kPiece, whole));
  }
  return words;
}

/// A product for each of a lane's eight columns, in rows g; rows g + 8 are empty. Two elements of a column
/// come from two rows.
SkinnyStep::Values SkinnyStep::multiplyAcross(ValueRange words, ValueRange sums) {
  SmallVector<Value> result;
  Value none = b.i32(0), zero = b.f32(0);
  for (size_t i = 0; i < size_t(kPiece); ++i) {
    int64_t halves = i % 2 ? 0x7632 : 0x5410;
    auto pair = [&](size_t row) {
      return b.permute(words[4 * row + i / 2], words[4 * row + 4 + i / 2], halves);
    };
    NVVMBuilder::Values four = b.multiply({pair(0), none, pair(2), none}, words.drop_front(16),
                                          {sums[2 * i], sums[2 * i + 1], zero, zero}, element());
    result.append({four[0], four[1]});
  }
  return result;
}

/// `count` elements of a row as words of two. Rows that do not exist are the last one, as are columns of
/// weights that lie across: nobody stores what they become.
SkinnyStep::Values SkinnyStep::loadWords(const SkinnyRows &from, Value row, Value begin, int64_t count,
                                         bool whole) {
  if (!whole)
    return loadApart(from, row, begin, count);
  auto type = VectorType::get(count, element());
  SmallVector<Value> indices(from.batch);
  Value last = b.sub(from.columns, b.index(count));
  indices.append({from.alongSum ? clamp(row, from.rows) : row, from.alongSum ? begin : b.min(begin, last)});
  Value piece = vector::LoadOp::create(b, type, from.buffer, indices, /*nontemporal=*/false,
                                       llvm::MaybeAlign(uint64_t(2 * count)));
  return split(piece, count);
}

/// The same one by one; what is behind the end of the sum is 0, in both operands.
SkinnyStep::Values SkinnyStep::loadApart(const SkinnyRows &from, Value row, Value begin, int64_t count) {
  SmallVector<Value> elements;
  for (int64_t i = 0; i < count; ++i) {
    Value at = b.add(begin, b.index(i));
    SmallVector<Value> indices(from.batch);
    indices.append({clamp(row, from.rows), clamp(at, from.columns)});
    Value bits = arith::BitcastOp::create(b, b.getI16Type(), memref::LoadOp::create(b, from.buffer, indices));
    Value exists = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, from.alongSum ? at : row, x.columns);
    elements.push_back(b.select(exists, bits, arith::ConstantIntOp::create(b, 0, 16)));
  }
  return split(vector::FromElementsOp::create(b, VectorType::get(count, b.getI16Type()), elements), count);
}

SkinnyStep::Values SkinnyStep::split(Value piece, int64_t count) {
  Value words = vector::BitCastOp::create(b, VectorType::get(count / 2, b.getI32Type()), piece);
  SmallVector<Value> result;
  for (int64_t i = 0; i < count / 2; ++i)
    result.push_back(vector::ExtractOp::create(b, words, i));
  return result;
}

Value SkinnyStep::clamp(Value index, Value size) { return b.min(index, b.sub(size, b.index(1))); }

Type SkinnyStep::element() { return getElementTypeOrSelf(weights.buffer.getType()); }

} // namespace gqa
