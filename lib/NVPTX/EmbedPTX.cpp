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
    for (auto binary : llvm::make_early_inc_range(getOperation().getOps<gpu::BinaryOp>())) {
      auto object = cast<gpu::ObjectAttr>(binary.getObjects()[0]);
      StringRef text = object.getObject().getValue().rtrim('\0');
      if (failed(embed(text, cast<NVVM::NVVMTargetAttr>(object.getTarget()).getChip())))
        return signalPassFailure();
      binary.erase();
    }
  }

private:
  /// `gqa_cuda_module`; see Cuda.h.
  LogicalResult embed(StringRef text, StringRef chip) {
    ImplicitLocOpBuilder b(getOperation().getLoc(), OpBuilder::atBlockBegin(getOperation().getBody()));
    bytes(b, kCUDAText, text);
    SmallVector<Field> images = image(b, chip, kCUDAText, text.size(), GQA_RT_CUDA_PTX);
    for (unsigned number : cubins) {
      llvm::Expected<Cubin> cubin = assemble(text, number);
      if (!cubin)
        return getOperation().emitError(llvm::toString(cubin.takeError()));
      std::string cubinChip = "sm_" + std::to_string(number), name = "gqa_cuda_cubin_" + cubinChip;
      for (const std::string &note : cubin->notes)
        getOperation().emitRemark("on ") << cubinChip << ", " << note;
      bytes(b, name, cubin->code);
      llvm::append_range(images, image(b, cubinChip, name, cubin->code.size(), GQA_RT_CUDA_CUBIN));
    }
    embedImages(b, images);
    return success();
  }

  using Field = std::function<Value(ImplicitLocOpBuilder &)>;

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
