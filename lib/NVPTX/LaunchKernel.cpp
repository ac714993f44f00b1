// Launches: a function of the host for each kernel, which writes the parameters down and calls the runtime,
// and calls of it with buffers and numbers. A model has many launches and few kernels.
#include "TileLowering.h"
#include "gqa/NVPTX/Passes.h"
#include "gqa/Runtime/Cuda.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"

using namespace mlir;

namespace gqa {
namespace {

constexpr int64_t kLanes = 32;

class Launcher {
public:
  Launcher(tile::KernelOp op, ArrayRef<Value> captures)
      : op(op), captures(captures), module(op->getParentOfType<ModuleOp>()), b(op.getLoc(), op),
        converter(op.getContext()) {}

  void run(func::FuncOp kernel, int64_t sharedBytes) {
    SmallVector<Value> given = arguments(sharedBytes);
    std::string name = ("gqa_launch_" + kernel.getName()).str();
    auto launcher = module.lookupSymbol<func::FuncOp>(name);
    if (!launcher)
      launcher = build(name, kernel.getName(), TypeRange(ValueRange(given)));
    func::CallOp::create(b, launcher, given);
  }

private:
  Type pointer() { return LLVM::LLVMPointerType::get(op.getContext()); }
  Value wide(Value index) { return arith::IndexCastOp::create(b, b.getI64Type(), index); }
  Value constant(int64_t value) { return arith::ConstantOp::create(b, b.getI64IntegerAttr(value)); }

  /// What the kernel captures and the grid's sizes, then the numbers that are the launch's own.
  SmallVector<Value> arguments(int64_t sharedBytes) {
    SmallVector<Value> given;
    for (Value capture : captures)
      given.push_back(isMap(capture) ? UnrealizedConversionCastOp::create(b, pointer(), capture).getResult(0)
                                     : capture);
    llvm::append_range(given, op.getSizes());
    given.append({op.getCluster() ? op.getCluster() : b.index(1), b.index(sharedBytes)});
    return given;
  }

  func::FuncOp build(StringRef name, StringRef kernel, TypeRange types) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfter(op->getParentOfType<func::FuncOp>());
    auto launcher = func::FuncOp::create(b, name, b.getFunctionType(types, {}));
    launcher.setPrivate();
    launcher->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
    b.setInsertionPointToStart(launcher.addEntryBlock());
    ValueRange parameters = ValueRange(launcher.getArguments()).drop_back(2);
    ValueRange numbers = ValueRange(launcher.getArguments()).take_back(2);
    Value blocks = b.index(1);
    for (Value size : parameters.drop_front(captures.size()))
      blocks = b.mul(blocks, size);
    Value one = constant(1), threads = constant(kLanes * int64_t(op.getWarps().value()));
    SmallVector<Value> arguments = {moduleAddress(b), nameOf(kernel), wide(blocks), one, one};
    arguments.append(
        {wide(numbers[0]), threads, wide(numbers[1]), constant(GQA_RT_CUDA_DEPENDENT), store(parameters)});
    auto type = b.getFunctionType(TypeRange(ValueRange(arguments)), {});
    func::CallOp::create(b, declareRuntime(module, "gqa_rt_cuda_launch", type), arguments);
    func::ReturnOp::create(b);
    return launcher;
  }

  /// Where the kernel's parameters are, in memory: of a buffer its whole descriptor, in order. A map is where
  /// the runtime has it.
  Value store(ValueRange parameters) {
    SmallVector<Value> places;
    for (auto [number, parameter] : llvm::enumerate(parameters)) {
      if (number < captures.size() && isMap(captures[number])) {
        places.push_back(parameter);
        continue;
      }
      for (Value field : fieldsOf(parameter)) {
        places.push_back(LLVM::AllocaOp::create(b, pointer(), field.getType(), constant(1)));
        LLVM::StoreOp::create(b, field, places.back());
      }
    }
    Value array = LLVM::AllocaOp::create(b, pointer(), pointer(), constant(int64_t(places.size())));
    for (auto [number, place] : llvm::enumerate(places))
      LLVM::StoreOp::create(
          b, place,
          LLVM::GEPOp::create(b, pointer(), pointer(), array, ArrayRef<LLVM::GEPArg>{int32_t(number)}));
    return array;
  }

  SmallVector<Value> fieldsOf(Value parameter) {
    auto type = dyn_cast<MemRefType>(parameter.getType());
    if (!type)
      return {parameter.getType().isIndex() ? wide(parameter) : parameter};
    SmallVector<Value> fields;
    Type structure = converter.convertType(type);
    Value descriptor = UnrealizedConversionCastOp::create(b, TypeRange(structure), parameter).getResult(0);
    MemRefDescriptor::unpack(b, op.getLoc(), descriptor, type, fields);
    return fields;
  }

  Value nameOf(StringRef kernel) {
    std::string text = kernel.str();
    text.push_back('\0');
    return LLVM::createGlobalString(op.getLoc(), b, ("gqa_name_of_" + kernel).str(), text,
                                    LLVM::Linkage::Internal);
  }

  tile::KernelOp op;
  ArrayRef<Value> captures;
  ModuleOp module;
  NVVMBuilder b;
  LLVMTypeConverter converter;
};

} // namespace

void launchKernel(tile::KernelOp op, ArrayRef<Value> captures, func::FuncOp kernel, int64_t sharedBytes) {
  Launcher(op, captures).run(kernel, sharedBytes);
}

} // namespace gqa
