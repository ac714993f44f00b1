// What Python calls: compiles the text of a module and returns its function. Errors become ValueError.
#include "Errors.h"
#include "gqa/Artifact/Write.h"
#include "gqa/JIT/JIT.h"
#include "gqa/Runtime/Runtime.h"

#include "llvm/Support/Error.h"
#include <tvm/ffi/extra/c_env_api.h>
#include <tvm/ffi/tvm_ffi.h>

#include "../../lib/Runtime/TVM.h"

namespace ffi = tvm::ffi;

// The runtime has no headers of the library, and says what it knows of them.
namespace known = gqa::rt::tvm;
static_assert(sizeof(known::Any) == sizeof(TVMFFIAny) &&
              offsetof(known::Any, object) == offsetof(TVMFFIAny, v_obj));
static_assert(known::kNone == kTVMFFINone && known::kInteger == kTVMFFIInt &&
              known::kTensorPointer == kTVMFFIDLTensorPtr && known::kTensor == kTVMFFITensor &&
              known::kObjectHeader == sizeof(TVMFFIObject));
static_assert(sizeof(known::Bytes) == sizeof(TVMFFIByteArray) &&
              offsetof(known::Bytes, size) == offsetof(TVMFFIByteArray, size));

namespace {

[[noreturn]] void raise(llvm::Error error) { gqa::raise("ValueError", llvm::toString(std::move(error))); }

/// `{dtype, shape, param, may be on a GPU, output that is written over it or -1}` of each input or output; -1
/// is a dynamic size.
ffi::Array<ffi::Any> describe(const std::vector<gqa::TensorType> &types) {
  ffi::Array<ffi::Any> result;
  for (const gqa::TensorType &type : types) {
    ffi::Array<int64_t> shape(type.shape.begin(), type.shape.end());
    result.push_back(
        ffi::Array<ffi::Any>{type.dtype, shape, ffi::String(type.param), type.onDevice, type.donatedTo});
  }
  return result;
}

std::vector<DLTensor *> tensorsOf(const ffi::PackedArgs &args) {
  std::vector<DLTensor *> tensors;
  for (int i = 0; i < args.size(); ++i) {
    auto tensor = args[i].try_cast<DLTensor *>();
    if (!tensor)
      gqa::raise("TypeError",
                 "argument " + std::to_string(i) + " is a " + args[i].GetTypeKey() + ", expected a tensor");
    tensors.push_back(*tensor);
  }
  return tensors;
}

/// The stream of the framework that the tensors come from: torch's current one.
void *streamOf(llvm::ArrayRef<DLTensor *> tensors) {
  for (const DLTensor *tensor : tensors)
    if (tensor->device.device_type == kDLCUDA)
      return TVMFFIEnvGetStream(kDLCUDA, tensor->device.device_id);
  return nullptr;
}

/// Arguments are DLPack tensors: the inputs, then memory for all outputs, or nothing and the outputs are
/// returned: a tensor, or an array of several (which costs a microsecond more).
ffi::Function wrap(const std::shared_ptr<gqa::CompiledFunction> &function) {
  return ffi::Function::FromPacked([function](ffi::PackedArgs args, ffi::Any *result) {
    std::vector<DLTensor *> tensors = tensorsOf(args);
    size_t count = function->signature().inputs.size();
    std::vector<const DLTensor *> inputs(tensors.begin(), tensors.begin() + std::min(count, tensors.size()));
    llvm::ArrayRef<DLTensor *> outputs = llvm::ArrayRef(tensors).drop_front(inputs.size());
    void *stream = streamOf(tensors);
    if (!outputs.empty()) {
      if (llvm::Error error = function->callOn(stream, inputs, outputs))
        raise(std::move(error));
      return;
    }
    llvm::Expected<std::vector<DLManagedTensor *>> made = function->callOn(stream, inputs);
    if (!made)
      raise(made.takeError());
    if (made->size() == 1) {
      *result = ffi::Tensor::FromDLPack(made->front());
      return;
    }
    ffi::Array<ffi::Tensor> returned;
    for (DLManagedTensor *output : *made)
      returned.push_back(ffi::Tensor::FromDLPack(output));
    *result = returned;
  });
}

/// Hands remarks to a function of (kind, pass, name, text, place), whose errors must stay inside: they cannot
/// travel through the compiler.
gqa::RemarkHandler handlerOf(const ffi::Optional<ffi::Function> &onRemark) {
  if (!onRemark)
    return nullptr;
  return [tell = *onRemark](const gqa::Remark &remark) {
    tell(int64_t(remark.kind), remark.pass, remark.name, remark.text, remark.place);
  };
}

/// Lines of the log go to a function of (level, line), on the threads that write them.
void setLog(const ffi::Function &write) {
  gqa::setLogHandler(
      [write](gqa::LogLevel level, llvm::StringRef line) { write(int64_t(level), line.str()); });
}

/// The address of a gqa_rt_parallel.
void setParallel(int64_t address) { gqa_rt_set_parallel(reinterpret_cast<gqa_rt_parallel>(address)); }

/// (text, what messages call it, function or "", target, reference, function of a remark) -> [callable, name,
/// inputs, outputs, weights file]
ffi::Array<ffi::Any> compile(const ffi::String &text, const ffi::String &filename, const ffi::String &name,
                             const ffi::String &target, bool reference,
                             const ffi::Optional<ffi::Function> &onRemark) {
  gqa::CompileOptions options;
  options.filename = filename;
  options.function = name;
  options.target = target;
  options.reference = reference;
  options.onRemark = handlerOf(onRemark);
  llvm::Expected<std::unique_ptr<gqa::CompiledFunction>> compiled =
      gqa::CompiledFunction::compile(llvm::StringRef(text.data(), text.size()), options);
  if (!compiled)
    raise(compiled.takeError());
  std::shared_ptr<gqa::CompiledFunction> function = std::move(*compiled);
  const gqa::Signature &signature = function->signature();
  return {wrap(function), ffi::String(signature.name), describe(signature.inputs),
          describe(signature.outputs), ffi::String(signature.weights)};
}

/// (text, what messages call it, function or "", targets, path): writes a library.
void writeLibrary(const ffi::String &text, const ffi::String &filename, const ffi::String &name,
                  const ffi::String &targets, const ffi::String &path) {
  gqa::CompileOptions options;
  options.filename = filename;
  options.function = name;
  options.target = targets;
  if (llvm::Error error =
          gqa::writeArtifact(llvm::StringRef(text.data(), text.size()), options, path.c_str()))
    raise(std::move(error));
}

/// (text, what messages call it, function or "", target, file for the report) -> [explanation, [[kind, pass,
/// name, text, place]], the graph after fusing]
ffi::Array<ffi::Any> explain(const ffi::String &text, const ffi::String &filename, const ffi::String &name,
                             const ffi::String &target, const ffi::String &report) {
  gqa::CompileOptions options;
  options.filename = filename;
  options.function = name;
  options.target = target;
  options.report = report;
  llvm::Expected<gqa::Explanation> explanation = gqa::explainText({text.data(), text.size()}, options);
  if (!explanation)
    raise(explanation.takeError());
  ffi::Array<ffi::Any> remarks;
  for (const gqa::Remark &remark : explanation->remarks)
    remarks.push_back(
        ffi::Array<ffi::Any>{int64_t(remark.kind), remark.pass, remark.name, remark.text, remark.place});
  return {ffi::String(gqa::explain(explanation->remarks)), remarks, ffi::String(explanation->graph)};
}

} // namespace

TVM_FFI_DLL_EXPORT_TYPED_FUNC(compile, compile);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(write_library, writeLibrary);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(explain, explain);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(set_log, setLog);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(set_parallel, setParallel);
