// tile.kernel: a task function, and a call of the runtime that runs it for every point of the grid on all
// cores.
#include "TileLowering.h"

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr StringLiteral kParallelFor = "gqa_rt_parallel_for";

/// The runtime's `void gqa_rt_parallel_for(int64_t n, int64_t work, void (*task)(int64_t, void *), void *)`.
func::FuncOp declareParallelFor(ModuleOp module) {
  if (auto declared = module.lookupSymbol<func::FuncOp>(kParallelFor))
    return declared;
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(module.getContext());
  auto type = builder.getFunctionType({builder.getI64Type(), builder.getI64Type(), pointer, pointer}, {});
  auto function = func::FuncOp::create(builder, module.getLoc(), kParallelFor, type);
  function.setPrivate();
  return function;
}

class Outliner {
public:
  explicit Outliner(tile::KernelOp op)
      : op(op), module(op->getParentOfType<ModuleOp>()), b(op.getLoc(), op), converter(op.getContext()) {}

  LogicalResult run() {
    collectCaptures();
    SmallVector<Type> fields;
    for (Value capture : captures) {
      Type type = capture.getType(), field = fieldType(type);
      if (field != type && !isa<MemRefType, IndexType>(type))
        return op.emitOpError("uses a value of type ")
               << type << " from outside, which cannot be passed to a task in memory";
      fields.push_back(field);
    }
    context = LLVM::LLVMStructType::getLiteral(op.getContext(), fields);
    func::FuncOp task = buildTask();
    buildLaunch(task);
    op.erase();
    return success();
  }

private:
  Type pointer() { return LLVM::LLVMPointerType::get(op.getContext()); }

  /// Values from outside that the body reads. Constants come along instead, so that static sizes stay known.
  void collectCaptures() {
    SetVector<Value> used;
    getUsedValuesDefinedAbove(op.getBody(), used);
    for (Value value : used) {
      if (Operation *constant = value.getDefiningOp();
          constant && constant->hasTrait<OpTrait::ConstantLike>()) {
        OpBuilder inside = OpBuilder::atBlockBegin(&op.getBody().front());
        replaceInside(value, inside.clone(*constant)->getResult(0));
      } else {
        captures.push_back(value);
      }
    }
    captures.append(op.getSizes().begin(), op.getSizes().end());
  }

  void replaceInside(Value value, Value by) {
    value.replaceUsesWithIf(
        by, [&](OpOperand &use) { return op.getBody().isAncestor(use.getOwner()->getParentRegion()); });
  }

  Type fieldType(Type type) { return type.isIndex() ? b.getI64Type() : converter.convertType(type); }

  Value toField(Value value) {
    if (value.getType().isIndex())
      return arith::IndexCastOp::create(b, b.getI64Type(), value);
    if (!isa<MemRefType>(value.getType()))
      return value;
    return UnrealizedConversionCastOp::create(b, TypeRange(fieldType(value.getType())), value).getResult(0);
  }

  Value fromField(IndexBuilder &inside, Value field, Type type) {
    if (type.isIndex())
      return arith::IndexCastOp::create(inside, type, field);
    if (!isa<MemRefType>(type))
      return field;
    return UnrealizedConversionCastOp::create(inside, TypeRange(type), field).getResult(0);
  }

  Value fieldAddress(IndexBuilder &at, Value base, size_t field) {
    return LLVM::GEPOp::create(at, pointer(), context, base,
                               ArrayRef<LLVM::GEPArg>{0, static_cast<int32_t>(field)});
  }

  /// The function that runs one task: unpacks the context, turns the task's number into a point of the grid.
  func::FuncOp buildTask() {
    auto parent = op->getParentOfType<func::FuncOp>();
    auto type = b.getFunctionType({b.getI64Type(), pointer()}, {});
    auto task = func::FuncOp::create(op.getLoc(), (parent.getName() + "_task").str(), type);
    task.setPrivate();
    // Written for the machine already, unless there are loops in it; code generation has a shorter way for
    // it.
    if (op.getBody().getOps<linalg::LinalgOp>().empty()) {
      SmallVector<Attribute> toLLVM = {b.getStringAttr("gqa-kernel")};
      if (auto model = op->getAttrOfType<StringAttr>(kSchedulingModel))
        toLLVM.push_back(b.getStrArrayAttr({"tune-cpu", model.getValue()}));
      task->setAttr("passthrough", b.getArrayAttr(toLLVM));
    }
    // Renames it if the function has several kernels.
    SymbolTable(module).insert(task, std::next(Block::iterator(parent)));
    IndexBuilder inside(op.getLoc(), task.addEntryBlock(), task.getBody().front().end());
    SmallVector<Value> unpacked;
    for (auto [number, capture] : llvm::enumerate(captures)) {
      Value address = fieldAddress(inside, task.getArgument(1), number);
      Value field = LLVM::LoadOp::create(inside, context.getBody()[number], address);
      unpacked.push_back(fromField(inside, field, capture.getType()));
    }
    SmallVector<Value> point =
        delinearize(inside, task.getArgument(0), ArrayRef(unpacked).take_back(op.getSizes().size()));
    for (auto [capture, value] : llvm::zip(ArrayRef(captures).drop_back(point.size()), unpacked))
      replaceInside(capture, value);
    Block &body = op.getBody().front();
    for (auto [argument, value] : llvm::zip(body.getArguments(), point))
      argument.replaceAllUsesWith(value);
    body.getTerminator()->erase();
    task.getBody().front().getOperations().splice(task.getBody().front().end(), body.getOperations());
    inside.setInsertionPointToEnd(&task.getBody().front());
    func::ReturnOp::create(inside);
    return task;
  }

