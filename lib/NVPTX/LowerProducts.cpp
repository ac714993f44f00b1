// Both products of a tile on the tensor cores: 16 x 8 sums over 16 elements at a time. Matrix loads bring the
// right operand of two of them, which in Q K^T are keys as they lie in memory, in P V values transposed on
// the way. Of a narrow cache a load brings twice as many elements, in words of four, and they are widened
// then.
#include "SlotRows.h"
#include "TileLowering.h"
#include "WidenCodes.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kDepth = 16; // elements that a product sums over
constexpr int64_t kSums = 4;   // of a 16 x 8 product in a lane
constexpr int64_t kWords = 4;  // of a 16 x 16 left operand in a lane

SmallVector<Value> flatten(ArrayRef<SmallVector<Value>> sums) {
  SmallVector<Value> values;
  for (const SmallVector<Value> &tile : sums)
    values.append(tile);
  return values;
}

/// The element type of slots of 8 bits, null for others.
Type narrowElementOf(Type slots) {
  auto ring = dyn_cast<tile::RingType>(slots);
  Type element = ring ? ring.getElementType() : cast<tile::ChannelType>(slots).getElementType();
  return tile::bytesOf(element) == 1 ? element : Type();
}

/// The codes of slots that the copy engine fills are widened by the chip that has one.
WidenCodes widenerOf(NVVMBuilder &b, Type slots, bool isUnsigned, Type element) {
  return {b, narrowElementOf(slots), isUnsigned, element, isa<tile::ChannelType>(slots)};
}

/// Slots from a column on, if there is one.
Value slotsFrom(NVVMBuilder &b, Value slots, ValueRange column) {
  return column.empty() ? slots : b.advance(slots, b.mul(b.toI32(column.front()), b.i32(2)));
}

struct LowerQK : WarpPattern<tile::WarpQKOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpQKOp op, Adaptor operands, NVVMBuilder &b) const override {
    tile::FragmentType left = op.getQ().getType();
    int64_t tiles = op.getS().getType().getColumns() / 8;
    // The matrices are keys 0 to 7 with 8 elements and the next 8, then keys 8 to 15.
    Value lane = b.lane();
    Value key = b.add(b.bitAnd(lane, 7), b.mul(b.shiftRight(lane, 4), b.i32(8)));
    SlotRows keys(b, op.getKeys().getType(), slotsFrom(b, operands.getKeys().front(), operands.getColumn()),
                  operands.getSlot().front(), operands.getRow().front(), key,
                  b.bitAnd(b.shiftRight(lane, 3), 1));
    SmallVector<Values> sums(tiles, Values(kSums, b.f32(0)));
    auto add = [&](int64_t depth, int64_t n, ArrayRef<Value> k) {
      ValueRange q = operands.getQ().slice(depth * kWords, kWords);
      sums[n] = b.multiply(q, k, sums[n], left.getElementType());
    };
    Type slots = op.getKeys().getType();
    WidenCodes codes = widenerOf(b, slots, op.getIsUnsigned(), left.getElementType());
    int64_t steps = narrowElementOf(slots) ? 2 : 1; // of a load
    for (int64_t load = 0; load < left.getColumns() / kDepth / steps; ++load)
      for (int64_t n = 0; n < tiles; n += 2) {
        Values k = b.loadMatrices(keys.at(n * 8, load), /*transposed=*/false);
        for (int64_t half : {0, 1}) {
          ArrayRef<Value> words = ArrayRef(k).slice(2 * half, 2);
          if (steps == 1)
            add(load, n + half, words);
          else
            for (int64_t step : {0, 1})
              add(2 * load + step, n + half, codes.widen(words[step], WidenCodes::Neighbours));
        }
      }
    return {flatten(sums)};
  }
};

