// Weights come from memory to registers, 16 bytes a lane, which are the tensor cores' left operand as they
// lie there: in which order a sum takes its elements is free, as long as both operands agree.
#include "SkinnyStep.h"
#include "LoopKernel.h"
#include "gqa/Dialect/Tile/Tile.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {

std::pair<Value, Value> SkinnyForm::find(IndexBuilder &b, Value column, Value row) const {
  Value eight = b.index(8), two = b.index(2);
  Value outer = b.div(column, eight), inner = b.rem(column, eight);
  Value laneRow = alongSum ? inner : outer, pair = alongSum ? outer : inner;
  Value own = rows > 8 ? b.rem(row, eight) : row;
  Value number = b.add(b.mul(pair, two), b.rem(own, two));
  if (rows > 8)
    number = b.add(b.mul(b.div(row, eight), b.index(rowSums)), number);
  return {b.add(b.mul(laneRow, b.index(4)), b.div(own, two)), number};
}

SkinnyStep::SkinnyStep(NVVMBuilder &b, const SkinnyForm &form, SkinnyRows x, SkinnyRows weights, Value row,
                       Value column)
    : b(b), form(form), x(std::move(x)), weights(std::move(weights)), row(row), column(column) {
  Value lane = tile::WarpLaneOp::create(b, b.getIndexType()), four = b.index(4);
  laneRow = b.div(lane, four);
  laneColumn = b.rem(lane, four);
}

void SkinnyStep::askFirst(int64_t depth, Value warp) {
  if (depth < form.depth * form.together)
    return;
  auto dialect = LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT);
  for (int64_t i = 0; i < form.together; ++i)
    for (auto [row, begin] : piecesOf(stepOf(warp, i))) {
      Value address = b.addressOf(weights.buffer, indicesOf(weights, row, begin, kPiece));
      LLVM::InlineAsmOp::create(b, TypeRange(), ValueRange(address),
                                b.getStringAttr("prefetch.global.L2 [$0];"), b.getStringAttr("l"),
                                /*has_side_effects=*/true, /*is_align_stack=*/false,
                                LLVM::tailcallkind::TailCallKind::None, dialect,
                                /*operand_attrs=*/ArrayAttr());
    }
}

SkinnyStep::Values SkinnyStep::sum(int64_t depth, Value warp, int64_t warps) {
  Values none(size_t(form.sums()), b.f32(0));
  SmallVector<Type> types(none.size(), b.getF32Type());
  int64_t chunks = depth / (form.depth * form.together), steps = llvm::divideCeil(depth, form.depth);
  return buildChoice(
      b, isAligned(), types,
      [&] {
        Values sums = chunks ? addChunks(warp, chunks, warps, none) : none;
        return addApart(warp, chunks * form.together, steps, warps, sums);
      },
      [&] { return addApart(warp, 0, steps, warps, none); });
}

