// What Python calls: compiles the text of a module and returns its function. Errors become ValueError.
#include "gqa/JIT/JIT.h"

#include "llvm/Support/Error.h"
#include "llvm/Support/ErrorHandling.h"
#include <tvm/ffi/tvm_ffi.h>

namespace ffi = tvm::ffi;

namespace {

[[noreturn]] void raise(llvm::Error error) {
  std::string message = llvm::toString(std::move(error));
  TVM_FFI_THROW(ValueError) << message;
  llvm_unreachable("TVM_FFI_THROW throws");
}

/// `{dtype, shape, param}` of each input or output; -1 is a dynamic size.
ffi::Array<ffi::Any> describe(const std::vector<gqa::TensorType> &types) {
  ffi::Array<ffi::Any> result;
  for (const gqa::TensorType &type : types) {
    ffi::Array<int64_t> shape(type.shape.begin(), type.shape.end());
    result.push_back(ffi::Array<ffi::Any>{type.dtype, shape, ffi::String(type.param)});
  }
  return result;
}

/// Arguments are DLPack tensors; the results are allocated.
ffi::Function wrap(const std::shared_ptr<gqa::CompiledFunction> &function) {
  return ffi::Function::FromPacked([function](ffi::PackedArgs args, ffi::Any *result) {
    std::vector<const DLTensor *> inputs;
    for (int i = 0; i < args.size(); ++i) {
      auto tensor = args[i].try_cast<DLTensor *>();
      if (!tensor)
        TVM_FFI_THROW(TypeError) << "argument " << i << " is a " << args[i].GetTypeKey()
                                 << ", expected a tensor";
      inputs.push_back(*tensor);
    }
    llvm::Expected<std::vector<DLManagedTensor *>> outputs = function->call(inputs);
    if (!outputs)
      raise(outputs.takeError());
    ffi::Array<ffi::Tensor> tensors;
    for (DLManagedTensor *output : *outputs)
      tensors.push_back(ffi::Tensor::FromDLPack(output));
    *result = tensors;
  });
}

/// (text, what messages call it, function or "", target, reference) -> [callable, name, inputs, outputs,
/// weights file]
ffi::Array<ffi::Any> compile(const ffi::String &text, const ffi::String &filename, const ffi::String &name,
                             const ffi::String &target, bool reference) {
  gqa::CompileOptions options;
  options.filename = filename;
  options.function = name;
  options.target = target;
  options.reference = reference;
  llvm::Expected<std::unique_ptr<gqa::CompiledFunction>> compiled =
      gqa::CompiledFunction::compile(llvm::StringRef(text.data(), text.size()), options);
  if (!compiled)
    raise(compiled.takeError());
  std::shared_ptr<gqa::CompiledFunction> function = std::move(*compiled);
  const gqa::Signature &signature = function->signature();
  return {wrap(function), ffi::String(signature.name), describe(signature.inputs),
          describe(signature.outputs), ffi::String(signature.weights)};
}

} // namespace

TVM_FFI_DLL_EXPORT_TYPED_FUNC(compile, compile);
