// Calls go to the runtime, which sees a function as an artifact's: as tables of plain C.
#include "Diagnostics.h"
#include "Implementation.h"

#include "gqa/Runtime/Runtime.h"

namespace gqa {
namespace {

gqa_tensor_type viewOf(const TensorType &type) {
  return {type.dtype, int32_t(type.shape.size()), type.shape.data(), type.param.c_str()};
}

llvm::Error toError(gqa_status status) {
  if (status == GQA_OK)
    return llvm::Error::success();
  const char *message = gqa_rt_last_error();
  return status == GQA_INVALID_ARGUMENT ? makeArgumentError(message) : makeError(message);
}

} // namespace

CompiledFunction::Implementation::Implementation(Signature given, LoadedCode loaded)
    : signature(std::move(given)), code(std::move(loaded)) {
  for (const auto *list : {&signature.inputs, &signature.outputs})
    for (const TensorType &type : *list) {
      types.push_back(viewOf(type));
      onDevice.push_back(type.onDevice);
    }
  bool donates = false;
  for (const TensorType &type : signature.inputs) {
    donated.push_back(type.donatedTo);
    donates |= type.donatedTo >= 0;
  }
  size_t inputs = signature.inputs.size();
  signatureView = {signature.name.c_str(),   inputs,
                   signature.outputs.size(), types.data(),
                   types.data() + inputs,    donates ? donated.data() : nullptr};
  codeView = {"", "", code.entry, code.kernels, onDevice.data()};
}

CompiledFunction::Implementation::~Implementation() {
  if (code.kernels)
    gqa_rt_cuda_unload(code.kernels);
}

llvm::Expected<std::vector<DLManagedTensor *>>
CompiledFunction::callOn(void *stream, llvm::ArrayRef<const DLTensor *> inputs) {
  std::vector<DLManagedTensor *> results(signature().outputs.size());
  if (llvm::Error error =
          toError(gqa_rt_invoke_alloc(&implementation->signatureView, &implementation->codeView,
                                      inputs.data(), inputs.size(), results.data(), stream)))
    return error;
  return results;
}

llvm::Expected<std::vector<DLManagedTensor *>>
CompiledFunction::call(llvm::ArrayRef<const DLTensor *> inputs) {
  return callOn(nullptr, inputs);
}

llvm::Error CompiledFunction::callOn(void *stream, llvm::ArrayRef<const DLTensor *> inputs,
                                     llvm::ArrayRef<DLTensor *> outputs) {
  return toError(gqa_rt_invoke(&implementation->signatureView, &implementation->codeView, inputs.data(),
                               inputs.size(), outputs.data(), outputs.size(), stream));
}

llvm::Error CompiledFunction::call(llvm::ArrayRef<const DLTensor *> inputs,
                                   llvm::ArrayRef<DLTensor *> outputs) {
  return callOn(nullptr, inputs, outputs);
}

} // namespace gqa
