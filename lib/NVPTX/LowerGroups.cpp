// Groups of warps with roles: barriers that count arrivals and bytes, the copy engine, and who gets the
// registers. For sm_90a.
#include "TileLowering.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kTicks = 10'000'000; // that one try of a wait may take
// Of 65536 registers a thread has 168 in a block of 384 threads; the producer gives its own away, but for
// what those beside it need that convert. Where one group multiplies, there are enough for all.
constexpr int64_t kProducerRegisters = 24, kConsumerRegisters = 240;
constexpr int64_t kConverterRegisters = 72, kConsumerRegistersBesideConverter = 216;

Value sharedClusterPointer(NVVMBuilder &b, Value pointer) {
  auto type = LLVM::LLVMPointerType::get(b.getContext(), unsigned(NVVM::NVVMMemorySpace::SharedCluster));
  return LLVM::AddrSpaceCastOp::create(b, type, pointer);
}

/// The number of the thread's warp, known to be the same in all of its lanes.
Value uniformWarp(NVVMBuilder &b) {
  return NVVM::ShflOp::create(b, b.getI32Type(), b.i32(-1), b.shiftRight(b.thread(), 5), b.i32(0), b.i32(31),
                              NVVM::ShflKind::idx, UnitAttr());
}

/// Of a channel whose rows belong to warps: the barrier of a slot's rows of this warp.
Value ownBarrierOf(NVVMBuilder &b, Value channel, Value slot, Value warp, tile::ChannelType type) {
  Value number = b.add(b.mul(slot, b.i32(b.numThreads() / 32)), warp);
  return b.advance(b.advance(channel, type.getSlots() * slotBytesOf(type)),
                   b.mul(number, b.i32(kBarrierBytes)));
}

/// Starts copies of a box of rows into the panels from `memory` on, `bytes` in all, which `full` will have
/// counted.
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

//===--------------------------------------------------------------------===//
// Rows of warps
//===--------------------------------------------------------------------===//

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

//===--------------------------------------------------------------------===//
// Roles
//===--------------------------------------------------------------------===//

class LowerRoles : public OpConversionPattern<tile::GroupRolesOp> {
public:
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(tile::GroupRolesOp op, OneToNOpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    NVVMBuilder b(op.getLoc(), rewriter);
    NVVM::Barrier0Op::create(b); // behind the initialisation of the channels
    int64_t consumers = int64_t(op.getConsumers());
    Value warp = uniformWarp(b), first = b.i32(consumers * tile::kGroupWarps);
    auto branch = scf::IfOp::create(b, b.compare(arith::CmpIPredicate::sge, warp, first),
                                    /*withElseRegion=*/true);
    b.setInsertionPoint(branch.thenYield());
    bool converts = !op.getConverter().empty();
    if (consumers > 1)
      setRegisters(b, converts ? kConverterRegisters : kProducerRegisters,
                   NVVM::SetMaxRegisterAction::decrease);
    // Warps part first, and lanes of the first one then: those of the others stay together.
    auto role =
        scf::IfOp::create(b, b.compare(arith::CmpIPredicate::eq, warp, first), /*withElseRegion=*/true);
    if (converts)
      rewriter.inlineBlockBefore(&op.getConverter().front(), role.elseYield());
    b.setInsertionPoint(role.thenYield());
    Value elected = NVVM::ElectSyncOp::create(b, b.getI1Type(), /*membermask=*/Value());
    auto alone = scf::IfOp::create(b, elected, /*withElseRegion=*/false);
    rewriter.inlineBlockBefore(&op.getProducer().front(), alone.thenYield());
    b.setInsertionPoint(branch.elseYield());
    if (consumers > 1)
      setRegisters(b, converts ? kConsumerRegistersBesideConverter : kConsumerRegisters,
                   NVVM::SetMaxRegisterAction::increase);
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

void populateGroupPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerChannel, LowerFill, LowerRelease, LowerRoles, LowerTurn, LowerWait, LowerWarpClear,
               LowerWarpFill, LowerWarpWait>(types, patterns.getContext());
}

} // namespace gqa
