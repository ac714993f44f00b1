// What a function of gqa.h takes and returns, calls, and the log.
#include "Function.h"
#include "Status.h"

#include "gqa/Runtime/Runtime.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <algorithm>

using namespace gqa;

namespace {

/// An argument that does not fit, or a call that failed.
gqa_status failCall(llvm::Error error) {
  gqa_status status = GQA_RUN_ERROR;
  std::string message;
  llvm::handleAllErrors(std::move(error), [&](const llvm::ErrorInfoBase &info) {
    if (info.convertToErrorCode() == std::make_error_code(std::errc::invalid_argument))
      status = GQA_INVALID_ARGUMENT;
    message = info.message();
  });
  return fail(status, std::move(message));
}

gqa_status describe(const gqa_function *function, bool isInput, size_t index, gqa_tensor_type *type) {
  if (!function || !type)
    return null(function ? "type" : "function");
  const Signature &signature = function->compiled->signature();
  const std::vector<TensorType> &types = isInput ? signature.inputs : signature.outputs;
  const char *what = isInput ? "input" : "output";
  if (index >= types.size())
    return fail(GQA_INVALID_ARGUMENT, std::string(what) + " " + std::to_string(index) +
                                          " is asked for, the function has " + std::to_string(types.size()));
  const TensorType &found = types[index];
  *type = {found.dtype, static_cast<int32_t>(found.shape.size()), found.shape.data(), found.param.c_str()};
  return GQA_OK;
}

/// Whether a tensor can be looked at.
gqa_status checkTensor(const DLTensor *tensor, const char *kind, size_t index) {
  std::string name = std::string(kind) + "[" + std::to_string(index) + "]";
  if (!tensor)
    return null(name.c_str());
  if (tensor->ndim < 0 || tensor->ndim > 64)
    return fail(GQA_INVALID_ARGUMENT,
                name + " has ndim " + std::to_string(tensor->ndim) + ", expected 0 to 64");
  if (tensor->ndim && !tensor->shape)
    return null((name + ".shape").c_str());
  return GQA_OK;
}

/// Whether the arguments of a call are as many as the function has, and can be looked at. Without `outputs`
/// there are only places for them.
gqa_status checkCall(const gqa_function *function, llvm::ArrayRef<const DLTensor *> inputs,
                     llvm::ArrayRef<DLTensor *> outputs, size_t numOutputs) {
  if (!function)
    return null("function");
  const Signature &signature = function->compiled->signature();
  for (auto [what, given, wanted] : {std::tuple("inputs", inputs.size(), signature.inputs.size()),
                                     std::tuple("outputs", numOutputs, signature.outputs.size())})
    if (given != wanted)
      return fail(GQA_INVALID_ARGUMENT, signature.name + " has " + std::to_string(wanted) + " " + what +
                                            ", " + std::to_string(given) + " were given");
  if (!inputs.data() && !inputs.empty())
    return null("inputs");
  for (auto [index, input] : llvm::enumerate(inputs))
    if (gqa_status status = checkTensor(input, "inputs", index))
      return status;
  for (auto [index, output] : llvm::enumerate(outputs))
    if (gqa_status status = checkTensor(output, "outputs", index))
      return status;
  return GQA_OK;
}

} // namespace

int gqa_api_version(void) { return GQA_API_VERSION; }

void gqa_set_parallel(gqa_parallel parallel) { gqa_rt_set_parallel(parallel); }

void gqa_set_log(gqa_log_callback callback, void *context) {
  if (!callback)
    return setLogHandler(nullptr);
  setLogHandler([callback, context](LogLevel level, llvm::StringRef line) {
    callback(gqa_log_level(level), line.str().c_str(), context);
  });
}

void gqa_release(gqa_function *function) { delete function; }

const char *gqa_name(const gqa_function *function) {
  return function ? function->compiled->signature().name.c_str() : "";
}

size_t gqa_num_inputs(const gqa_function *function) {
  return function ? function->compiled->signature().inputs.size() : 0;
}

size_t gqa_num_outputs(const gqa_function *function) {
  return function ? function->compiled->signature().outputs.size() : 0;
}

gqa_status gqa_input_type(const gqa_function *function, size_t index, gqa_tensor_type *type) {
  return describe(function, /*isInput=*/true, index, type);
}

gqa_status gqa_output_type(const gqa_function *function, size_t index, gqa_tensor_type *type) {
  return describe(function, /*isInput=*/false, index, type);
}

int64_t gqa_donated_output(const gqa_function *function, size_t index) {
  bool isThere = function && index < function->compiled->signature().inputs.size();
  return isThere ? function->compiled->signature().inputs[index].donatedTo : -1;
}

gqa_status gqa_call(gqa_function *function, const DLTensor *const *inputs, size_t num_inputs,
                    DLTensor *const *outputs, size_t num_outputs, void *stream) {
  if (num_outputs && !outputs)
    return null("outputs");
  llvm::SmallVector<DLTensor *> results(outputs, outputs + num_outputs);
  llvm::ArrayRef<const DLTensor *> given(inputs, num_inputs);
  if (gqa_status status = checkCall(function, given, results, num_outputs))
    return status;
  if (llvm::Error error = function->compiled->callOn(stream, given, results))
    return failCall(std::move(error));
  return GQA_OK;
}

gqa_status gqa_call_alloc(gqa_function *function, const DLTensor *const *inputs, size_t num_inputs,
                          DLManagedTensor **outputs, size_t num_outputs, void *stream) {
  if (num_outputs && !outputs)
    return null("outputs");
  llvm::ArrayRef<const DLTensor *> given(inputs, num_inputs);
  if (gqa_status status = checkCall(function, given, {}, num_outputs))
    return status;
  auto results = function->compiled->callOn(stream, given);
  if (!results)
    return failCall(results.takeError());
  std::copy(results->begin(), results->end(), outputs);
  return GQA_OK;
}
