// Slots of codes that become slots of numbers, in shared memory, once for all products that read them: 16
// bytes at a time, as loads and stores of 16 bytes pass fastest. Eight lanes that pass together touch
// different banks, in both slots.
#include "Channels.h"
#include "WidenCodes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kPieceBytes = 16, kPieceWords = 4;

/// What becomes of a piece of codes: two pieces of numbers.
class WidenPiece {
public:
  using Value = mlir::Value;
  using Values = SmallVector<Value>;

  template <typename Op>
  WidenPiece(NVVMBuilder &b, Op op, Value scales, Value first, Value end, bool converts)
      : b(b), element(op.getNumberType()), scales(scales), first(first), end(end),
        codes(b, op.getCodeType(), op.getIsUnsigned(), scales ? Type(b.getF16Type()) : element, converts) {}

  /// The scale of row `row` of the slot, which no row behind the last has; null if there is none.
  Value scaleOf(Value row) {
    if (!scales)
      return nullptr;
    Value place = b.add(first, b.toIndex(row)), last = b.sub(end, b.index(1));
    auto type = cast<MemRefType>(scales.getType());
    Value scale = loadAsF32(b, b.addressOf(scales, b.min(place, last)), type.getElementType());
    return b.select(b.compare(arith::CmpIPredicate::slt, place, end), scale, b.f32(0));
  }

  Value load(Value place) {
    return LLVM::LoadOp::create(b, VectorType::get(kPieceWords, b.getI32Type()), place, kPieceBytes);
  }

  /// The numbers of a piece's first half, and of its second one.
  std::array<Value, 2> widen(Value piece, Value scale) {
    std::array<Value, 2> halves;
    for (int64_t half : {0, 1}) {
      Values words;
      for (int64_t word : {0, 1})
        llvm::append_range(
            words, codes.widen(vector::ExtractOp::create(b, piece, 2 * half + word), WidenCodes::Neighbours));
      if (scale)
        for (Value &word : words)
          word = scaleWord(word, scale);
      halves[size_t(half)] =
          vector::FromElementsOp::create(b, VectorType::get(kPieceWords, b.getI32Type()), words);
    }
    return halves;
  }

  void store(Value numbers, Value place) { LLVM::StoreOp::create(b, numbers, place, kPieceBytes); }

private:
  /// Two numbers of f16, which holds all codes, times the scale.
  Value scaleWord(Value word, Value scale) {
    Value pair = LLVM::BitcastOp::create(b, VectorType::get(2, b.getF16Type()), word);
    pair = arith::ExtFOp::create(b, VectorType::get(2, b.getF32Type()), pair);
    auto at = [&](int64_t i) { return b.mulF(vector::ExtractOp::create(b, pair, i), scale); };
    return b.pack(at(0), at(1), element);
  }

  NVVMBuilder &b;
  Type element;
  Value scales, first, end;
  WidenCodes codes;
};

Value frontOrNull(ValueRange values) { return values.empty() ? Value() : values.front(); }

