// Why an operation stays on the host.
#include "Offload.h"
#include "gqa/Tile/Kernel.h"
#include "gqa/Tile/Target.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace gqa {

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
    if (!op.getMatchingIndexingMap(&output).isProjectedPermutation(/*allowZeroInResults=*/true))
      return "it writes to places that are not those of its loops";
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

} // namespace gqa
