// Which version of an artifact's code a call takes.
#include "LastError.h"

#include "gqa/Runtime/Artifact.h"
#include "gqa/Runtime/Runtime.h"

#include <algorithm>
#include <string>

namespace {

using gqa::rt::lastError;

/// The compiler writes it as a variable.
gqa_rt_artifact &whole(const gqa_artifact *self) {
  return *reinterpret_cast<gqa_rt_artifact *>(const_cast<gqa_artifact *>(self));
}

gqa_rt_signature signatureOf(const gqa_artifact *self) {
  return {self->name, self->num_inputs, self->num_outputs, self->inputs, self->outputs, self->donated};
}

size_t countFeatures(const char *features) {
  return *features
             ? 1 + size_t(std::count(features, features + std::char_traits<char>::length(features), ','))
             : 0;
}

/// Of the versions for a CPU that run here the one that asks for the most; null if there is none.
const gqa_rt_code *findForHost(const gqa_rt_artifact &artifact) {
  const gqa_rt_code *best = nullptr;
  for (const gqa_rt_code *code = artifact.versions; code != artifact.versions + artifact.num_versions; ++code)
    if (!code->kernels && !gqa_rt_missing_feature(code->features) &&
        (!best || countFeatures(code->features) > countFeatures(best->features)))
      best = code;
  return best;
}

const gqa_rt_code *findForDevice(const gqa_rt_artifact &artifact) {
  for (const gqa_rt_code *code = artifact.versions; code != artifact.versions + artifact.num_versions; ++code)
    if (code->kernels)
      return code;
  return nullptr;
}

/// What each version lacks here.
std::string explain(const gqa_rt_artifact &artifact) {
  std::string text = "no version of " + std::string(artifact.shown.name) + " runs on this machine:";
  for (const gqa_rt_code *code = artifact.versions; code != artifact.versions + artifact.num_versions;
       ++code) {
    text += std::string(code == artifact.versions ? " " : "; ") + code->target;
    if (const char *missing = gqa_rt_missing_feature(code->features)) {
      std::string name = missing;
      text += " needs the processor feature " + name.substr(0, name.find(',')) + ", which is not there";
    } else {
      text += std::string(": ") + gqa_rt_cuda_error();
    }
  }
  return text;
}

/// The version for a call, or null with the last error set.
const gqa_rt_code *choose(const gqa_rt_artifact &artifact, bool onDevice) {
  if (const char *error = artifact.blas_error ? artifact.blas_error() : nullptr) {
    lastError() = error;
    return nullptr;
  }
  const gqa_rt_code *device = findForDevice(artifact);
  const gqa_rt_code *code = onDevice && device ? device : findForHost(artifact);
  if (!code && device && !gqa_rt_cuda_error())
    code = device;
  if (code && code == device && gqa_rt_missing_feature(code->features))
    code = nullptr;
  if (!code)
    lastError() = explain(artifact);
  return code;
}

/// Chosen once for calls in host memory, which are the ones that must be quick.
const gqa_rt_code *chooseFor(gqa_rt_artifact &artifact, const DLTensor *const *inputs, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (inputs[i] && inputs[i]->device.device_type == kDLCUDA)
      return choose(artifact, /*onDevice=*/true);
  const gqa_rt_code *code = __atomic_load_n(&artifact.chosen, __ATOMIC_ACQUIRE);
  if (!code && (code = choose(artifact, /*onDevice=*/false)))
    __atomic_store_n(&artifact.chosen, code, __ATOMIC_RELEASE); // every thread chooses the same
  return code;
}

gqa_status null(const char *what) {
  lastError() = std::string(what) + " is a null pointer";
  return GQA_INVALID_ARGUMENT;
}

} // namespace

gqa_status gqa_rt_artifact_call(const gqa_artifact *self, const DLTensor *const *inputs, size_t num_inputs,
                                DLTensor *const *outputs, size_t num_outputs, void *stream) {
  if ((num_inputs && !inputs) || (num_outputs && !outputs))
    return null(num_inputs && !inputs ? "inputs" : "outputs");
  const gqa_rt_code *code = chooseFor(whole(self), inputs, num_inputs);
  if (!code)
    return GQA_RUN_ERROR;
  gqa_rt_signature signature = signatureOf(self);
  return gqa_rt_invoke(&signature, code, inputs, num_inputs, outputs, num_outputs, stream);
}

gqa_status gqa_rt_artifact_call_alloc(const gqa_artifact *self, const DLTensor *const *inputs,
                                      size_t num_inputs, DLManagedTensor **outputs, size_t num_outputs,
                                      void *stream) {
  if ((num_inputs && !inputs) || (num_outputs && !outputs))
    return null(num_inputs && !inputs ? "inputs" : "outputs");
  if (num_outputs != self->num_outputs) {
    lastError() =
        "expected " + std::to_string(self->num_outputs) + " outputs, found " + std::to_string(num_outputs);
    return GQA_INVALID_ARGUMENT;
  }
  const gqa_rt_code *code = chooseFor(whole(self), inputs, num_inputs);
  if (!code)
    return GQA_RUN_ERROR;
  gqa_rt_signature signature = signatureOf(self);
  return gqa_rt_invoke_alloc(&signature, code, inputs, num_inputs, outputs, stream);
}

const char *gqa_rt_artifact_target(const gqa_artifact *self) {
  const gqa_rt_code *code = chooseFor(whole(self), nullptr, 0);
  return code ? code->target : nullptr;
}
