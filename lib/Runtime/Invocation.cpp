// Every argument is checked against the signature, then wrapped into the descriptor that compiled code
// expects; the results' descriptors become tensors.
#include "Invocation.h"
#include "Donation.h"

#include "gqa/Runtime/Runtime.h"

#include <cstring>

namespace gqa::rt {

Invocation::Invocation(const gqa_rt_signature &signature, const gqa_rt_code &code,
                       const DLTensor *const *inputs, DLTensor *const *outputs, void *stream)
    : signature(signature), code(code), inputs(inputs), outputs(outputs), stream(stream),
      words(totalWords(signature.inputs, signature.num_inputs) +
            totalWords(signature.outputs, signature.num_outputs)),
      arguments(signature.num_inputs + 1), donors(signature.num_outputs) {
  for (size_t i = 0; signature.donated && i < signature.num_inputs; ++i)
    if (signature.donated[i] >= 0)
      donors[size_t(signature.donated[i])] = inputs[i];
}

DLDevice Invocation::findDevice() const {
  for (size_t i = 0; code.kernels && i < signature.num_inputs; ++i)
    if (inputs[i] && inputs[i]->device.device_type == kDLCUDA)
      return inputs[i]->device;
  return {kDLCPU, 0};
}

std::string Invocation::check() {
  device = findDevice();
  for (size_t i = 0; i < signature.num_inputs; ++i) {
    bool there = code.on_device && code.on_device[i];
    std::string wrong = rt::check(inputs[i], {true, i, signature.inputs[i], there, device});
    if (!wrong.empty())
      return wrong;
  }
  for (size_t i = 0; outputs && i < signature.num_outputs; ++i) {
    std::string wrong = rt::check(outputs[i], {false, i, signature.outputs[i], mayBeThere(i), device});
    if (!wrong.empty())
      return wrong;
  }
  return signature.donated ? checkDonated(signature, code, inputs, outputs, device) : "";
}

void Invocation::enter(void **context) {
  auto *call = reinterpret_cast<Invocation *>(context);
  call->code.entry(call->arguments.data());
  call->eachResult([call](size_t i, const int64_t *descriptor) {
    if (!call->isThere(i))
      gqa_rt_keep(reinterpret_cast<void *>(descriptor[0]));
  });
}

int Invocation::run() {
  size_t count = 0;
  size_t results = 0; // in words; those that are arguments are not among them
  for (size_t i = 0; i < signature.num_outputs; ++i)
    results += donors[i] ? 0 : descriptorWords(signature.outputs[i].ndim);
  if (results)
    arguments[count++] = words.data();
  int64_t *next = words.data() + results;
  for (size_t i = 0; i < signature.num_inputs; ++i) {
    describe(*inputs[i], next);
    arguments[count++] = next;
    next += descriptorWords(signature.inputs[i].ndim);
  }
  auto **context = reinterpret_cast<void **>(this);
  return code.kernels ? runOnDevice(context) : gqa_rt_call(enter, context);
}

void Invocation::takeResults(DLManagedTensor **results) {
  eachResult([&](size_t i, const int64_t *descriptor) {
    DLDevice place = isThere(i) ? device : DLDevice{kDLCPU, 0};
    results[i] = &(new OwnedTensor(descriptor, signature.outputs[i], place, stream))->managed;
  });
  for (size_t i = 0; i < signature.num_outputs; ++i)
    if (const DLTensor *donor = donors[i]) {
      std::vector<int64_t> view(descriptorWords(donor->ndim));
      describe(*donor, view.data());
      view[0] = 0; // nobody's to free
      results[i] = &(new OwnedTensor(view.data(), signature.outputs[i], donor->device, stream))->managed;
    }
}

std::string Invocation::copyResults() {
  std::string wrong;
  eachResult([&](size_t i, const int64_t *descriptor) {
    DLTensor &to = *outputs[i];
    const int64_t *sizes = descriptor + 3;
    size_t width = to.dtype.bits / 8;
    if (wrong.empty() && !std::equal(sizes, sizes + to.ndim, to.shape))
      wrong = "output " + std::to_string(i) + " is " + toString(typeOf(to)) + ", the result is " +
              toString(gqa_tensor_type{to.dtype, to.ndim, sizes, ""});
    else if (size_t bytes = isThere(i) ? 0 : size_t(countBytes(to)); bytes && wrong.empty())
      std::memcpy(static_cast<char *>(to.data) + to.byte_offset,
                  reinterpret_cast<char *>(descriptor[1]) + size_t(descriptor[2]) * width, bytes);
    if (!isThere(i))
      gqa_rt_free(reinterpret_cast<void *>(descriptor[0]));
  });
  return wrong;
}

} // namespace gqa::rt