  SmallVector<Value> delinearize(IndexBuilder &inside, Value number, ArrayRef<Value> sizes) {
    Value rest = arith::IndexCastOp::create(inside, inside.getIndexType(), number);
    SmallVector<Value> point(sizes.size());
    for (size_t dim = sizes.size(); dim-- > 1;) {
      point[dim] = inside.rem(rest, sizes[dim]);
      rest = inside.div(rest, sizes[dim]);
    }
    point[0] = rest;
    return point;
  }

  void buildLaunch(func::FuncOp task) {
    Value tasks = b.index(1), room = allocateContext();
    for (auto [number, capture] : llvm::enumerate(captures))
      LLVM::StoreOp::create(b, toField(capture), fieldAddress(b, room, number));
    for (Value size : op.getSizes())
      tasks = b.mul(tasks, size);
    Value count = arith::IndexCastOp::create(b, b.getI64Type(), tasks);
    Value constant = func::ConstantOp::create(b, task.getFunctionType(), task.getName());
    Value address = UnrealizedConversionCastOp::create(b, TypeRange(pointer()), constant).getResult(0);
    Value work = op.getWork() ? op.getWork() : b.index(INT64_MAX); // unknown: worth all cores
    Value cost = arith::IndexCastOp::create(b, b.getI64Type(), work);
    func::CallOp::create(b, declareParallelFor(module), ValueRange{count, cost, address, room});
  }

  /// Where the function begins: in a loop there would be more of it with each iteration.
  Value allocateContext() {
    Block &entry = op->getParentOfType<func::FuncOp>().getBody().front();
    IndexBuilder atEntry(op.getLoc(), &entry, entry.begin());
    Value one = arith::ConstantOp::create(atEntry, atEntry.getI64IntegerAttr(1));
    return LLVM::AllocaOp::create(atEntry, pointer(), context, one, /*alignment=*/64);
  }

  tile::KernelOp op;
  ModuleOp module;
  IndexBuilder b;
  LLVMTypeConverter converter;
  SmallVector<Value> captures; // the sizes of the grid come last
  LLVM::LLVMStructType context;
};

} // namespace

LogicalResult outlineKernel(tile::KernelOp op) { return Outliner(op).run(); }

void lowerScratch(tile::KernelOp kernel) {
  Block &body = kernel.getBody().front();
  OpBuilder atEnd(body.getTerminator());
  auto allocate = [&](OpBuilder &builder, Location loc, MemRefType type, ValueRange sizes) -> Value {
    Value memory = memref::AllocOp::create(builder, loc, type, sizes, builder.getI64IntegerAttr(64));
    memref::DeallocOp::create(atEnd, loc, memory);
    return memory;
  };
  // What has a known size lies in one block, each piece at the start of a line.
  constexpr int64_t kLine = 64;
  int64_t total = 0;
  SmallVector<std::pair<tile::ScratchOp, int64_t>> pieces;
  for (auto scratch : llvm::make_early_inc_range(body.getOps<tile::ScratchOp>())) {
    auto type = cast<MemRefType>(scratch.getMemory().getType());
    if (!type.hasStaticShape()) {
      OpBuilder builder(scratch);
      Value memory = allocate(builder, scratch.getLoc(), type, scratch.getSizes());
      scratch.getMemory().replaceAllUsesWith(memory);
      scratch.erase();
      continue;
    }
    pieces.push_back({scratch, total});
    int64_t bytes = type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
    total += llvm::alignTo(bytes, kLine);
  }
  if (pieces.empty())
    return;
  OpBuilder atStart = OpBuilder::atBlockBegin(&body); // not before: what was first may be gone
  auto type = MemRefType::get({total}, atStart.getI8Type());
  Value block = allocate(atStart, kernel.getLoc(), type, {});
  for (auto [scratch, offset] : pieces) {
    OpBuilder builder(scratch);
    Value start = arith::ConstantIndexOp::create(builder, scratch.getLoc(), offset);
    Value piece = memref::ViewOp::create(builder, scratch.getLoc(), scratch.getMemory().getType(), block,
                                         start, ValueRange());
    scratch.getMemory().replaceAllUsesWith(piece);
    scratch.erase();
  }
}

} // namespace gqa
