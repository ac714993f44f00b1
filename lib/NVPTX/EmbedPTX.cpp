// gqa-embed-ptx: the text and the machine code of the kernels, and the variables that lead the runtime to
// them.
#include "gqa/NVPTX/Assemble.h"
#include "gqa/NVPTX/Passes.h"
#include "gqa/Runtime/Cuda.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace gqa {

#define GEN_PASS_DEF_EMBEDPTX
#include "gqa/NVPTX/Passes.h.inc"

namespace {

struct EmbedPTXPass : impl::EmbedPTXBase<EmbedPTXPass> {
  using EmbedPTXBase::EmbedPTXBase;

  void runOnOperation() override {
    ImplicitLocOpBuilder b(getOperation().getLoc(), OpBuilder::atBlockBegin(getOperation().getBody()));
    SmallVector<Field> images;
    SmallVector<gpu::BinaryOp> binaries(getOperation().getOps<gpu::BinaryOp>());
    // What every chip runs comes first.
    llvm::stable_sort(binaries, [](gpu::BinaryOp a, gpu::BinaryOp b) {
      return a.getSymName() != kGroupKernels && b.getSymName() == kGroupKernels;
    });
    for (gpu::BinaryOp binary : binaries) {
      if (failed(embed(binary, images, b)))
        return signalPassFailure();
      binary.erase();
    }
    if (getOperation().lookupSymbol(kCUDAModule)) // of a module without kernels as well
      embedImages(b, images);
  }

private:
  using Field = std::function<Value(ImplicitLocOpBuilder &)>;

  /// The text of a binary, and the machine code that is asked for. What is for one chip alone has a cubin for
  /// it as soon as there are any.
  LogicalResult embed(gpu::BinaryOp binary, SmallVectorImpl<Field> &images, ImplicitLocOpBuilder &b) {
    auto object = cast<gpu::ObjectAttr>(binary.getObjects()[0]);
    std::string text = object.getObject().getValue().rtrim('\0').str();
    StringRef chip = cast<NVVM::NVVMTargetAttr>(object.getTarget()).getChip();
    bool grouped = binary.getSymName() == kGroupKernels;
    StringRef name = grouped ? kCUDAGroupText : kCUDAText;
    bytes(b, name, text);
    llvm::append_range(images, image(b, chip, name, text.size(), GQA_RT_CUDA_PTX));
    if (grouped)
      return cubins.empty() ? success() : embedCubin(text, chip, images, b);
    for (unsigned number : cubins)
      if (failed(embedCubin(text, "sm_" + std::to_string(number), images, b)))
        return failure();
    return success();
  }

  LogicalResult embedCubin(StringRef text, StringRef chip, SmallVectorImpl<Field> &images,
                           ImplicitLocOpBuilder &b) {
    llvm::Expected<Cubin> cubin = assemble(text, chip);
    if (!cubin)
      return getOperation().emitError(llvm::toString(cubin.takeError()));
    for (const std::string &note : cubin->notes)
      getOperation().emitRemark("on ") << chip << ", " << note;
    std::string name = ("gqa_cuda_cubin_" + chip).str();
    bytes(b, name, cubin->code);
    llvm::append_range(images, image(b, chip, name, cubin->code.size(), GQA_RT_CUDA_CUBIN));
    return success();
  }

  /// A constant of these bytes, with a zero byte behind them.
  static void bytes(ImplicitLocOpBuilder &b, StringRef name, StringRef data) {
    std::string text = data.str();
    text.push_back('\0');
    auto type = LLVM::LLVMArrayType::get(b.getI8Type(), text.size());
    LLVM::GlobalOp::create(b, type, /*isConstant=*/true, LLVM::Linkage::Internal, name, b.getStringAttr(text),
                           /*alignment=*/16);
  }

  /// The fields of a gqa_rt_cuda_image.
  static SmallVector<Field> image(ImplicitLocOpBuilder &b, StringRef chip, StringRef data, size_t size,
                                  int64_t format) {
    std::string name = (data + "_chip").str();
    bytes(b, name, chip);
    return {address(name), address(data), number(int64_t(size)), number(format)};
  }

  void embedImages(ImplicitLocOpBuilder &b, ArrayRef<Field> fields) {
    constexpr size_t kFields = 4;
    int64_t count = int64_t(fields.size() / kFields);
    Type pointer = LLVM::LLVMPointerType::get(&getContext()), i64 = b.getI64Type();
    auto imageType = LLVM::LLVMStructType::getLiteral(&getContext(), {pointer, pointer, i64, i64});
    auto images = LLVM::GlobalOp::create(b, LLVM::LLVMArrayType::get(imageType, count), /*isConstant=*/true,
                                         LLVM::Linkage::Internal, "gqa_cuda_images", Attribute());
    fill(images, fields, [&](size_t index) -> SmallVector<int64_t> {
      return {int64_t(index / kFields), int64_t(index % kFields)};
    });
    auto module = getOperation().lookupSymbol<LLVM::GlobalOp>(kCUDAModule);
    Field null = [](ImplicitLocOpBuilder &b) -> Value {
      return LLVM::ZeroOp::create(b, LLVM::LLVMPointerType::get(b.getContext()));
    };
    fill(module, {address("gqa_cuda_images"), number(count), null},
         [](size_t index) -> SmallVector<int64_t> { return {int64_t(index)}; });
  }

  static Field address(StringRef name) {
    return [name = name.str()](ImplicitLocOpBuilder &b) -> Value {
      return LLVM::AddressOfOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), name);
    };
  }

  static Field number(int64_t value) {
    return [value](ImplicitLocOpBuilder &b) -> Value {
      return LLVM::ConstantOp::create(b, b.getI64Type(), b.getI64IntegerAttr(value));
    };
  }

  /// Initialises a variable; `position` says where in it a field is.
  static void fill(LLVM::GlobalOp global, ArrayRef<Field> fields,
                   function_ref<SmallVector<int64_t>(size_t)> position) {
    OpBuilder at(global.getContext());
    at.createBlock(&global.getInitializerRegion());
    ImplicitLocOpBuilder b(global.getLoc(), at);
    Value structure = LLVM::PoisonOp::create(b, global.getType());
    for (auto [index, field] : llvm::enumerate(fields))
      structure = LLVM::InsertValueOp::create(b, structure, field(b), position(index));
    LLVM::ReturnOp::create(b, structure);
  }
};

} // namespace
} // namespace gqa
