// Why something stays on the host, or runs slowly on the device.
#include "BufferUses.h"
#include "LoopKernel.h"
#include "Offload.h"
#include "gqa/Dialect/Tile/Tile.h"
#include "gqa/Tile/Kernel.h"
#include "gqa/Tile/Target.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

using namespace mlir;

namespace gqa {
namespace {

/// Whether each loop is one dimension at most, and what no loop is has one place: also where there are more
/// dimensions than loops.
bool isPlaceOfLoops(AffineMap map) {
  llvm::SmallDenseSet<AffineExpr> seen;
  return llvm::all_of(map.getResults(), [&](AffineExpr expr) {
    return isa<AffineConstantExpr>(expr) || (isa<AffineDimExpr>(expr) && seen.insert(expr).second);
  });
}

/// The first operation in a loop by which the host itself reads or writes memory; null if there is none.
Operation *findMemoryUse(Operation *loop) {
  Operation *found = nullptr;
  loop->walk<WalkOrder::PreOrder>([&](Operation *inner) {
    if (isa<tile::KernelOp>(inner))
      return WalkResult::skip();
    if (!isa<linalg::LinalgOp, memref::LoadOp, memref::StoreOp, memref::CopyOp>(inner))
      return WalkResult::advance();
    found = inner;
    return WalkResult::interrupt();
  });
  return found;
}

int64_t countLaunches(Operation *loop) {
  int64_t count = 0;
  loop->walk(
      [&](Operation *inner) { count += isa<tile::KernelOp, tile::DeviceMatmulOp, func::CallOp>(inner); });
  return count;
}

} // namespace

bool isForKernel(Type type) {
  if (auto number = dyn_cast<ComplexType>(type))
    return number.getElementType().isF32() || number.getElementType().isF64();
  return type.isIndex() || (type.isIntOrFloat() && type.getIntOrFloatBitWidth() <= 64);
}

std::string whyOnHost(linalg::LinalgOp op) {
  std::string text;
  llvm::raw_string_ostream out(text);
  if (!op.hasPureBufferSemantics() || op->getNumRegions() != 1)
    return "it is not a loop over buffers";
  for (OpOperand &operand : op->getOpOperands())
    if (Type type = getElementTypeOrSelf(operand.get().getType()); !isForKernel(type))
      return out << "its operands are of type " << type, text;
  for (OpOperand &output : op.getDpsInitsMutable())
    if (!isPlaceOfLoops(op.getMatchingIndexingMap(&output)))
      return "it writes to places that are not those of its loops";
  if (size_t words = countParameters(op); words > kMostParameters)
    return out << "its buffers take " << 8 * words << " bytes of parameters; expected " << 8 * kMostParameters
               << " at most",
           text;
  for (Operation &inner : op->getRegion(0).front()) {
    bool known = isa_and_nonnull<arith::ArithDialect, math::MathDialect, complex::ComplexDialect,
                                 affine::AffineDialect, index::IndexDialect>(inner.getDialect()) ||
                 isa<linalg::IndexOp, linalg::YieldOp, memref::LoadOp, memref::DimOp, cf::AssertOp>(inner);
    if (!known || inner.getNumRegions() || !hasDeviceLowering(inner))
      return out << "'" << inner.getName() << "' has no lowering for the device", text;
    for (Type type : inner.getResultTypes())
      if (!isForKernel(type))
        return out << "it computes numbers of type " << type, text;
  }
  return "";
}

std::string whyReducedAlone(linalg::LinalgOp op) {
  if (!reducesMany(op) || isRowReduction(op) || isColumnReduction(op))
    return "";
  int64_t count = countReduced(op);
  std::string text;
  llvm::raw_string_ostream out(text);
  if (!ShapedType::isDynamic(count))
    out << count << " elements for each point; ";
  return out << "expected sums, products, minima or maxima, or the place of one of these", text;
}

void explainHostLoops(func::FuncOp function) {
  if (isForDeallocation(function))
    return;
  function.walk<WalkOrder::PreOrder>([](Operation *op) {
    if (isa<tile::KernelOp, linalg::LinalgOp>(op))
      return WalkResult::skip();
    auto loop = dyn_cast<LoopLikeOpInterface>(op);
    if (!loop)
      return WalkResult::advance();
    if (int64_t launches = countLaunches(op)) {
      op->emitRemark("the host runs this loop: ")
          << launches << (launches == 1 ? " launch" : " launches") << " in each iteration";
    } else if (Operation *use = findMemoryUse(op)) {
      op->emitRemark("the host runs this loop and computes in it, between kernels: found '")
          << use->getName() << "'";
    }
    return WalkResult::skip();
  });
}

} // namespace gqa
