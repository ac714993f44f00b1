// tile.kernel: a function of the device, and a launch of it for every point of the grid.
#include "TileLowering.h"
#include "gqa/NVPTX/Passes.h"

#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kLanes = 32;
constexpr int64_t kMapBytes = 128; // of a tensor map

class Outliner {
public:
  Outliner(tile::KernelOp op, Operation *kernels) : op(op), kernels(kernels), b(op.getLoc(), op) {}

  func::FuncOp run() {
    collectCaptures();
    if (failed(checkParameters()))
      return nullptr;
    int64_t sharedBytes = planSharedMemory(op);
    func::FuncOp function = buildFunction();
    if (func::FuncOp same = findSame(function)) {
      function.erase();
      function = same;
    }
    launchKernel(op, captures, function, sharedBytes);
    op.erase();
    return function;
  }

private:
  int64_t threads() { return kLanes * int64_t(op.getWarps().value()); }
  Type pointer() { return LLVM::LLVMPointerType::get(op.getContext()); }

  /// Values from outside that the body reads. Constants come along instead, so that static sizes stay known.
  void collectCaptures() {
    SetVector<Value> used;
    getUsedValuesDefinedAbove(op.getBody(), used);
    for (Value value : used) {
      Operation *constant = value.getDefiningOp();
      if (!constant || !constant->hasTrait<OpTrait::ConstantLike>()) {
        captures.push_back(value);
        continue;
      }
      OpBuilder inside = OpBuilder::atBlockBegin(&op.getBody().front());
      replaceInside(value, inside.clone(*constant)->getResult(0));
    }
  }

  /// Loops that share a kernel, or stay on the host, are counted before: this is for all others, such as an
  /// attention with a score region that captures many tensors.
  LogicalResult checkParameters() {
    constexpr int64_t kMost = 4352, kWord = 8; // before PTX 8.1
    int64_t bytes = kWord * int64_t(op.getSizes().size());
    for (Value capture : captures) {
      auto buffer = dyn_cast<MemRefType>(capture.getType());
      bytes += isMap(capture) ? kMapBytes : kWord * (buffer ? 3 + 2 * buffer.getRank() : 1);
    }
    if (bytes <= kMost)
      return success();
    return op.emitError("cannot be compiled for cuda: a kernel's buffers and numbers take ")
           << bytes << " bytes of parameters; expected " << kMost << " at most";
  }

  void replaceInside(Value value, Value by) {
    value.replaceUsesWithIf(
        by, [&](OpOperand &use) { return op.getBody().isAncestor(use.getOwner()->getParentRegion()); });
  }

  /// The kernel: captures are its parameters, then the grid's sizes.
  func::FuncOp buildFunction() {
    SmallVector<Type> types = llvm::map_to_vector(
        captures, [&](Value value) { return isMap(value) ? pointer() : value.getType(); });
    types.append(op.getSizes().size(), b.getIndexType());
    bool hasRoles = !op.getOps<tile::GroupRolesOp>().empty();
    std::string name =
        op->getParentOfType<func::FuncOp>().getName().str() + (isForGroupChip(op) ? "_sm_90a" : "");
    auto function = func::FuncOp::create(op.getLoc(), name, b.getFunctionType(types, {}));
    function->setAttr(kThreads, b.getI64IntegerAttr(threads()));
    if (hasRoles) // a task has all of them, and deals them out
      function->setAttr(kResident, b.getI64IntegerAttr(1));
    else if (Attribute resident = op->getAttr(kResident))
      function->setAttr(kResident, resident);
    SymbolTable(kernels).insert(function); // renames it if the function has several kernels
    Block *entry = function.addEntryBlock();
    NVVMBuilder inside(op.getLoc(), entry, entry->end());
    ValueRange arguments = function.getArguments();
    for (auto [number, capture] : llvm::enumerate(captures)) {
      Value argument = arguments[number];
      if (isMap(capture)) {
        passByValue(function, number);
        argument = UnrealizedConversionCastOp::create(inside, capture.getType(), argument).getResult(0);
      }
      replaceInside(capture, argument);
    }
    SmallVector<Value> point = delinearize(inside, arguments.drop_front(captures.size()));
    Block &body = op.getBody().front();
    for (auto [argument, value] : llvm::zip(body.getArguments(), point))
      argument.replaceAllUsesWith(value);
    body.getTerminator()->erase();
    entry->getOperations().splice(entry->end(), body.getOperations());
    inside.setInsertionPointToEnd(entry);
    func::ReturnOp::create(inside);
    return function;
  }