/// All threads of the task: up to eight for each row.
struct LowerWiden : WarpPattern<tile::WidenOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WidenOp op, Adaptor operands, NVVMBuilder &b) const override {
    tile::RingType from = op.getCodes().getType(), to = op.getNumbers().getType();
    WidenPiece widener(b, op, frontOrNull(operands.getScales()), frontOrNull(operands.getFirst()),
                       frontOrNull(operands.getEnd()), /*converts=*/false);
    int64_t pieces = from.getColumns() / kPieceBytes;
    int64_t threadsPerRow = std::min<int64_t>(llvm::PowerOf2Ceil(pieces), 8);
    int64_t rowsAtOnce = b.numThreads() / threadsPerRow;
    Value thread = b.thread(), piece = b.bitAnd(thread, threadsPerRow - 1);
    Value row = rowOf(b, b.shiftRight(thread, llvm::Log2_64(threadsPerRow)));
    auto slotOf = [&](ValueRange ring, ValueRange slot, tile::RingType type) {
      return b.advance(ring.front(), b.mul(b.toI32(slot.front()), b.i32(slotBytesOf(type))));
    };
    Value source = slotOf(operands.getCodes(), operands.getCodeSlot(), from),
          target = slotOf(operands.getNumbers(), operands.getNumberSlot(), to);
    source = b.advance(source, b.add(b.mul(row, b.i32(pitchOf(from))), b.mul(piece, b.i32(kPieceBytes))));
    target = b.advance(target, b.add(b.mul(row, b.i32(pitchOf(to))), b.mul(piece, b.i32(2 * kPieceBytes))));
    // Neighbours' numbers are two pieces apart: four lanes of eight store their second halves first.
    Value isLater = b.compare(arith::CmpIPredicate::ne, b.bitAnd(thread, 4), b.i32(0));
    Value early = b.advance(target, b.select(isLater, b.i32(kPieceBytes), b.i32(0))),
          late = b.advance(target, b.select(isLater, b.i32(0), b.i32(kPieceBytes)));
    for (int64_t first = 0; first < from.getRows(); first += rowsAtOnce) {
      auto convert = [&] {
        Value scale = widener.scaleOf(b.add(row, b.i32(first)));
        for (int64_t at = 0; at < pieces; at += threadsPerRow) {
          auto convertPiece = [&] {
            Value codes = widener.load(b.advance(source, first * pitchOf(from) + at * kPieceBytes));
            auto [low, high] = widener.widen(codes, scale);
            int64_t offset = first * pitchOf(to) + 2 * at * kPieceBytes;
            widener.store(b.select(isLater, high, low), b.advance(early, offset));
            widener.store(b.select(isLater, low, high), b.advance(late, offset));
          };
          ifBelow(b, piece, pieces - at, threadsPerRow, convertPiece);
        }
      };
      ifBelow(b, row, from.getRows() - first, rowsAtOnce, convert);
    }
    return {};
  }

private:
  /// Rows whose numbers differ in their lowest bits alone are in eight different banks if the bits are
  /// turned round: where a row has fewer than eight threads, others' rows are four or two apart.
  static Value rowOf(NVVMBuilder &b, Value place) {
    Value low = b.mul(b.bitAnd(place, 1), b.i32(4)), middle = b.bitAnd(place, ~int64_t(5)),
          high = b.bitAnd(b.shiftRight(place, 2), 1);
    return b.add(b.add(middle, low), high);
  }

  /// A test where `most` may be too many.
  static void ifBelow(NVVMBuilder &b, Value x, int64_t limit, int64_t most, function_ref<void()> body) {
    if (most <= limit)
      body();
    else
      b.branch(b.compare(arith::CmpIPredicate::slt, x, b.i32(limit)), body);
  }
};

/// The warps beside the consumers that do not fill channels. Each takes eight rows at a time, of which eight
/// lanes have 64 columns of two neighbours.
struct LowerGroupWiden : WarpPattern<tile::GroupWidenOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::GroupWidenOp op, Adaptor operands, NVVMBuilder &b) const override {
    tile::ChannelType from = op.getCodes().getType(), to = op.getNumbers().getType();
    Value codes = operands.getCodes().front(), codeSlot = operands.getCodeSlot().front(),
          numbers = operands.getNumbers().front(), numberSlot = operands.getNumberSlot().front();
    waitFor(b, barrierOf(b, codes, codeSlot, from, /*full=*/true), operands.getCodePhase().front());
    // A barrier that nobody has passed yet counts as passed in the phase before the first.
    Value before = arith::XOrIOp::create(b, operands.getNumberPhase().front(), b.i32(1));
    waitFor(b, barrierOf(b, numbers, numberSlot, to, /*full=*/false), before);
    WidenPiece widener(b, op, frontOrNull(operands.getScales()), frontOrNull(operands.getFirst()),
                       frontOrNull(operands.getEnd()), /*converts=*/true);
    convert(b, widener, slotOf(b, codes, codeSlot, from), slotOf(b, numbers, numberSlot, to), from, to);
    b.fenceForAsyncProxy();
    NVVM::SyncWarpOp::create(b, b.i32(-1));
    b.branch(b.compare(arith::CmpIPredicate::eq, b.lane(), b.i32(0)), [&] {
      arriveAt(b, barrierOf(b, codes, codeSlot, from, /*full=*/false));
      arriveAt(b, barrierOf(b, numbers, numberSlot, to, /*full=*/true));
    });
    return {};
  }

