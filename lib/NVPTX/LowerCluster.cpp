// Tasks that run together (sm_90 and later), and kernels: barriers of a cluster, memory of one task that the
// others read, and when kernels wait for those in front, or let those behind come.
#include "TileLowering.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace gqa {
namespace {

struct LowerBarrier : WarpPattern<tile::ClusterBarrierOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::ClusterBarrierOp, Adaptor, NVVMBuilder &b) const override {
    NVVM::ClusterArriveOp::create(b, /*aligned=*/b.getUnitAttr());
    NVVM::ClusterWaitOp::create(b, /*aligned=*/b.getUnitAttr());
    return {};
  }
};

struct LowerLaunchDependents : WarpPattern<tile::LaunchDependentsOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::LaunchDependentsOp op, Adaptor, NVVMBuilder &b) const override {
    NVVM::GriddepcontrolOp::create(b, NVVM::GridDepActionKind::launch_dependents);
    return {};
  }
};

struct LowerAwaitDependencies : WarpPattern<tile::AwaitDependenciesOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::AwaitDependenciesOp, Adaptor, NVVMBuilder &b) const override {
    NVVM::GriddepcontrolOp::create(b, NVVM::GridDepActionKind::wait);
    return {};
  }
};

struct LowerPeer : WarpPattern<tile::ClusterPeerOp> {
  using WarpPattern::WarpPattern;

  SmallVector<Values> lower(tile::ClusterPeerOp op, Adaptor operands, NVVMBuilder &b) const override {
    Value own = memref::ExtractAlignedPointerAsIndexOp::create(b, operands.getOwn().front());
    Value address = arith::IndexCastOp::create(b, b.getI64Type(), own);
    Type pointer = LLVM::LLVMPointerType::get(b.getContext());
    own = LLVM::IntToPtrOp::create(b, pointer, address);
    Value peer = NVVM::MapaOp::create(b, pointer, own, b.toI32(operands.getRank().front()));
    LLVMTypeConverter converter(b.getContext());
    auto type = cast<MemRefType>(op.getPeer().getType());
    Value descriptor = MemRefDescriptor::fromStaticShape(b, b.getLoc(), converter, type, peer);
    return {{UnrealizedConversionCastOp::create(b, TypeRange(type), descriptor).getResult(0)}};
  }
};

} // namespace

void populateClusterPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerAwaitDependencies, LowerBarrier, LowerLaunchDependents, LowerPeer>(types,
                                                                                       patterns.getContext());
}

} // namespace gqa
