// Groups of warps with roles: who does what, whose turn it is, and who gets the registers. For sm_90a.
#include "TileLowering.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace gqa {
namespace {

// Of 65536 registers a thread has 168 in a block of 384 threads; the producer gives its own away, but for
// what those beside it need that convert. Where one group multiplies, there are enough for all.
constexpr int64_t kProducerRegisters = 24, kConsumerRegisters = 240;
constexpr int64_t kConverterRegisters = 72, kConsumerRegistersBesideConverter = 216;

/// The number of the thread's warp, known to be the same in all of its lanes.
Value uniformWarp(NVVMBuilder &b) {
  return NVVM::ShflOp::create(b, b.getI32Type(), b.i32(-1), b.shiftRight(b.thread(), 5), b.i32(0), b.i32(31),
                              NVVM::ShflKind::idx, UnitAttr());
}

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

void populateGroupPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerRoles, LowerTurn>(types, patterns.getContext());
}

} // namespace gqa
