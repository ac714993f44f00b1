// What may remain after each phase, so that a leak is found where it was made.
#include "gqa/Pipeline/Phases.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace gqa {
namespace {

/// Dialects of a graph: values, no memory, no code of the host. What a front end may hand to this compiler.
const llvm::StringSet<> graphDialects = {"affine", "arith", "bufferization", "builtin", "cf",   "complex",
                                         "func",   "gqa",   "index",         "linalg",  "math", "ml_program",
                                         "scf",    "shape", "tensor",        "ub"};
const llvm::StringSet<> bufferDialects = {
    "affine", "arith", "bufferization", "builtin", "cf",    "complex", "func", "index",  "linalg",
    "llvm",   "math",  "memref",        "scf",     "shape", "tile",    "ub",   "vector", "ml_program"};
/// The kernels of a GPU are in a module of their own until they are text.
const llvm::StringSet<> targetDialects = {"builtin", "gpu", "llvm", "nvvm"};
const llvm::StringSet<> binaryDialects = {"builtin", "llvm"};

const llvm::StringSet<> &dialectsAfter(Phase phase) {
  if (phase < Phase::Tiled)
    return graphDialects;
  if (phase == Phase::Tiled)
    return bufferDialects;
  return phase == Phase::Target ? targetDialects : binaryDialects;
}

/// More bytes than any address space has, in a type that some value has: nothing below checks such products.
bool isTooLarge(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  if (!shaped || !shaped.hasRank())
    return false;
  double bytes = 8;
  for (int64_t size : shaped.getShape())
    bytes *= ShapedType::isDynamic(size) || size == 0 ? 1.0 : double(size);
  return bytes >= 0x1p46;
}

LogicalResult verifyType(Operation *op, Type type, Phase phase) {
  if (phase < Phase::Tiled && isTooLarge(type))
    return op->emitError() << "type " << type << " is too large: at most 2^46 bytes can be addressed";
  if (phase >= Phase::Tiled && isa<TensorType>(type))
    return op->emitError() << "'" << op->getName() << "' still has a value of type " << type
                           << " after the phase '" << stringifyPhase(phase) << "'; expected buffers";
  return success();
}

/// Upstream verifies what the groups multiply to, not that they are all dimensions in order; everything below
/// relies on it.
LogicalResult verifyReassociation(Operation *op) {
  SmallVector<ReassociationIndices> groups;
  int64_t rank = 0;
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    groups = collapse.getReassociationIndices();
    rank = collapse.getSrcType().getRank();
  } else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    groups = expand.getReassociationIndices();
    rank = expand.getResultType().getRank();
  }
  int64_t next = 0;
  for (const ReassociationIndices &group : groups)
    for (int64_t dimension : group)
      if (dimension != next++)
        return op->emitError() << "'" << op->getName() << "' op groups dimension " << dimension << " where "
                               << next - 1 << " is next";
  if (!groups.empty() && next != rank)
    return op->emitError() << "'" << op->getName() << "' op groups " << next << " of " << rank
                           << " dimensions";
  return success();
}

/// A float of fewer than 16 bits that `op` takes or makes; null if there is none.
FloatType narrowFloatOf(Operation *op) {
  for (TypeRange types : {TypeRange(op->getOperandTypes()), TypeRange(op->getResultTypes())})
    for (Type type : types)
      if (auto element = dyn_cast<FloatType>(getElementTypeOrSelf(type)); element && element.getWidth() < 16)
        return element;
  return nullptr;
}

LogicalResult verifyOperation(Operation *op, Phase phase) {
  bool isUnknown = !dialectsAfter(phase).contains(op->getName().getDialectNamespace());
  if (FloatType narrow = isUnknown && phase >= Phase::Target ? narrowFloatOf(op) : nullptr)
    return op->emitError()
           << "'" << op->getName() << "' computes with " << narrow
           << "; of floats of 8 bits compiled code does nothing but widen f8E4M3FN and f8E5M2 "
              "(arith.extf, gqa.dequantize), so round and compute in 16 bits or more";
  if (isUnknown ||
      (phase >= Phase::Target && op->getName().getStringRef() == "builtin.unrealized_conversion_cast"))
    return op->emitError() << "'" << op->getName() << "' may not be in a module after the phase '"
                           << stringifyPhase(phase) << "'";
  if (phase < Phase::Tiled && failed(verifyReassociation(op)))
    return failure();
  // What it would call is whatever the process has under that name.
  if (auto function = dyn_cast<func::FuncOp>(op); function && function.isExternal() && phase < Phase::Tiled)
    return op->emitError() << "function '" << function.getName()
                           << "' has no body; a graph cannot call foreign code";
  for (Type type : op->getResultTypes())
    if (failed(verifyType(op, type, phase)))
      return failure();
  for (Region &region : op->getRegions())
    for (Block &block : region)
      for (Type type : block.getArgumentTypes())
        if (failed(verifyType(op, type, phase)))
          return failure();
  return success();
}

} // namespace

LogicalResult verifyPhase(ModuleOp module, Phase phase) {
  WalkResult result = module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    return failed(verifyOperation(op, phase)) ? WalkResult::interrupt() : WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

} // namespace gqa
