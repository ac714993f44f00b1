// Channels between roles: barriers that count arrivals and bytes, and the copy engine. For sm_90a.
#include "Channels.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kTicks = 10'000'000; // that one try of a wait may take

Value sharedClusterPointer(NVVMBuilder &b, Value pointer) {
  auto type = LLVM::LLVMPointerType::get(b.getContext(), unsigned(NVVM::NVVMMemorySpace::SharedCluster));
  return LLVM::AddrSpaceCastOp::create(b, type, pointer);
}

struct LowerChannel : WarpPattern<tile::GroupChannelOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::GroupChannelOp op, Adaptor, NVVMBuilder &b) const override {
    tile::ChannelType type = op.getChannel().getType();
    Value channel = sharedPointer(b, sharedOffsetOf(op));
    int64_t warps = b.numThreads() / 32, consumers = b.numThreads() / kGroupThreads - 1;
    b.branch(b.compare(arith::CmpIPredicate::eq, b.thread(), b.i32(0)), [&] {
      auto init = [&](Value barrier, int64_t arrivals) {
        NVVM::MBarrierInitOp::create(b, barrier, b.i32(arrivals), /*predicate=*/Value());
      };
      for (int64_t slot = 0; slot < type.getSlots(); ++slot) {
        for (int64_t warp = 0; op.getOwn() && warp < warps; ++warp)
          init(ownBarrierOf(b, channel, b.i32(slot), b.i32(warp), type), 1);
        for (bool full : {true, false})
          if (!op.getOwn())
            init(barrierOf(b, channel, b.i32(slot), type, full), arrivalsAt(op, full, consumers));
      }
      if (isLast(op))
        NVVM::FenceMbarrierInitOp::create(b);
    });
    return {{channel}};
  }

private:
  /// Who says that a slot is full, or free: the copy engine and the consumers, but the warps that convert
  /// where these fill the channel, or read it.
  static int64_t arrivalsAt(tile::GroupChannelOp op, bool full, int64_t consumers) {
    for (Operation *user : op.getChannel().getUsers())
      if (auto widen = dyn_cast<tile::GroupWidenOp>(user))
        if ((full ? widen.getNumbers() : widen.getCodes()) == op.getChannel())
          return tile::kConvertingWarps;
    return full ? 1 : consumers;
  }

  /// One fence shows the barriers of all of a kernel's channels to the copy engine.
  static bool isLast(tile::GroupChannelOp op) {
    Operation *next = op->getNextNode();
    while (next && !isa<tile::GroupChannelOp>(next))
      next = next->getNextNode();
    return !next;
  }
};

struct LowerFill : WarpPattern<tile::GroupFillOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::GroupFillOp op, Adaptor operands, NVVMBuilder &b) const override {
    tile::ChannelType type = op.getChannel().getType();
    Value channel = operands.getChannel().front(), slot = operands.getSlot().front();
    // A barrier that nobody has passed yet counts as passed in the phase before the first.
    Value before = arith::XOrIOp::create(b, operands.getPhase().front(), b.i32(1));
    waitFor(b, barrierOf(b, channel, slot, type, /*full=*/false), before);
    copyBox(b, type, slotOf(b, channel, slot, type), barrierOf(b, channel, slot, type, /*full=*/true),
            b.toI32(operands.getBytes().front()), operands.getMap().front(),
            {b.toI32(operands.getS().front()), b.toI32(operands.getH().front()),
             b.toI32(operands.getB().front())});
    return {};
  }
};

struct LowerWait : WarpPattern<tile::GroupWaitOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::GroupWaitOp op, Adaptor operands, NVVMBuilder &b) const override {
    waitFor(b,
            barrierOf(b, operands.getChannel().front(), operands.getSlot().front(), op.getChannel().getType(),
                      /*full=*/true),
            operands.getPhase().front());
    return {};
  }
};

