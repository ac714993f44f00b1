// gqa-prepare-entry: from a function of a graph to one that a host can call.
#include "gqa/Dialect/GQA/GQA.h"
#include "gqa/Pipeline/Entry.h"
#include "gqa/Pipeline/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_PREPAREENTRY
#include "gqa/Pipeline/Passes.h.inc"

FailureOr<func::FuncOp> findEntry(ModuleOp module, StringRef name) {
  if (!name.empty() || module.lookupSymbol<func::FuncOp>("main")) {
    auto function = module.lookupSymbol<func::FuncOp>(name.empty() ? "main" : name);
    if (!function)
      return emitError(module.getLoc()) << "the module has no function '" << name << "'";
    if (function.isExternal())
      return function.emitError() << "function '" << function.getName() << "' has no body";
    return function;
  }
  func::FuncOp found;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isExternal())
      continue;
    if (found)
      return emitError(module.getLoc())
             << "the module has several public functions, '" << found.getName() << "' and '"
             << function.getName() << "' among them, and no 'main'; name one";
    found = function;
  }
  if (!found)
    return emitError(module.getLoc()) << "the module has no function that can be called";
  return found;
}

namespace {

/// What `type` is at the boundary: itself, or a rank-0 tensor for a scalar; null if the host cannot pass it.
RankedTensorType boundaryType(Type type) {
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return tensor.getElementType().isIntOrFloat() ? tensor : nullptr;
  if (type.isIndex())
    return RankedTensorType::get({}, IntegerType::get(type.getContext(), 64));
  return type.isIntOrFloat() ? RankedTensorType::get({}, type) : nullptr;
}

Value unwrap(OpBuilder &builder, Location loc, Value tensor, Type scalar) {
  Value element = tensor::ExtractOp::create(builder, loc, tensor, ValueRange());
  return scalar.isIndex() ? arith::IndexCastOp::create(builder, loc, scalar, element) : element;
}

Value wrap(OpBuilder &builder, Location loc, Value scalar, RankedTensorType type) {
  if (scalar.getType().isIndex())
    scalar = arith::IndexCastOp::create(builder, loc, type.getElementType(), scalar);
  return tensor::FromElementsOp::create(builder, loc, type, ValueRange(scalar));
}

/// The source of a chain of operations that may share their operand's buffer.
Value bufferRoot(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp, tensor::ReshapeOp,
             tensor::ExtractSliceOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

/// Whether something may be done in place that writes to `tensor`: the others have no use of a buffer that
/// they can write to, and a graph's position is read where it is needed if it stays until the end.
bool isWrittenTo(Value tensor) {
  return llvm::any_of(tensor.getUses(), [](OpOperand &use) {
    Operation *user = use.getOwner();
    if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(user))
      return isWrittenTo(user->getResult(0));
    if (auto destination = dyn_cast<DestinationStyleOpInterface>(user))
      return destination.isDpsInit(&use);
    if (isa<AppendKVOp>(user))
      return use.getOperandNumber() == 0;
    return user->getNumRegions() > 0 && !isa<AttentionOp>(user);
  });
}

LogicalResult convertArguments(func::FuncOp entry, ArrayRef<int64_t> donated) {
  Block &body = entry.getBody().front();
  OpBuilder builder = OpBuilder::atBlockBegin(&body);
  for (BlockArgument argument : body.getArguments()) {
    Type type = argument.getType();
    RankedTensorType tensor = boundaryType(type);
    if (!tensor)
      return entry.emitError() << "argument " << argument.getArgNumber() << " of '" << entry.getName()
                               << "' has type " << type << "; expected a ranked tensor or a number";
    unsigned number = argument.getArgNumber();
    entry.setArgAttr(number, bufferization::BufferizationDialect::kWritableAttrName,
                     builder.getBoolAttr(donated[number] >= 0 && isWrittenTo(argument)));
    if (donated[number] >= 0) {
      entry.setArgAttr(number, kDonatedAttr, builder.getI64IntegerAttr(donated[number]));
      if (!isWrittenTo(argument))
        entry.setArgAttr(number, kWrittenLastAttr, builder.getUnitAttr());
    }
    if (tensor == type)
      continue;
    argument.setType(tensor);
    if (argument.use_empty())
      continue;
    Value scalar = unwrap(builder, argument.getLoc(), argument, type);
    Operation *extract =
        type.isIndex() ? scalar.getDefiningOp()->getOperand(0).getDefiningOp() : scalar.getDefiningOp();
    argument.replaceAllUsesExcept(scalar, extract);
  }
  return success();
}

LogicalResult convertResults(func::FuncOp entry, ArrayRef<int64_t> donated) {
  Operation *terminator = entry.getBody().front().getTerminator();
  OpBuilder builder(terminator);
  llvm::DenseSet<Value> returned;
  // A result that is an argument as it came, donated to it, is there already.
  llvm::DenseMap<unsigned, Value> donors;
  for (auto [argument, result] : llvm::enumerate(donated))
    if (result >= 0)
      donors[unsigned(result)] = entry.getArgument(unsigned(argument));
  // Those that arguments are donated to come first: of two that are one buffer, the other is the copy.
  SmallVector<OpOperand *> operands;
  for (bool isDonated : {true, false})
    for (OpOperand &operand : terminator->getOpOperands())
      if (donors.contains(operand.getOperandNumber()) == isDonated)
        operands.push_back(&operand);
  for (OpOperand *each : operands) {
    OpOperand &operand = *each;
    Value value = operand.get();
    RankedTensorType tensor = boundaryType(value.getType());
    if (!tensor)
      return entry.emitError() << "result " << operand.getOperandNumber() << " of '" << entry.getName()
                               << "' has type " << value.getType()
                               << "; expected a ranked tensor or a number";
    if (tensor != value.getType()) {
      operand.set(wrap(builder, entry.getLoc(), value, tensor));
      continue;
    }
    // A result is the caller's own: not an argument, not a constant, not another result.
    Value root = bufferRoot(value);
    if (value == donors.lookup(operand.getOperandNumber()))
      continue;
    if (isa<BlockArgument>(root) || isa_and_present<arith::ConstantOp>(root.getDefiningOp()) ||
        !returned.insert(root).second)
      operand.set(bufferization::AllocTensorOp::create(builder, entry.getLoc(), tensor, ValueRange(), value));
  }
  return success();
}

struct PrepareEntryPass : impl::PrepareEntryBase<PrepareEntryPass> {
  using PrepareEntryBase::PrepareEntryBase;

  void runOnOperation() override {
    FailureOr<func::FuncOp> entry = findEntry(getOperation(), function);
    if (failed(entry))
      return signalPassFailure();
    if (!entry->getBody().hasOneBlock()) {
      entry->emitError() << "function '" << entry->getName()
                         << "' has several blocks; expected one, without branches";
      return signalPassFailure();
    }
    FailureOr<SmallVector<int64_t>> donated = donatedResults(*entry);
    if (failed(donated) || failed(convertArguments(*entry, *donated)) ||
        failed(convertResults(*entry, *donated)))
      return signalPassFailure();
    Block &body = entry->getBody().front();
    entry->setFunctionType(
        FunctionType::get(&getContext(), body.getArgumentTypes(), body.getTerminator()->getOperandTypes()));
    for (auto other : getOperation().getOps<func::FuncOp>())
      if (other != *entry) {
        other.setPrivate();
        other->removeAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName());
      }
    entry->setPublic();
    (*entry)->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(), UnitAttr::get(&getContext()));
  }
};

} // namespace
} // namespace gqa