struct LowerPV : WarpPattern<tile::WarpPVOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpPVOp op, Adaptor operands, NVVMBuilder &b) const override {
    tile::FragmentType left = op.getP().getType();
    int64_t tiles = op.getO().getType().getColumns() / 8;
    // The matrices are 8 keys and the next 8 with 8 elements, then with the next 8 elements.
    Value lane = b.lane();
    SlotRows values(
        b, op.getValues().getType(), slotsFrom(b, operands.getValues().front(), operands.getColumn()),
        operands.getSlot().front(), operands.getRow().front(), b.bitAnd(lane, 15), b.shiftRight(lane, 4));
    SmallVector<Values> sums;
    for (int64_t n = 0; n < tiles; ++n) {
      Values tile;
      for (int64_t i = 0; i < kSums; ++i)
        tile.push_back(b.mulF(operands.getO()[n * kSums + i], operands.getAlpha()[i / 2]));
      sums.push_back(tile);
    }
    Type slots = op.getValues().getType();
    WidenCodes codes = widenerOf(b, slots, op.getIsUnsigned(), left.getElementType());
    bool isNarrow = static_cast<bool>(narrowElementOf(slots));
    int64_t tilesOfLoad = isNarrow ? 4 : 2;
    for (int64_t depth = 0; depth < left.getColumns() / kDepth; ++depth) {
      ValueRange p = operands.getP().slice(depth * kWords, kWords);
      auto add = [&](int64_t n, ArrayRef<Value> v) {
        sums[n] = b.multiply(p, v, sums[n], left.getElementType());
      };
      for (int64_t load = 0; load < tiles / tilesOfLoad; ++load) {
        Values v = b.loadMatrices(values.at(depth * kDepth, load), /*transposed=*/true);
        for (int64_t half : {0, 1}) {
          ArrayRef<Value> words = ArrayRef(v).slice(2 * half, 2);
          if (!isNarrow) {
            add(2 * load + half, words);
            continue;
          }
          // A word has two columns of one key and the same two of the next: even columns are one product, odd
          // ones another.
          Values first = codes.widen(words[0], WidenCodes::EvenAndOdd),
                 second = codes.widen(words[1], WidenCodes::EvenAndOdd);
          for (int64_t odd : {0, 1})
            add(4 * load + 2 * half + odd, {first[odd], second[odd]});
        }
      }
    }
    return {flatten(sums)};
  }
};

struct LowerMultiply : WarpPattern<tile::WarpMultiplyOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpMultiplyOp op, Adaptor operands, NVVMBuilder &b) const override {
    tile::RingType left = op.getLeft().getType(), right = op.getRight().getType();
    Value lane = b.lane(), low = b.bitAnd(lane, 15), high = b.shiftRight(lane, 4);
    SlotRows rows(b, left, operands.getLeft().front(), operands.getLeftSlot().front(),
                  operands.getRow().front(), low, high);
    bool across = op.getAcross();
    // As keys lie for a warp.qk, or values for a warp.pv.
    Value key = b.add(b.bitAnd(lane, 7), b.mul(high, b.i32(8))), half = b.bitAnd(b.shiftRight(lane, 3), 1);
    SlotRows columns(b, right,
                     slotsFrom(b, operands.getRight().front(), across ? operands.getColumn() : ValueRange()),
                     operands.getRightSlot().front(), across ? b.index(0) : operands.getColumn().front(),
                     across ? low : key, across ? high : half);
    SmallVector<Values> sums(operands.getSums().begin(), operands.getSums().end());
    int64_t tiles = cast<tile::FragmentType>(op.getSums()[0].getType()).getColumns() / 8;
    for (int64_t depth = 0; depth < left.getColumns() / kDepth; ++depth) {
      SmallVector<Values> words; // of the right operand, of two products each
      for (int64_t n = 0; n < tiles; n += 2)
        words.push_back(b.loadMatrices(across ? columns.at(depth * kDepth, n / 2) : columns.at(n * 8, depth),
                                       /*transposed=*/across));
      for (auto [i, own] : llvm::enumerate(sums)) {
        Values x = b.loadMatrices(rows.at(int64_t(i) * tile::kFragmentRows, depth), /*transposed=*/false);
        for (int64_t n = 0; n < tiles; ++n) {
          ValueRange so = ValueRange(own).slice(n * kSums, kSums);
          Values next =
              b.multiply(x, ValueRange(words[n / 2]).slice(n % 2 * 2, 2), so, left.getElementType());
          llvm::copy(next, own.begin() + n * kSums);
        }
      }
    }
    return sums;
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
  patterns.add<LowerMultiply, LowerQK, LowerPV, LowerToOperand>(types, patterns.getContext());
}

} // namespace gqa
