// gqa-embed-ptx: the text of the kernels, and the variables that lead the runtime to it.
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
      embed(text, cast<NVVM::NVVMTargetAttr>(object.getTarget()).getChip());
      binary.erase();
    }
  }

private:
  /// `gqa_cuda_module` with one image; see Cuda.h.
  void embed(StringRef text, StringRef chip) {
    ImplicitLocOpBuilder b(getOperation().getLoc(), OpBuilder::atBlockBegin(getOperation().getBody()));
    Type pointer = LLVM::LLVMPointerType::get(&getContext()), i64 = b.getI64Type();
    string(b, kCUDAText, text);
    string(b, "gqa_cuda_chip", chip);
    auto imageType = LLVM::LLVMStructType::getLiteral(&getContext(), {pointer, pointer, i64, i64});
    auto image = LLVM::GlobalOp::create(b, imageType, /*isConstant=*/true, LLVM::Linkage::Internal,
                                        "gqa_cuda_image", Attribute());
    fill(image,
         {address(b, "gqa_cuda_chip"), address(b, kCUDAText), number(text.size()), number(GQA_RT_CUDA_PTX)});
    auto module = getOperation().lookupSymbol<LLVM::GlobalOp>(kCUDAModule);
    fill(module, {address(b, "gqa_cuda_image"), number(1), [](ImplicitLocOpBuilder &b) -> Value {
                    return LLVM::ZeroOp::create(b, LLVM::LLVMPointerType::get(b.getContext()));
                  }});
  }

  using Field = std::function<Value(ImplicitLocOpBuilder &)>;

  static void string(ImplicitLocOpBuilder &b, StringRef name, StringRef text) {
    std::string bytes = text.str();
    bytes.push_back('\0');
    auto type = LLVM::LLVMArrayType::get(b.getI8Type(), bytes.size());
    LLVM::GlobalOp::create(b, type, /*isConstant=*/true, LLVM::Linkage::Internal, name,
                           b.getStringAttr(bytes));
  }

  static Field address(ImplicitLocOpBuilder &, StringRef name) {
    return [name = name.str()](ImplicitLocOpBuilder &b) -> Value {
      return LLVM::AddressOfOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), name);
    };
  }

  static Field number(int64_t value) {
    return [value](ImplicitLocOpBuilder &b) -> Value {
      return LLVM::ConstantOp::create(b, b.getI64Type(), b.getI64IntegerAttr(value));
    };
  }

  static void fill(LLVM::GlobalOp global, ArrayRef<Field> fields) {
    OpBuilder at(global.getContext());
    at.createBlock(&global.getInitializerRegion());
    ImplicitLocOpBuilder b(global.getLoc(), at);
    Value structure = LLVM::PoisonOp::create(b, global.getType());
    for (auto [index, field] : llvm::enumerate(fields))
      structure = LLVM::InsertValueOp::create(b, structure, field(b), int64_t(index));
    LLVM::ReturnOp::create(b, structure);
  }
};

} // namespace
} // namespace gqa