struct LowerRelease : WarpPattern<tile::GroupReleaseOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::GroupReleaseOp op, Adaptor operands, NVVMBuilder &b) const override {
    Value first = b.compare(arith::CmpIPredicate::eq, b.bitAnd(b.thread(), kGroupThreads - 1), b.i32(0));
    b.branch(first, [&] {
      arriveAt(b, barrierOf(b, operands.getChannel().front(), operands.getSlot().front(),
                            op.getChannel().getType(), /*full=*/false));
    });
    return {};
  }
};

} // namespace

Value slotOf(NVVMBuilder &b, Value channel, Value slot, tile::ChannelType type) {
  return b.advance(channel, b.mul(slot, b.i32(slotBytesOf(type))));
}

Value barrierOf(NVVMBuilder &b, Value channel, Value slot, tile::ChannelType type, bool full) {
  int64_t first = type.getSlots() * (slotBytesOf(type) + (full ? 0 : kBarrierBytes));
  return b.advance(b.advance(channel, first), b.mul(slot, b.i32(kBarrierBytes)));
}

void waitFor(NVVMBuilder &b, Value barrier, Value phase) {
  NVVM::MBarrierTryWaitParityOp::create(b, barrier, phase, b.i32(kTicks));
}

void arriveAt(NVVMBuilder &b, Value barrier) {
  auto scope = NVVM::MemScopeKindAttr::get(b.getContext(), NVVM::MemScopeKind::CTA);
  NVVM::MBarrierArriveOp::create(b, Type(), barrier, /*count=*/Value(), scope);
}

Value ownBarrierOf(NVVMBuilder &b, Value channel, Value slot, Value warp, tile::ChannelType type) {
  Value number = b.add(b.mul(slot, b.i32(b.numThreads() / 32)), warp);
  return b.advance(b.advance(channel, type.getSlots() * slotBytesOf(type)),
                   b.mul(number, b.i32(kBarrierBytes)));
}

void copyBox(NVVMBuilder &b, tile::ChannelType type, Value memory, Value full, Value bytes, Value map,
             ArrayRef<Value> position) {
  auto scope = NVVM::MemScopeKindAttr::get(b.getContext(), NVVM::MemScopeKind::CTA);
  NVVM::MBarrierArriveExpectTxOp::create(b, Type(), full, bytes, scope, b.getBoolAttr(false),
                                         /*predicate=*/Value());
  int64_t pairs = panelRowBytesOf(type) / kMapBytes; // columns of the map
  for (int64_t panel = 0; panel < rowBytesOf(type) / panelRowBytesOf(type); ++panel) {
    SmallVector<Value> box = {b.i32(panel * pairs)};
    llvm::append_range(box, position);
    Value target = sharedClusterPointer(b, b.advance(memory, panel * panelBytesOf(type)));
    NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
        b, target, map, box, full, /*im2colOffsets=*/ValueRange(), /*multicastMask=*/Value(),
        /*l2CacheHint=*/Value(), NVVM::TMALoadMode::TILE, /*isCTAOnly=*/false, /*group=*/nullptr,
        /*predicate=*/Value());
  }
}

void prefetchBox(NVVMBuilder &b, tile::ChannelType type, Value map, ArrayRef<Value> position) {
  int64_t pairs = panelRowBytesOf(type) / kMapBytes;
  for (int64_t panel = 0; panel < rowBytesOf(type) / panelRowBytesOf(type); ++panel) {
    SmallVector<Value> box = {b.i32(panel * pairs)};
    llvm::append_range(box, position);
    NVVM::CpAsyncBulkTensorPrefetchOp::create(b, map, box, /*im2colOffsets=*/ValueRange(),
                                              NVVM::TMALoadMode::TILE,
                                              /*l2CacheHint=*/Value());
  }
}

void populateChannelPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerChannel, LowerFill, LowerRelease, LowerWait>(types, patterns.getContext());
}

} // namespace gqa