SkinnyStep::Values SkinnyStep::loop(Value from, int64_t to, int64_t step, ValueRange carried, Build build) {
  auto loop = scf::ForOp::create(b, from, b.index(to), b.index(step), carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  scf::YieldOp::create(b, build(loop.getInductionVar(), loop.getRegionIterArgs()));
  return loop.getResults();
}

/// The warp's chunks, whole ones, of which each has some. Those of the next one are asked for before one is
/// multiplied: registers that a loop carries are the only ones that ptxas does not load when they are needed.
SkinnyStep::Values SkinnyStep::addChunks(Value warp, int64_t chunks, int64_t warps, ValueRange none) {
  auto loadChunk = [&](Value chunk) {
    Values words;
    for (int64_t i = 0; i < form.together; ++i)
      llvm::append_range(words, load(stepOf(chunk, i), /*whole=*/true));
    return words;
  };
  auto multiplyChunk = [&](ValueRange words, ValueRange sums) {
    Values result(sums);
    for (size_t i = 0, count = size_t(form.allWords()); i < size_t(form.together); ++i)
      result = multiply(words.slice(i * count, count), result);
    return result;
  };
  Values carried(none);
  llvm::append_range(carried, loadChunk(warp));
  carried = loop(b.add(warp, b.index(warps)), chunks, warps, carried, [&](Value chunk, ValueRange so) {
    Values next = loadChunk(chunk),
           sums = multiplyChunk(so.drop_front(none.size()), so.take_front(none.size()));
    llvm::append_range(sums, next);
    return sums;
  });
  return multiplyChunk(ValueRange(carried).drop_front(none.size()),
                       ValueRange(carried).take_front(none.size()));
}

/// The steps from `first` on, element by element.
SkinnyStep::Values SkinnyStep::addApart(Value warp, int64_t first, int64_t count, int64_t warps,
                                        ValueRange sums) {
  return loop(b.add(warp, b.index(first)), count, warps, sums,
              [&](Value step, ValueRange so) { return multiply(load(step, /*whole=*/false), so); });
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

Value SkinnyStep::stepOf(Value chunk, int64_t number) {
  return b.add(b.mul(chunk, b.index(form.together)), b.index(number));
}

/// Along the sums rows g and g + 8 of the tile, of each a piece; else pieces of four rows, which are elements
/// 4 c and so on of the sum.
SmallVector<std::pair<Value, Value>> SkinnyStep::piecesOf(Value step) {
  Value begin = b.mul(step, b.index(form.depth));
  SmallVector<std::pair<Value, Value>> pieces;
  if (form.alongSum)
    for (int64_t half : {0, 8})
      pieces.push_back(
          {b.add(b.add(column, laneRow), b.index(half)), b.add(begin, b.mul(laneColumn, b.index(kPiece)))});
  else
    for (int64_t i = 0; i < 4; ++i)
      pieces.push_back({b.add(b.add(begin, b.mul(laneColumn, b.index(4))), b.index(i)),
                        b.add(column, b.mul(laneRow, b.index(kPiece)))});
  return pieces;
}

SkinnyStep::Values SkinnyStep::load(Value step, bool whole) {
  Value begin = b.mul(step, b.index(form.depth));
  Values words;
  for (auto [weightRow, own] : piecesOf(step))
    llvm::append_range(words, loadWords(weights, weightRow, own, kPiece, whole));
  int64_t piece = form.depth / 4;
  Value own = b.add(begin, b.mul(laneColumn, b.index(piece)));
  for (int64_t part = 0; part < form.rows; part += 8)
    llvm::append_range(words, loadWords(x, b.add(b.add(row, laneRow), b.index(part)), own, piece, whole));
  return words;
}

SkinnyStep::Values SkinnyStep::multiply(ValueRange words, ValueRange sums) {
  return form.alongSum ? multiplyAlong(words, sums) : multiplyAcross(words, sums);
}

/// Two products of 16 elements: a lane's piece has four of the first and four of the second.
SkinnyStep::Values SkinnyStep::multiplyAlong(ValueRange words, ValueRange sums) {
  SmallVector<Value> result;
  ValueRange low = words.take_front(4), high = words.slice(4, 4), right = words.drop_front(8);
  for (size_t part = 0; part < sums.size(); part += 4) {
    SmallVector<Value> four(sums.slice(part, 4)); // of each 8 rows as many words as sums
    for (size_t i : {0, 2})
      four = b.multiply({low[i], high[i], low[i + 1], high[i + 1]}, {right[part + i], right[part + i + 1]},
                        four, element());
    llvm::append_range(result, four);
  }
  return result;
}

/// A product for each of a lane's eight columns, in rows g; rows g + 8 are empty. Two elements of a column
/// come from two rows.
SkinnyStep::Values SkinnyStep::multiplyAcross(ValueRange words, ValueRange sums) {
  SmallVector<Value> result;
  Value none = b.i32(0), zero = b.f32(0);
  auto pair = [&](size_t row, size_t column) {
    int64_t halves = column % 2 ? 0x7632 : 0x5410;
    return b.permute(words[4 * row + column / 2], words[4 * row + 4 + column / 2], halves);
  };
  SmallVector<Value> low, high;
  for (size_t i = 0; i < size_t(kPiece); ++i) {
    low.push_back(pair(0, i));
    high.push_back(pair(2, i));
  }
  ValueRange right = words.drop_front(16);
  for (size_t part = 0; part < size_t(form.rows / 8); ++part)
    for (size_t i = 0; i < size_t(kPiece); ++i) {
      ValueRange so = sums.slice(16 * part + 2 * i, 2);
      NVVMBuilder::Values four = b.multiply({low[i], none, high[i], none}, right.slice(2 * part, 2),
                                            {so[0], so[1], zero, zero}, element());
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
  Value piece = vector::LoadOp::create(b, type, from.buffer, indicesOf(from, row, begin, count),
                                       /*nontemporal=*/false, llvm::MaybeAlign(uint64_t(2 * count)));
  return split(piece, count);
}

SkinnyStep::Values SkinnyStep::indicesOf(const SkinnyRows &from, Value row, Value begin, int64_t count) {
  Values indices(from.batch);
  Value last = b.sub(from.columns, b.index(count));
  indices.append({from.alongSum ? clamp(row, from.rows) : row, from.alongSum ? begin : b.min(begin, last)});
  return indices;
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
