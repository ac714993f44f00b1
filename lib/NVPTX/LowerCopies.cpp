// Rings and what fills them: copies of 16 bytes that go on behind the program's back, a group of them for
// each load.
#include "TileLowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kPieceBytes = 16, kLanes = 32;

struct LowerRing : WarpPattern<tile::RingOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::RingOp op, Adaptor, NVVMBuilder &b) const override {
    return {{sharedPointer(b, sharedOffsetOf(op))}};
  }
};

struct LowerScratch : WarpPattern<tile::ScratchOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::ScratchOp op, Adaptor, NVVMBuilder &b) const override {
    return {{sharedBuffer(b, sharedOffsetOf(op), cast<MemRefType>(op.getMemory().getType()))}};
  }
};

/// Copies the rows of a slot: eight threads share a row, whose 128 bytes they move at once, and further
/// pieces of it are at a constant distance.
class RowCopy {
public:
  RowCopy(NVVMBuilder &b, tile::LoadOp op, Value source)
      : b(b), ring(op.getRing().getType()), source(source) {
    elementBytes = tile::bytesOf(ring.getElementType());
    pieces = rowBytesOf(ring) / kPieceBytes;
    sourcePieces = cast<MemRefType>(source.getType()).getDimSize(1) * elementBytes / kPieceBytes;
    // A power of two of threads for each row, so that shifts find a thread's place.
    threadsPerRow = std::min<int64_t>(llvm::PowerOf2Ceil(pieces), 8);
    int64_t threads = op.getOwn() ? kLanes : b.numThreads();
    rows = op.getOwn() ? ring.getRows() / (b.numThreads() / kLanes) : ring.getRows();
    rowsAtOnce = threads / threadsPerRow;
    Value thread = op.getOwn() ? b.lane() : b.thread();
    place = b.shiftRight(thread, llvm::Log2_64(threadsPerRow));
    piece = b.bitAnd(thread, threadsPerRow - 1);
    row = op.getOwn() ? b.add(b.mul(b.shiftRight(b.thread(), 5), b.i32(rows)), place) : place;
  }

  void build(Value slot) {
    Value from =
        b.addressOf(source, {b.toIndex(row), b.toIndex(b.mul(piece, b.i32(kPieceBytes / elementBytes)))});
    Value to = b.advance(slot, b.add(b.mul(row, b.i32(pitchOf(ring))), b.mul(piece, b.i32(kPieceBytes))));
    auto data = memref::ExtractStridedMetadataOp::create(b, source);
    Value step = b.mul(data.getStrides()[0], b.index(rowsAtOnce * elementBytes));
    step = arith::IndexCastOp::create(b, b.getI64Type(), step);
    for (int64_t first = 0; first < rows; first += rowsAtOnce) {
      auto copy = [&] { copyRow(first, from, b.advance(to, first * pitchOf(ring))); };
      if (first + rowsAtOnce <= rows)
        copy();
      else
        b.branch(isBelow(place, rows - first), copy);
      from = b.advance(from, step);
    }
  }

private:
  Value isBelow(Value x, int64_t limit) { return b.compare(arith::CmpIPredicate::slt, x, b.i32(limit)); }

  /// This thread's pieces of its row `first` further on.
  void copyRow(int64_t first, Value from, Value to) {
    Value exists; // no value where all rows do
    if (cast<MemRefType>(source.getType()).getDimSize(0) != ring.getRows())
      exists = b.compare(arith::CmpIPredicate::slt, b.add(row, b.i32(first)), b.toI32(b.size(source, 0)));
    for (int64_t at = 0; at < pieces; at += threadsPerRow) {
      auto copy = [&] { copyPiece(at * kPieceBytes, from, to, bytesOf(at, exists)); };
      if (at + threadsPerRow <= pieces)
        copy();
      else
        b.branch(isBelow(piece, pieces - at), copy);
    }
  }