private:
  static constexpr int64_t kRows = 8, kColumns = 64;

  static void convert(NVVMBuilder &b, WidenPiece &widener, Value source, Value target, tile::ChannelType from,
                      tile::ChannelType to) {
    int64_t warps = b.numThreads() / 32;
    Value warp = b.sub(b.shiftRight(b.thread(), 5), b.i32(warps - tile::kConvertingWarps));
    Value lane = b.lane(), odd = b.bitAnd(b.shiftRight(lane, 2), 1), column = b.bitAnd(lane, 3);
    Value row = b.add(b.mul(b.shiftRight(lane, 3), b.i32(2)), odd); // of eight
    auto loop = scf::ForOp::create(b, warp, b.i32(from.getRows() / kRows), b.i32(tile::kConvertingWarps));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value first = b.mul(loop.getInductionVar(), b.i32(kRows));
    Value scale = widener.scaleOf(b.add(first, row));
    // Where a line of codes is one row's, its neighbour has the other half, as in the lines of numbers.
    int64_t parts = from.getColumns() / kColumns, ofLine = panelRowBytesOf(from) / kColumns;
    auto pieceOf = [&](int64_t part) {
      Value own = ofLine == 1 ? b.i32(0) : Value(arith::XOrIOp::create(b, b.i32(part % ofLine), odd));
      return b.add(b.mul(own, b.i32(kColumns / kPieceBytes)), column);
    };
    SmallVector<Value> pieces;
    for (int64_t part = 0; part < parts; ++part) {
      Value place = placeOf(b, source, from, first, row, pieceOf(part));
      pieces.push_back(widener.load(b.advance(place, part / ofLine * panelBytesOf(from))));
    }
    for (auto [part, piece] : llvm::enumerate(pieces)) {
      Value wide = b.mul(pieceOf(int64_t(part)), b.i32(2));
      for (auto [half, number] : llvm::enumerate(widener.widen(piece, scale))) {
        Value place = placeOf(b, target, to, first, row, b.add(wide, b.i32(int64_t(half))));
        widener.store(number, b.advance(place, int64_t(part) / ofLine * ofLine * panelBytesOf(to)));
      }
    }
  }

  /// Where the swizzle puts a piece of row `first + row`; `first` is a multiple of eight, and `row` less.
  static Value placeOf(NVVMBuilder &b, Value slot, tile::ChannelType type, Value first, Value row,
                       Value piece) {
    int64_t pitch = panelRowBytesOf(type), pieces = pitch / kPieceBytes;
    Value panel = b.shiftRight(piece, llvm::Log2_64(pieces));
    Value line = b.bitAnd(b.shiftRight(row, pitch == tile::kPanelRowBytes ? 0 : 1), pieces - 1);
    Value inside = arith::XOrIOp::create(b, b.bitAnd(piece, pieces - 1), line);
    Value offset = b.add(b.mul(panel, b.i32(panelBytesOf(type))), b.mul(inside, b.i32(kPieceBytes)));
    offset = b.add(offset, b.mul(row, b.i32(pitch)));
    return b.advance(b.advance(slot, offset), b.mul(first, b.i32(pitch)));
  }
};

} // namespace

void populateWidenPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerGroupWiden, LowerWiden>(types, patterns.getContext());
}

} // namespace gqa