  /// An earlier kernel that does the same: a model's layers share theirs.
  func::FuncOp findSame(func::FuncOp function) {
    auto withoutName = [](func::FuncOp each) {
      NamedAttrList attributes(each->getAttrDictionary());
      attributes.erase(SymbolTable::getSymbolAttrName());
      return attributes.getDictionary(each.getContext());
    };
    for (auto earlier : kernels->getRegion(0).getOps<func::FuncOp>())
      if (earlier != function && withoutName(earlier) == withoutName(function) &&
          OperationEquivalence::isRegionEquivalentTo(&earlier.getBody(), &function.getBody(),
                                                     OperationEquivalence::IgnoreLocations))
        return earlier;
    return nullptr;
  }

  /// A tensor map is a parameter of 128 bytes, not the address of one.
  void passByValue(func::FuncOp function, unsigned number) {
    auto type = LLVM::LLVMArrayType::get(b.getI8Type(), kMapBytes);
    function.setArgAttr(number, LLVM::LLVMDialect::getByValAttrName(), TypeAttr::get(type));
    function.setArgAttr(number, LLVM::LLVMDialect::getAlignAttrName(), b.getI64IntegerAttr(kMapBytes));
  }

  /// The point of the grid that a block is; the last dimension is that of neighbours.
  static SmallVector<Value> delinearize(NVVMBuilder &inside, ValueRange sizes) {
    Value rest = NVVM::BlockIdXOp::create(inside, inside.getI32Type());
    SmallVector<Value> point(sizes.size());
    for (size_t dim = sizes.size(); dim-- > 1;) {
      Value size = inside.toI32(sizes[dim]);
      point[dim] = inside.toIndex(arith::RemUIOp::create(inside, rest, size));
      rest = arith::DivUIOp::create(inside, rest, size);
    }
    point[0] = inside.toIndex(rest);
    return point;
  }

  tile::KernelOp op;
  Operation *kernels;
  NVVMBuilder b;
  SmallVector<Value> captures;
};

} // namespace

bool isForGroupChip(tile::KernelOp kernel) { return !kernel.getOps<tile::GroupChannelOp>().empty(); }

func::FuncOp outlineKernel(tile::KernelOp kernel, Operation *kernels) {
  return Outliner(kernel, kernels).run();
}

void declareCUDAModule(ModuleOp module) {
  if (module.lookupSymbol(kCUDAModule))
    return;
  // gqa_rt_cuda_module: images, how many, and the runtime's state. EmbedPTX.cpp fills it.
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(module.getContext());
  auto type = LLVM::LLVMStructType::getLiteral(module.getContext(), {pointer, builder.getI64Type(), pointer});
  LLVM::GlobalOp::create(builder, module.getLoc(), type, /*isConstant=*/false, LLVM::Linkage::External,
                         kCUDAModule, Attribute());
}

Value moduleAddress(NVVMBuilder &b) {
  declareCUDAModule(b.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>());
  return LLVM::AddressOfOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), kCUDAModule);
}

func::FuncOp declareRuntime(ModuleOp module, StringRef name, FunctionType type) {
  if (auto declared = module.lookupSymbol<func::FuncOp>(name))
    return declared;
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  auto function = func::FuncOp::create(builder, module.getLoc(), name, type);
  function.setPrivate();
  return function;
}

} // namespace gqa