  /// 16 bytes, `offset` behind the addresses; memory is to bring the whole line of L2, which neighbours ask
  /// for.
  /// (`nvvm.cp.async.shared.global` has no word for that.)
  void copyPiece(int64_t offset, Value from, Value to, Value bytes) {
    std::string at = "+" + std::to_string(offset) + "]";
    std::string text = "cp.async.cg.shared.global.L2::128B [$0" + at + ", [$1" + at + ", 16";
    SmallVector<Value> operands = {to, from};
    if (bytes)
      operands.push_back(bytes);
    auto dialect = LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT);
    LLVM::InlineAsmOp::create(b, TypeRange(), operands, b.getStringAttr(text + (bytes ? ", $2;" : ";")),
                              b.getStringAttr(bytes ? "l,l,r,~{memory}" : "l,l,~{memory}"),
                              /*has_side_effects=*/true, /*is_align_stack=*/false,
                              LLVM::tailcallkind::TailCallKind::None, dialect,
                              /*operand_attrs=*/ArrayAttr());
  }

  /// How much of a piece to read, the rest of 16 becomes zero; no value for all of it.
  Value bytesOf(int64_t at, Value exists) {
    if (at + threadsPerRow > sourcePieces) { // a column that the source does not have is as a row
      Value inside = isBelow(piece, sourcePieces - at);
      exists = exists ? Value(arith::AndIOp::create(b, inside, exists)) : inside;
    }
    return exists ? b.select(exists, b.i32(kPieceBytes), b.i32(0)) : Value();
  }

  NVVMBuilder &b;
  tile::RingType ring;
  Value source, place, piece, row;
  int64_t elementBytes, pieces, sourcePieces, threadsPerRow, rows, rowsAtOnce;
};

struct LowerLoad : WarpPattern<tile::LoadOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::LoadOp op, Adaptor operands, NVVMBuilder &b) const override {
    tile::RingType ring = op.getRing().getType();
    Value offset = b.mul(b.toI32(operands.getSlot().front()), b.i32(slotBytesOf(ring)));
    RowCopy(b, op, operands.getSource().front()).build(b.advance(operands.getRing().front(), offset));
    if (!op.getJoined())
      NVVM::CpAsyncCommitGroupOp::create(b);
    return {};
  }
};

struct LowerAcquire : WarpPattern<tile::AcquireOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::AcquireOp op, Adaptor, NVVMBuilder &b) const override {
    NVVM::CpAsyncWaitGroupOp::create(b, uint32_t(op.getYounger()));
    if (op.getOwn())
      NVVM::SyncWarpOp::create(b, b.i32(-1));
    else
      NVVM::Barrier0Op::create(b);
    return {};
  }
};

struct LowerDrain : WarpPattern<tile::DrainOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::DrainOp op, Adaptor, NVVMBuilder &b) const override {
    NVVM::CpAsyncWaitGroupOp::create(b, uint32_t(0));
    if (isReusedBehind(op)) // what nobody writes again, nobody has to wait for
      NVVM::Barrier0Op::create(b);
    return {};
  }
};

struct LowerBarrier : WarpPattern<tile::BarrierOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::BarrierOp, Adaptor, NVVMBuilder &b) const override {
    NVVM::Barrier0Op::create(b);
    return {};
  }
};

struct LowerWarpId : WarpPattern<tile::WarpIdOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpIdOp, Adaptor, NVVMBuilder &b) const override {
    return {{b.toIndex(b.shiftRight(b.thread(), 5))}};
  }
};

struct LowerWarpLane : WarpPattern<tile::WarpLaneOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpLaneOp, Adaptor, NVVMBuilder &b) const override {
    return {{b.toIndex(b.lane())}};
  }
};

/// Combined over all lanes, by exchange.
Value overWarp(NVVMBuilder &b, Value x, function_ref<Value(Value, Value)> combine) {
  for (int64_t mask : {16, 8, 4, 2, 1})
    x = combine(x, b.exchange(x, mask));
  return x;
}

struct LowerWarpSum : WarpPattern<tile::WarpSumOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpSumOp, Adaptor operands, NVVMBuilder &b) const override {
    return {{overWarp(b, operands.getX().front(), [&](Value x, Value y) { return b.addF(x, y); })}};
  }
};

struct LowerWarpMax : WarpPattern<tile::WarpMaxOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpMaxOp, Adaptor operands, NVVMBuilder &b) const override {
    return {{overWarp(b, operands.getX().front(), [&](Value x, Value y) { return b.maxF(x, y); })}};
  }
};

struct LowerWarpAny : WarpPattern<tile::WarpAnyOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpAnyOp, Adaptor operands, NVVMBuilder &b) const override {
    return {{b.anyLane(operands.getCondition().front())}};
  }
};

struct LowerWarpRead : WarpPattern<tile::WarpReadOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpReadOp, Adaptor operands, NVVMBuilder &b) const override {
    Value x = operands.getX().front(), lane = b.toI32(operands.getLane().front());
    return {{NVVM::ShflOp::create(b, x.getType(), b.i32(-1), x, lane, b.i32(31), NVVM::ShflKind::idx,
                                  UnitAttr())}};
  }
};

} // namespace

void populateCopyPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerRing, LowerScratch, LowerLoad, LowerAcquire, LowerDrain, LowerBarrier, LowerWarpId,
               LowerWarpLane, LowerWarpSum, LowerWarpMax, LowerWarpAny, LowerWarpRead>(types,
                                                                                       patterns.getContext());
}

} // namespace gqa
