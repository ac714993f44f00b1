// A loop nest as a function: pointers and numbers go in, buffers are made of them there.
#include "LoopFunction.h"

#include "gqa/Pipeline/Buffers.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace gqa {
namespace {

bool isConstant(Value value) {
  Operation *op = value.getDefiningOp();
  return op && op->hasTrait<OpTrait::ConstantLike>();
}

bool canBeArgument(Type type) {
  if (auto buffer = dyn_cast<MemRefType>(type))
    return buffer.isStrided() && buffer.getMemorySpace() == nullptr;
  return type.isIntOrIndexOrFloat();
}

/// What a buffer's type leaves open, in the order of the arguments.
struct OpenParts {
  explicit OpenParts(MemRefType type) {
    int64_t start = 0;
    SmallVector<int64_t> steps;
    (void)type.getStridesAndOffset(steps, start); // it is strided
    offset = ShapedType::isDynamic(start);
    for (auto [dim, step] : llvm::enumerate(steps)) {
      if (type.isDynamicDim(dim))
        sizes.push_back(dim);
      if (ShapedType::isDynamic(step))
        strides.push_back(dim);
    }
  }

  size_t count() const { return offset + sizes.size() + strides.size(); }

  bool offset = false;
  SmallVector<unsigned> sizes, strides;
};

/// Whether no other of the values reaches the memory of `value`, as is known of what this function has
/// allocated: nothing from outside is in it, and no other allocation.
bool isAlone(Value value, ArrayRef<Value> all) {
  Value root = rootOf(value);
  if (!root.getDefiningOp<memref::AllocOp>())
    return false;
  auto isElsewhere = [&](Value other) {
    return other == value || !isa<MemRefType>(other.getType()) || areApart(root, rootOf(other));
  };
  return llvm::all_of(all, isElsewhere);
}

/// Arguments for a value, of which a buffer has several.
class Arguments {
public:
  explicit Arguments(ImplicitLocOpBuilder &b) : b(b), converter(b.getContext()) {}

  void addTypes(Value value, SmallVectorImpl<Type> &types) {
    auto buffer = dyn_cast<MemRefType>(value.getType());
    types.push_back(buffer ? Type(LLVM::LLVMPointerType::get(b.getContext())) : value.getType());
    if (buffer)
      types.append(OpenParts(buffer).count(), b.getI64Type());
  }

  void take(Value value, SmallVectorImpl<Value> &arguments) {
    auto type = dyn_cast<MemRefType>(value.getType());
    if (!type)
      return arguments.push_back(value);
    Value converted = UnrealizedConversionCastOp::create(b, converter.convertType(type), value).getResult(0);
    MemRefDescriptor buffer(converted);
    OpenParts parts(type);
    arguments.push_back(buffer.alignedPtr(b, b.getLoc()));
    if (parts.offset)
      arguments.push_back(buffer.offset(b, b.getLoc()));
    for (unsigned dim : parts.sizes)
      arguments.push_back(buffer.size(b, b.getLoc(), dim));
    for (unsigned dim : parts.strides)
      arguments.push_back(buffer.stride(b, b.getLoc(), dim));
  }

  /// A value of this type from the first of `arguments`, which are no longer in there.
  Value give(Type type, ValueRange &arguments) {
    auto next = [&] {
      Value first = arguments.front();
      arguments = arguments.drop_front();
      return first;
    };
    auto bufferType = dyn_cast<MemRefType>(type);
    if (!bufferType)
      return next();
    MemRefDescriptor buffer = withKnownParts(bufferType, next());
    OpenParts parts(bufferType);
    if (parts.offset)
      buffer.setOffset(b, b.getLoc(), next());
    for (unsigned dim : parts.sizes)
      buffer.setSize(b, b.getLoc(), dim, next());
    for (unsigned dim : parts.strides)
      buffer.setStride(b, b.getLoc(), dim, next());
    return UnrealizedConversionCastOp::create(b, type, Value(buffer)).getResult(0);
  }

private:
  MemRefDescriptor withKnownParts(MemRefType type, Value pointer) {
    MemRefDescriptor buffer = MemRefDescriptor::poison(b, b.getLoc(), converter.convertType(type));
    buffer.setAllocatedPtr(b, b.getLoc(), pointer);
    buffer.setAlignedPtr(b, b.getLoc(), pointer);
    auto [strides, offset] = type.getStridesAndOffset();
    if (!ShapedType::isDynamic(offset))
      buffer.setConstantOffset(b, b.getLoc(), uint64_t(offset));
    for (auto [dim, stride] : llvm::enumerate(strides)) {
      if (!type.isDynamicDim(dim))
        buffer.setConstantSize(b, b.getLoc(), dim, uint64_t(type.getDimSize(dim)));
      if (!ShapedType::isDynamic(stride))
        buffer.setConstantStride(b, b.getLoc(), dim, uint64_t(stride));
    }
    return buffer;
  }

  ImplicitLocOpBuilder &b;
  LLVMTypeConverter converter;
};

} // namespace

std::optional<LoopUse> findUse(linalg::LinalgOp op) {
  llvm::SetVector<Value> used(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), used);
  LoopUse use{op, {}, {}};
  for (Value value : used)
    (isConstant(value) ? use.constants : use.values).push_back(value);
  bool fits = llvm::all_of(use.values, [](Value value) { return canBeArgument(value.getType()); });
  return fits ? std::optional(use) : std::nullopt;
}

bool hasResultsApart(linalg::LinalgOp op) {
  std::optional<LoopUse> use = findUse(op);
  // An operand that is a result as well has two views in a task.
  return use && llvm::all_of(op.getDpsInits(), [&](Value result) {
           return isAlone(result, use->values) && llvm::count(op->getOperands(), result) == 1;
         });
}

func::FuncOp buildFunction(const LoopUse &use) {
  ImplicitLocOpBuilder b(use.op->getLoc(), use.op->getContext());
  Arguments arguments(b);
  SmallVector<Type> types;
  SmallVector<unsigned> alone;
  for (Value value : use.values) {
    bool isResult = llvm::is_contained(cast<linalg::LinalgOp>(use.op).getDpsInits(), value);
    if (isAlone(value, use.values) || (isResult && use.op->hasAttr(kResultsApart)))
      alone.push_back(types.size());
    arguments.addTypes(value, types);
  }
  auto function = func::FuncOp::create(b.getLoc(), "loops", b.getFunctionType(types, {}));
  function.setPrivate();
  // Inlined into a model of many layers they would be what they were.
  function->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
  for (unsigned argument : alone)
    function.setArgAttr(argument, LLVM::LLVMDialect::getNoAliasAttrName(), b.getUnitAttr());
  b.setInsertionPointToStart(function.addEntryBlock());
  IRMapping inside;
  ValueRange rest = function.getArguments();
  for (Value value : use.values)
    inside.map(value, arguments.give(value.getType(), rest));
  for (Value constant : use.constants)
    b.clone(*constant.getDefiningOp(), inside);
  b.clone(*use.op, inside);
  func::ReturnOp::create(b);
  return function;
}

void replaceByCall(const LoopUse &use, func::FuncOp function) {
  ImplicitLocOpBuilder b(use.op->getLoc(), use.op);
  Arguments arguments(b);
  SmallVector<Value> given;
  for (Value value : use.values)
    arguments.take(value, given);
  func::CallOp::create(b, function, given);
  use.op->erase();
}

} // namespace gqa
