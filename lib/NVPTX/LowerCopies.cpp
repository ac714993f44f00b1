// Rings and what fills them: copies of 16 bytes that go on behind the program's back, a group of them for
// each load.
#include "TileLowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kPieceBytes = 16, kPieceElements = 8, kElementBytes = 2;

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

/// Copies the rows of a slot, each thread a piece of every few rows.
class RowCopy {
public:
  RowCopy(NVVMBuilder &b, tile::RingType ring, Value source) : b(b), ring(ring), source(source) {
    int64_t pieces = ring.getColumns() / kPieceElements;
    // A power of two of threads for each row, so that shifts find a thread's place.
    threadsPerRow = llvm::PowerOf2Ceil(pieces);
    rowsAtOnce = b.numThreads() / threadsPerRow;
    Value thread = b.thread();
    row = b.shiftRight(thread, llvm::Log2_64(threadsPerRow));
    piece = b.bitAnd(thread, threadsPerRow - 1);
  }

  void build(Value slot) {
    if (threadsPerRow == ring.getColumns() / kPieceElements)
      return copyRows(slot);
    Value exists = b.compare(arith::CmpIPredicate::slt, piece, b.i32(ring.getColumns() / kPieceElements));
    b.ifThen(exists, [&] { copyRows(slot); });
  }

private:
  void copyRows(Value slot) {
    auto type = cast<MemRefType>(source.getType());
    Value rows = b.toI32(b.size(source, 0)), column = b.toIndex(b.mul(piece, b.i32(kPieceElements)));
    if (type.getDimSize(1) < ring.getColumns()) { // a row of zeros is the same as no row
      Value inside = b.compare(arith::CmpIPredicate::slt, piece, b.i32(type.getDimSize(1) / kPieceElements));
      rows = b.select(inside, rows, b.i32(0));
    }
    Value from = b.addressOf(source, {b.toIndex(row), column});
    Value to = b.advance(slot, b.add(b.mul(row, b.i32(pitchOf(ring))), b.mul(piece, b.i32(kPieceBytes))));
    auto data = memref::ExtractStridedMetadataOp::create(b, source);
    Value step = b.mul(data.getStrides()[0], b.index(rowsAtOnce * kElementBytes));
    step = arith::IndexCastOp::create(b, b.getI64Type(), step);
    for (int64_t first = 0; first < ring.getRows(); first += rowsAtOnce) {
      auto copy = [&] { copyPiece(first, rows, from, to); };
      if (first + rowsAtOnce <= ring.getRows())
        copy();
      else
        b.ifThen(b.compare(arith::CmpIPredicate::slt, b.add(row, b.i32(first)), b.i32(ring.getRows())), copy);
      from = b.advance(from, step);
    }
  }

  void copyPiece(int64_t first, Value rows, Value from, Value to) {
    Value exists = b.compare(arith::CmpIPredicate::slt, b.add(row, b.i32(first)), rows);
    Value bytes = b.select(exists, b.i32(kPieceBytes), b.i32(0)); // the rest of 16 becomes zero
    NVVM::CpAsyncOp::create(b, b.advance(to, first * pitchOf(ring)), from, kPieceBytes,
                            NVVM::LoadCacheModifierKind::CG, bytes);
  }

  NVVMBuilder &b;
  tile::RingType ring;
  Value source, row, piece;
  int64_t threadsPerRow, rowsAtOnce;
};

struct LowerLoad : WarpPattern<tile::LoadOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::LoadOp op, Adaptor operands, NVVMBuilder &b) const override {
    tile::RingType ring = op.getRing().getType();
    Value offset = b.mul(b.toI32(operands.getSlot().front()), b.i32(slotBytesOf(ring)));
    RowCopy(b, ring, operands.getSource().front()).build(b.advance(operands.getRing().front(), offset));
    NVVM::CpAsyncCommitGroupOp::create(b);
    return {};
  }
};

struct LowerAcquire : WarpPattern<tile::AcquireOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::AcquireOp op, Adaptor, NVVMBuilder &b) const override {
    NVVM::CpAsyncWaitGroupOp::create(b, uint32_t(op.getYounger()));
    NVVM::Barrier0Op::create(b);
    return {};
  }
};

struct LowerDrain : WarpPattern<tile::DrainOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::DrainOp, Adaptor, NVVMBuilder &b) const override {
    NVVM::CpAsyncWaitGroupOp::create(b, uint32_t(0));
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

struct LowerWarpSum : WarpPattern<tile::WarpSumOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpSumOp, Adaptor operands, NVVMBuilder &b) const override {
    Value sum = operands.getX().front();
    for (int64_t mask : {16, 8, 4, 2, 1})
      sum = b.addF(sum, b.exchange(sum, mask));
    return {{sum}};
  }
};

} // namespace

void populateCopyPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerRing, LowerScratch, LowerLoad, LowerAcquire, LowerDrain, LowerBarrier, LowerWarpId,
               LowerWarpLane, LowerWarpSum>(types, patterns.getContext());
}

} // namespace gqa
