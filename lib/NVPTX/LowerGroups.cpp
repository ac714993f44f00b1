// Groups of warps with roles: barriers that count arrivals and bytes, the copy engine, and who gets the
// registers. For sm_90a.
#include "TileLowering.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kGroupThreads = 32 * tile::kGroupWarps;
constexpr int64_t kTicks = 10'000'000; // that one try of a wait may take
// Of 65536 registers a thread has 168 in a block of 384 threads; the producer gives its own away.
constexpr int64_t kProducerRegisters = 24, kConsumerRegisters = 240;

Value sharedClusterPointer(NVVMBuilder &b, Value pointer) {
  auto type = LLVM::LLVMPointerType::get(b.getContext(), unsigned(NVVM::NVVMMemorySpace::SharedCluster));
  return LLVM::AddrSpaceCastOp::create(b, type, pointer);
}

Value slotOf(NVVMBuilder &b, Value channel, Value slot, tile::ChannelType type) {
  return b.advance(channel, b.mul(slot, b.i32(slotBytesOf(type))));
}

/// The barrier that says that a slot is full, or that it is free.
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

/// The number of the thread's warp, known to be the same in all of its lanes.
Value uniformWarp(NVVMBuilder &b) {
  return NVVM::ShflOp::create(b, b.getI32Type(), b.i32(-1), b.shiftRight(b.thread(), 5), b.i32(0), b.i32(31),
                              NVVM::ShflKind::idx, UnitAttr());
}

struct LowerChannel : WarpPattern<tile::GroupChannelOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::GroupChannelOp op, Adaptor, NVVMBuilder &b) const override {
    tile::ChannelType type = op.getChannel().getType();
    Value channel = sharedPointer(b, sharedOffsetOf(op));
    int64_t consumers = b.numThreads() / kGroupThreads - 1;
    b.ifThen(b.compare(arith::CmpIPredicate::eq, b.thread(), b.i32(0)), [&] {
      for (int64_t slot = 0; slot < type.getSlots(); ++slot)
        for (bool full : {true, false})
          NVVM::MBarrierInitOp::create(b, barrierOf(b, channel, b.i32(slot), type, full),
                                       b.i32(full ? 1 : consumers), /*predicate=*/Value());
    });
    return {{channel}};
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
    Value full = barrierOf(b, channel, slot, type, /*full=*/true);
    auto scope = NVVM::MemScopeKindAttr::get(b.getContext(), NVVM::MemScopeKind::CTA);
    NVVM::MBarrierArriveExpectTxOp::create(b, Type(), full, b.toI32(operands.getBytes().front()), scope,
                                           b.getBoolAttr(false), /*predicate=*/Value());
    Value memory = slotOf(b, channel, slot, type);
    for (int64_t panel = 0; panel < type.getColumns() / tile::kPanelColumns; ++panel) {
      Values position = {b.i32(panel * tile::kPanelColumns), b.toI32(operands.getS().front()),
                         b.toI32(operands.getH().front()), b.toI32(operands.getB().front())};
      Value target = sharedClusterPointer(b, b.advance(memory, panel * panelBytesOf(type)));
      NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
          b, target, operands.getMap().front(), position, full, /*im2colOffsets=*/ValueRange(),
          /*multicastMask=*/Value(), /*l2CacheHint=*/Value(), NVVM::TMALoadMode::TILE, /*isCTAOnly=*/false,
          /*group=*/nullptr, /*predicate=*/Value());
    }
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
    b.ifThen(first, [&] {
      arriveAt(b, barrierOf(b, operands.getChannel().front(), operands.getSlot().front(),
                            op.getChannel().getType(), /*full=*/false));
    });
    return {};
  }
};

/// Barrier 1 is group 0's turn, barrier 2 is group 1's: the one waits there until the other has arrived.
struct LowerTurn : WarpPattern<tile::GroupTurnOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::GroupTurnOp op, Adaptor operands, NVVMBuilder &b) const override {
    Value group = b.toI32(operands.getGroup().front()), threads = b.i32(2 * kGroupThreads);
    if (op.getPass())
      NVVM::BarrierArriveOp::create(b, b.sub(b.i32(2), group), threads);
    else
      NVVM::BarrierOp::create(b, TypeRange(), b.add(group, b.i32(1)), threads, NVVM::BarrierReductionAttr(),
                              Value());
    return {};
  }
};

class LowerRoles : public OpConversionPattern<tile::GroupRolesOp> {
public:
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(tile::GroupRolesOp op, OneToNOpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    NVVMBuilder b(op.getLoc(), rewriter);
    NVVM::FenceMbarrierInitOp::create(b);
    NVVM::Barrier0Op::create(b);
    int64_t consumers = int64_t(op.getConsumers());
    Value warp = uniformWarp(b), first = b.i32(consumers * tile::kGroupWarps);
    auto branch = scf::IfOp::create(b, b.compare(arith::CmpIPredicate::sge, warp, first),
                                    /*withElseRegion=*/true);
    b.setInsertionPoint(branch.thenYield());
    setRegisters(b, kProducerRegisters, NVVM::SetMaxRegisterAction::decrease);
    Value elected = NVVM::ElectSyncOp::create(b, b.getI1Type(), /*membermask=*/Value());
    elected = arith::AndIOp::create(b, elected, b.compare(arith::CmpIPredicate::eq, warp, first));
    auto alone = scf::IfOp::create(b, elected, /*withElseRegion=*/false);
    rewriter.inlineBlockBefore(&op.getProducer().front(), alone.thenYield());
    b.setInsertionPoint(branch.elseYield());
    setRegisters(b, kConsumerRegisters, NVVM::SetMaxRegisterAction::increase);
    Value group = b.toIndex(b.shiftRight(warp, llvm::Log2_64(tile::kGroupWarps)));
    rewriter.inlineBlockBefore(&op.getConsumer().front(), branch.elseYield(), group);
    rewriter.eraseOp(op);
    return success();
  }

private:
  static void setRegisters(NVVMBuilder &b, int64_t count, NVVM::SetMaxRegisterAction action) {
    NVVM::SetMaxRegisterOp::create(b, b.getI32IntegerAttr(int32_t(count)),
                                   NVVM::SetMaxRegisterActionAttr::get(b.getContext(), action));
  }
};

} // namespace

void populateGroupPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerChannel, LowerFill, LowerRelease, LowerRoles, LowerTurn, LowerWait>(
      types, patterns.getContext());
}

} // namespace gqa
