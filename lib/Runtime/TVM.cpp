// Artifacts for apache-tvm-ffi: values to tensors, results and errors back.
#include "TVM.h"
#include "LastError.h"

#include "gqa/Runtime/Artifact.h"
#include "gqa/Runtime/Runtime.h"

#include <dlfcn.h>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace gqa::rt::tvm {
namespace {

/// The functions of the library that the caller is using.
struct Library {
  int (*makeError)(const Bytes *kind, const Bytes *message, const Bytes *backtrace, void **out) = nullptr;
  void (*raise)(void *error) = nullptr;
  int (*fromDLPack)(DLManagedTensor *from, int32_t alignment, int32_t contiguous, void **out) = nullptr;
  int (*getGlobal)(const Bytes *name, void **out) = nullptr;
  int (*call)(void *function, Any *arguments, int32_t count, Any *result) = nullptr;
  int (*release)(void *object) = nullptr;
  int (*makeString)(const Bytes *text, Any *out) = nullptr;
  void *(*stream)(int32_t deviceType, int32_t deviceId) = nullptr;

  Library() {
    void *library = dlopen("libtvm_ffi.so", RTLD_LAZY | RTLD_NOLOAD);
    auto find = [&](auto &function, const char *name) {
      void *address = dlsym(library ? library : RTLD_DEFAULT, name);
      function = reinterpret_cast<std::decay_t<decltype(function)>>(address);
      complete &= address != nullptr;
    };
    find(makeError, "TVMFFIErrorCreate");
    find(raise, "TVMFFIErrorSetRaised");
    find(fromDLPack, "TVMFFITensorFromDLPack");
    find(getGlobal, "TVMFFIFunctionGetGlobal");
    find(call, "TVMFFIFunctionCall");
    find(release, "TVMFFIObjectDecRef");
    find(makeString, "TVMFFIStringFromByteArray");
    find(stream, "TVMFFIEnvGetStream");
  }

  bool complete = true;
};

const Library &library() {
  static const Library found;
  return found;
}

/// Without the frames of C++, for which the library would read the symbols of the whole process: a second.
int fail(std::string_view kind, std::string_view message) {
  Bytes texts[] = {{kind.data(), kind.size()}, {message.data(), message.size()}, {"", 0}};
  void *error = nullptr;
  if (library().makeError(&texts[0], &texts[1], &texts[2], &error) == 0) {
    library().raise(error);
    library().release(error);
  }
  return -1;
}

/// Null if the value is no tensor.
DLTensor *tensorOf(const Any &value) {
  if (value.typeIndex == kTensorPointer)
    return static_cast<DLTensor *>(value.object);
  if (value.typeIndex == kTensor)
    return reinterpret_cast<DLTensor *>(static_cast<char *>(value.object) + kObjectHeader);
  return nullptr;
}

/// The stream of the framework that the tensors come from: torch's current one.
void *streamOf(const std::vector<DLTensor *> &tensors) {
  for (const DLTensor *tensor : tensors)
    if (tensor->device.device_type == kDLCUDA)
      return library().stream(kDLCUDA, tensor->device.device_id);
  return nullptr;
}

/// One tensor, or an array of several. Takes them over.
int giveBack(const std::vector<DLManagedTensor *> &results, Any *result) {
  std::vector<Any> objects(results.size());
  bool failed = false;
  for (size_t i = 0; i < results.size(); ++i) {
    objects[i] = {kTensor, 0, {0}};
    failed |= library().fromDLPack(results[i], 0, 0, &objects[i].object) != 0;
  }
  if (failed)
    return -1;
  if (objects.size() == 1) {
    *result = objects[0];
    return 0;
  }
  Bytes name{"ffi.Array", 9};
  void *make = nullptr;
  int status = library().getGlobal(&name, &make);
  if (!status)
    status = library().call(make, objects.data(), int32_t(objects.size()), result);
  for (Any &object : objects) // the array holds them
    library().release(object.object);
  if (make)
    library().release(make);
  return status;
}

} // namespace
} // namespace gqa::rt::tvm

using namespace gqa::rt::tvm;

int gqa_rt_artifact_tvm(const gqa_artifact *self, const void *arguments, int32_t count, void *result) {
  if (!library().complete)
    return -1; // who calls has another version of the library, which says that no error was set
  const auto *values = static_cast<const Any *>(arguments);
  std::vector<DLTensor *> tensors;
  for (int32_t i = 0; i < count; ++i) {
    tensors.push_back(tensorOf(values[i]));
    if (!tensors.back())
      return fail("TypeError", "argument " + std::to_string(i) + " is not a tensor");
  }
  size_t given = tensors.size(), all = self->num_inputs + self->num_outputs;
  if (given != self->num_inputs && given != all)
    return fail("TypeError", std::string(self->name) + " takes " + std::to_string(self->num_inputs) +
                                 " tensors, or with memory for its results " + std::to_string(all) + "; " +
                                 std::to_string(given) + " were given");
  void *stream = streamOf(tensors);
  gqa_status status;
  std::vector<DLManagedTensor *> results(self->num_outputs);
  if (given == self->num_inputs)
    status = self->call_alloc(self, tensors.data(), given, results.data(), results.size(), stream);
  else
    status = self->call(self, tensors.data(), self->num_inputs, tensors.data() + self->num_inputs,
                        self->num_outputs, stream);
  if (status)
    return fail(status == GQA_INVALID_ARGUMENT ? "ValueError" : "RuntimeError", self->last_error());
  return given == self->num_inputs && self->num_outputs ? giveBack(results, static_cast<Any *>(result)) : 0;
}

static int giveText(std::string_view text, void *result) {
  Bytes bytes{text.data(), text.size()};
  return library().complete ? library().makeString(&bytes, static_cast<Any *>(result)) : -1;
}

int gqa_rt_artifact_tvm_signature(const gqa_artifact *self, const void *, int32_t, void *result) {
  return giveText(self->signature, result);
}

int gqa_rt_artifact_tvm_target(const gqa_artifact *self, const void *, int32_t, void *result) {
  const char *target = self->target(self);
  if (!target && library().complete)
    return fail("RuntimeError", self->last_error());
  return target ? giveText(target, result) : -1;
}

int gqa_rt_artifact_tvm_set_parallel(const gqa_artifact *self, const void *arguments, int32_t count, void *) {
  if (!library().complete)
    return -1;
  const auto *address = static_cast<const Any *>(arguments);
  if (count != 1 || address->typeIndex != kInteger)
    return fail("TypeError", "gqa_set_parallel takes the address of a gqa_parallel, an integer");
  self->set_parallel(reinterpret_cast<gqa_parallel>(address->integer));
  return 0;
}
