// Calls, from C: with memory for the results, and without.
#include "Invocation.h"
#include "LastError.h"

namespace gqa::rt {
namespace {

gqa_status fail(gqa_status status, std::string message) {
  lastError() = std::move(message);
  return status;
}

gqa_status checkCount(const char *kind, size_t found, size_t expected) {
  if (found == expected)
    return GQA_OK;
  return fail(GQA_INVALID_ARGUMENT,
              "expected " + std::to_string(expected) + " " + kind + ", found " + std::to_string(found));
}

gqa_status start(Invocation &call) {
  std::string wrong = call.check();
  if (!wrong.empty())
    return fail(GQA_INVALID_ARGUMENT, wrong);
  return call.run() ? GQA_RUN_ERROR : GQA_OK;
}

} // namespace
} // namespace gqa::rt

using namespace gqa::rt;

gqa_status gqa_rt_invoke(const gqa_rt_signature *signature, const gqa_rt_code *code,
                         const DLTensor *const *inputs, size_t num_inputs, DLTensor *const *outputs,
                         size_t num_outputs, void *stream) {
  if (gqa_status wrong = checkCount("arguments", num_inputs, signature->num_inputs))
    return wrong;
  if (gqa_status wrong = checkCount("outputs", num_outputs, signature->num_outputs))
    return wrong;
  Invocation call(*signature, *code, inputs, outputs, stream);
  if (gqa_status wrong = start(call))
    return wrong;
  std::string wrong = call.copyResults();
  return wrong.empty() ? GQA_OK : fail(GQA_RUN_ERROR, wrong);
}

gqa_status gqa_rt_invoke_alloc(const gqa_rt_signature *signature, const gqa_rt_code *code,
                               const DLTensor *const *inputs, size_t num_inputs, DLManagedTensor **outputs,
                               void *stream) {
  if (gqa_status wrong = checkCount("arguments", num_inputs, signature->num_inputs))
    return wrong;
  Invocation call(*signature, *code, inputs, nullptr, stream);
  if (gqa_status wrong = start(call))
    return wrong;
  call.takeResults(outputs);
  return GQA_OK;
}
