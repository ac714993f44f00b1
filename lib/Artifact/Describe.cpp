// Writes the structures of gqa/Runtime/Artifact.h as constants of LLVM IR: what a C compiler would make of
// their initialisers.
#include "Describe.h"

#include "gqa/Runtime/Artifact.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

namespace gqa {
namespace {

using llvm::Constant;

class Writer {
public:
  explicit Writer(llvm::ArrayRef<Version> versions)
      : module("artifact", context), builder(context), versions(versions),
        signature(versions.front().signature) {}

  llvm::Module &write() {
    auto *artifact = variable(describeArtifact(), /*isConstant=*/false);
    exportGetter("gqa_artifact", artifact);
    exportGetter("gqa_artifact_" + signature.name, artifact);
    exportTVM(signature.name, "gqa_rt_artifact_tvm", artifact);
    if (signature.name == "main")
      exportTVM("forward", "gqa_rt_artifact_tvm", artifact);
    exportTVM("gqa_signature", "gqa_rt_artifact_tvm_signature", artifact);
    exportTVM("gqa_target", "gqa_rt_artifact_tvm_target", artifact);
    exportTVM("gqa_set_parallel", "gqa_rt_artifact_tvm_set_parallel", artifact);
    return module;
  }

private:
  Constant *number(uint64_t value) { return builder.getInt64(value); }
  Constant *null() { return llvm::ConstantPointerNull::get(builder.getPtrTy()); }

  llvm::GlobalVariable *variable(Constant *value, bool isConstant = true) {
    return new llvm::GlobalVariable(module, value->getType(), isConstant, llvm::GlobalValue::PrivateLinkage,
                                    value);
  }

  Constant *text(llvm::StringRef value) {
    return variable(llvm::ConstantDataArray::getString(context, value));
  }

  /// A function or variable of the runtime or of a version's object.
  Constant *external(llvm::StringRef name) {
    if (llvm::GlobalValue *known = module.getNamedValue(name))
      return known;
    auto *value = new llvm::GlobalVariable(module, builder.getInt8Ty(), false,
                                           llvm::GlobalValue::ExternalLinkage, nullptr, name);
    value->setVisibility(llvm::GlobalValue::HiddenVisibility);
    return value;
  }

  Constant *structure(llvm::ArrayRef<Constant *> fields) {
    return llvm::ConstantStruct::getAnon(context, fields);
  }

  Constant *array(llvm::ArrayRef<Constant *> elements) {
    if (elements.empty())
      return null();
    auto *type = llvm::ArrayType::get(elements.front()->getType(), elements.size());
    return variable(llvm::ConstantArray::get(type, elements));
  }

  /// The gqa_tensor_types of a list.
  Constant *describe(llvm::ArrayRef<TensorType> types) {
    return array(llvm::map_to_vector(types, [&](const TensorType &type) {
      std::vector<uint64_t> shape(type.shape.begin(), type.shape.end());
      Constant *sizes = shape.empty() ? null() : variable(llvm::ConstantDataArray::get(context, shape));
      return structure({builder.getInt8(type.dtype.code), builder.getInt8(type.dtype.bits),
                        builder.getInt16(type.dtype.lanes), builder.getInt32(uint32_t(shape.size())), sizes,
                        text(type.param)});
    }));
  }

  /// The gqa_rt_code of a version.
  Constant *describe(const Version &version, size_t index) {
    std::string suffix = suffixOf(index);
    Constant *kernels = null(), *places = null();
    if (version.object.hasKernels) {
      kernels = external(kKernelsName + suffix);
      std::vector<uint8_t> onDevice;
      for (const auto *types : {&version.signature.inputs, &version.signature.outputs})
        for (const TensorType &type : *types)
          onDevice.push_back(type.onDevice);
      places = variable(llvm::ConstantDataArray::get(context, onDevice));
    }
    return structure({text(version.target), text(version.object.features), external(kEntryName + suffix),
                      kernels, places});
  }

  /// The signature for people, in which a tensor may be on a GPU if some version takes it there.
  std::string json() {
    Signature merged = signature;
    for (const Version &version : versions)
      for (auto [to, from] : {std::pair(&merged.inputs, &version.signature.inputs),
                              {&merged.outputs, &version.signature.outputs}})
        for (auto [a, b] : llvm::zip(*to, *from))
          a.onDevice |= b.onDevice;
    return toJSON(merged);
  }

  /// For each input the output that is written over it, or nothing where there is none.
  Constant *donated() {
    auto results = llvm::map_to_vector(signature.inputs,
                                       [](const TensorType &type) { return uint64_t(type.donatedTo); });
    bool isNone = llvm::all_of(results, [](uint64_t result) { return int64_t(result) < 0; });
    return isNone ? null() : variable(llvm::ConstantDataArray::get(context, results));
  }

  /// The gqa_rt_artifact.
  Constant *describeArtifact() {
    static_assert(sizeof(gqa_artifact) == 13 * 8 && sizeof(gqa_rt_artifact) == 17 * 8 &&
                      sizeof(gqa_rt_code) == 5 * 8 && sizeof(gqa_tensor_type) == 3 * 8,
                  "this file writes these structures field by field");
    auto shown =
        structure({number(GQA_ARTIFACT_VERSION), text(signature.name), number(signature.inputs.size()),
                   number(signature.outputs.size()), describe(signature.inputs), describe(signature.outputs),
                   text(json()), external("gqa_rt_artifact_call"), external("gqa_rt_artifact_call_alloc"),
                   external("gqa_rt_last_error"), external("gqa_rt_artifact_target"), donated(),
                   external("gqa_rt_set_parallel")});
    llvm::SmallVector<Constant *> codes;
    for (auto [index, version] : llvm::enumerate(versions))
      codes.push_back(describe(version, index));
    bool multiplies =
        llvm::any_of(versions, [](const Version &version) { return version.object.multiplies; });
    return structure({shown, number(codes.size()), array(codes),
                      multiplies ? external("gqa_rt_blas_error") : null(), null()});
  }

  /// const gqa_artifact *name(void)
  void exportGetter(const llvm::Twine &name, Constant *artifact) {
    begin(name, llvm::FunctionType::get(builder.getPtrTy(), false));
    builder.CreateRet(artifact);
  }

  /// int __tvm_ffi_name(void *self, const TVMFFIAny *arguments, int32_t count, TVMFFIAny *result)
  void exportTVM(llvm::StringRef name, llvm::StringRef runtime, Constant *artifact) {
    llvm::Type *pointer = builder.getPtrTy(), *i32 = builder.getInt32Ty();
    auto *type = llvm::FunctionType::get(i32, {pointer, pointer, i32, pointer}, false);
    llvm::Function *function = begin("__tvm_ffi_" + name, type);
    builder.CreateRet(builder.CreateCall(
        type, external(runtime), {artifact, function->getArg(1), function->getArg(2), function->getArg(3)}));
  }

  llvm::Function *begin(const llvm::Twine &name, llvm::FunctionType *type) {
    auto *function = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, name, module);
    builder.SetInsertPoint(llvm::BasicBlock::Create(context, "", function));
    return function;
  }

  llvm::LLVMContext context;
  llvm::Module module;
  llvm::IRBuilder<> builder;
  llvm::ArrayRef<Version> versions;
  const Signature &signature;
};

} // namespace

llvm::Expected<llvm::SmallVector<char, 0>> describeArtifact(llvm::ArrayRef<Version> versions) {
  Writer writer(versions);
  return compileTables(writer.write());
}

} // namespace gqa
