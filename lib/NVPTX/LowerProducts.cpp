// Both products of a tile on the tensor cores: 16 x 8 sums over 16 elements at a time. Matrix loads bring the
// right operand of two of them, which in Q K^T are keys as they lie in memory, in P V values transposed on
// the way.
#include "TileLowering.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kDepth = 16;      // elements that a product sums over
constexpr int64_t kSums = 4;        // of a 16 x 8 product in a lane
constexpr int64_t kWords = 4;       // of a 16 x 16 left operand in a lane
constexpr int64_t kBytes = 2;       // of an element
constexpr int64_t kPieceBytes = 16; // a row of an 8 x 8 matrix

SmallVector<Value> flatten(ArrayRef<SmallVector<Value>> sums) {
  SmallVector<Value> values;
  for (const SmallVector<Value> &tile : sums)
    values.append(tile);
  return values;
}

/// The address in a slot of a row, for all lanes alike.
Value rowAddress(NVVMBuilder &b, Value ring, Value slot, Value row, tile::RingType type) {
  Value offset = b.mul(b.toI32(slot), b.i32(slotBytesOf(type)));
  return b.advance(ring, b.add(offset, b.mul(b.toI32(row), b.i32(pitchOf(type)))));
}

struct LowerQK : WarpPattern<tile::WarpQKOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpQKOp op, Adaptor operands, NVVMBuilder &b) const override {
    tile::RingType ring = op.getKeys().getType();
    int64_t pitch = pitchOf(ring), tiles = op.getS().getType().getColumns() / 8;
    // The matrices are keys 0 to 7 with 8 elements and the next 8, then keys 8 to 15.
    Value lane = b.lane();
    Value key = b.add(b.bitAnd(lane, 7), b.mul(b.shiftRight(lane, 4), b.i32(8)));
    Value piece = b.bitAnd(b.shiftRight(lane, 3), 1);
    Value base = rowAddress(b, operands.getKeys().front(), operands.getSlot().front(),
                            operands.getRow().front(), ring);
    base = b.advance(base, b.add(b.mul(key, b.i32(pitch)), b.mul(piece, b.i32(kPieceBytes))));
    SmallVector<Values> sums(tiles, Values(kSums, b.f32(0)));
    for (int64_t depth = 0; depth < ring.getColumns() / kDepth; ++depth) {
      ValueRange q = operands.getQ().slice(depth * kWords, kWords);
      for (int64_t n = 0; n < tiles; n += 2) {
        Value address = b.advance(base, n * 8 * pitch + depth * kDepth * kBytes);
        Values k = b.loadMatrices(address, /*transposed=*/false);
        for (int64_t half : {0, 1})
          sums[n + half] =
              b.multiply(q, ArrayRef(k).slice(2 * half, 2), sums[n + half], ring.getElementType());
      }
    }
    return {flatten(sums)};
  }
};

struct LowerPV : WarpPattern<tile::WarpPVOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpPVOp op, Adaptor operands, NVVMBuilder &b) const override {
    tile::RingType ring = op.getValues().getType();
    int64_t pitch = pitchOf(ring), tiles = ring.getColumns() / 8;
    // The matrices are 8 keys and the next 8 with 8 elements, then with the next 8 elements.
    Value lane = b.lane();
    Value key = b.bitAnd(lane, 15), piece = b.shiftRight(lane, 4);
    Value base = rowAddress(b, operands.getValues().front(), operands.getSlot().front(),
                            operands.getRow().front(), ring);
    base = b.advance(base, b.add(b.mul(key, b.i32(pitch)), b.mul(piece, b.i32(kPieceBytes))));
    SmallVector<Values> sums;
    for (int64_t n = 0; n < tiles; ++n) {
      Values tile;
      for (int64_t i = 0; i < kSums; ++i)
        tile.push_back(b.mulF(operands.getO()[n * kSums + i], operands.getAlpha()[i / 2]));
      sums.push_back(tile);
    }
    for (int64_t depth = 0; depth < op.getP().getType().getColumns() / kDepth; ++depth) {
      ValueRange p = operands.getP().slice(depth * kWords, kWords);
      for (int64_t n = 0; n < tiles; n += 2) {
        Value address = b.advance(base, depth * kDepth * pitch + n * 8 * kBytes);
        Values v = b.loadMatrices(address, /*transposed=*/true);
        for (int64_t half : {0, 1})
          sums[n + half] =
              b.multiply(p, ArrayRef(v).slice(2 * half, 2), sums[n + half], ring.getElementType());
      }
    }
    return {flatten(sums)};
  }
};

/// The sums of two products, 16 x 8 each, are a left operand of 16 x 16.
struct LowerToOperand : WarpPattern<tile::WarpToOperandOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpToOperandOp op, Adaptor operands, NVVMBuilder &b) const override {
    Type element = op.getLeft().getType().getElementType();
    ValueRange sums = operands.getSums();
    Values words;
    for (size_t i = 0; i < sums.size(); i += 2)
      words.push_back(b.pack(sums[i], sums[i + 1], element));
    return {words};
  }
};

} // namespace

void populateProductPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerQK, LowerPV, LowerToOperand>(types, patterns.getContext());
}

} // namespace gqa
