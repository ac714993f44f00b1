// Channels whose rows belong to warps: each fills its own, and waits for no other. For sm_90a.
#include "Channels.h"

using namespace mlir;

namespace gqa {
namespace {

Value warpOf(NVVMBuilder &b) { return b.shiftRight(b.thread(), 5); }

int64_t rowsOfWarp(NVVMBuilder &b, tile::ChannelType type) { return type.getRows() / (b.numThreads() / 32); }

/// Where the warp's rows of a slot begin, in the first panel.
Value ownRows(NVVMBuilder &b, Value channel, Value slot, tile::ChannelType type) {
  Value offset = b.mul(warpOf(b), b.i32(rowsOfWarp(b, type) * panelRowBytesOf(type)));
  return b.advance(slotOf(b, channel, slot, type), offset);
}

struct LowerWarpFill : WarpPattern<tile::WarpFillOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpFillOp op, Adaptor operands, NVVMBuilder &b) const override {
    tile::ChannelType type = op.getChannel().getType();
    Value channel = operands.getChannel().front(), slot = b.toI32(operands.getSlot().front());
    NVVM::SyncWarpOp::create(b, b.i32(-1)); // all lanes have read what was there
    b.branch(b.compare(arith::CmpIPredicate::eq, b.lane(), b.i32(0)), [&] {
      copyBox(b, type, ownRows(b, channel, slot, type), ownBarrierOf(b, channel, slot, warpOf(b), type),
              b.i32(rowsOfWarp(b, type) * rowBytesOf(type)), operands.getMap().front(),
              {b.toI32(operands.getS().front()), b.toI32(operands.getH().front()),
               b.toI32(operands.getB().front())});
    });
    return {};
  }
};

struct LowerWarpPrefetch : WarpPattern<tile::WarpPrefetchOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpPrefetchOp op, Adaptor operands, NVVMBuilder &b) const override {
    b.branch(b.compare(arith::CmpIPredicate::eq, b.lane(), b.i32(0)), [&] {
      prefetchBox(b, op.getChannel().getType(), operands.getMap().front(),
                  {b.toI32(operands.getS().front()), b.toI32(operands.getH().front()),
                   b.toI32(operands.getB().front())});
    });
    return {};
  }
};

struct LowerWarpWait : WarpPattern<tile::WarpWaitOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpWaitOp op, Adaptor operands, NVVMBuilder &b) const override {
    waitFor(b,
            ownBarrierOf(b, operands.getChannel().front(), b.toI32(operands.getSlot().front()), warpOf(b),
                         op.getChannel().getType()),
            b.toI32(operands.getPhase().front()));
    return {};
  }
};

/// 16 bytes at a time; zeros are where they belong wherever the swizzle puts them.
struct LowerWarpClear : WarpPattern<tile::WarpClearOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::WarpClearOp op, Adaptor operands, NVVMBuilder &b) const override {
    constexpr int64_t kPieceBytes = 16, kLanes = 32;
    tile::ChannelType type = op.getChannel().getType();
    int64_t rows = rowsOfWarp(b, type), pieces = panelRowBytesOf(type) / kPieceBytes;
    Value count = b.toI32(operands.getCount().front());
    b.branch(b.compare(arith::CmpIPredicate::slt, count, b.i32(rows)), [&] {
      Value memory = ownRows(b, operands.getChannel().front(), b.toI32(operands.getSlot().front()), type);
      Value zeros = arith::ConstantOp::create(
          b, DenseElementsAttr::get(VectorType::get(4, b.getI32Type()), b.getI32IntegerAttr(0)));
      Value row = b.shiftRight(b.lane(), llvm::Log2_64(pieces)),
            piece = b.mul(b.bitAnd(b.lane(), pieces - 1), b.i32(kPieceBytes));
      for (int64_t first = 0; first < rows; first += kLanes / pieces) {
        Value own = b.add(row, b.i32(first));
        b.branch(b.compare(arith::CmpIPredicate::sge, own, count), [&] {
          Value place = b.advance(memory, b.add(b.mul(own, b.i32(panelRowBytesOf(type))), piece));
          for (int64_t panel = 0; panel < rowBytesOf(type) / panelRowBytesOf(type); ++panel)
            LLVM::StoreOp::create(b, zeros, b.advance(place, panel * panelBytesOf(type)), /*alignment=*/16);
        });
      }
    });
    NVVM::SyncWarpOp::create(b, b.i32(-1));
    return {};
  }
};

} // namespace

void populateWarpChannelPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerWarpClear, LowerWarpFill, LowerWarpPrefetch, LowerWarpWait>(types, patterns.getContext());
}

} // namespace gqa
