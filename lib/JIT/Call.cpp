// Calls: every argument is checked against the signature, then wrapped into the descriptor that compiled code
// expects; the results' descriptors become tensors.
#include "CheckTensor.h"
#include "Diagnostics.h"
#include "Implementation.h"

#include "gqa/Runtime/Runtime.h"

#include <cstring>

namespace gqa {
namespace {

/// A memref descriptor of any rank, flat: allocated, aligned, offset, sizes, strides.
std::vector<int64_t> makeDescriptor(const DLTensor &tensor) {
  size_t rank = size_t(tensor.ndim);
  std::vector<int64_t> words(3 + 2 * rank);
  words[0] = words[1] = reinterpret_cast<intptr_t>(static_cast<char *>(tensor.data) + tensor.byte_offset);
  int64_t stride = 1;
  for (size_t i = rank; i-- > 0;) {
    words[3 + i] = tensor.shape[i];
    words[3 + rank + i] = stride;
    stride *= std::max<int64_t>(tensor.shape[i], 1);
  }
  return words;
}

/// Room for the results: one structure, descriptor after descriptor.
struct Results {
  std::vector<int64_t> words;
  std::vector<int64_t *> descriptors;
  std::vector<bool> onDevice; ///< else the block is the call's, until it is kept

  Results(const std::vector<TensorType> &types, DLDevice device) {
    size_t total = 0;
    for (const TensorType &type : types)
      total += 3 + 2 * type.shape.size();
    words.resize(total);
    int64_t *next = words.data();
    for (const TensorType &type : types) {
      descriptors.push_back(next);
      onDevice.push_back(type.onDevice && !isHost(device));
      next += 3 + 2 * type.shape.size();
    }
  }
};

/// What travels through gqa_rt_call: the results' blocks must be kept before the call is over.
struct Frame {
  EntryPoint entry;
  void **arguments;
  const Results *results;
};

void runFrame(void **context) {
  auto *frame = reinterpret_cast<Frame *>(context);
  frame->entry(frame->arguments);
  for (size_t i = 0; i < frame->results->descriptors.size(); ++i)
    if (!frame->results->onDevice[i])
      gqa_rt_keep(reinterpret_cast<void *>(frame->results->descriptors[i][0]));
}

/// A result together with everything that its DLManagedTensor points to, and its memory unless that is the
/// caller's.
struct OwnedTensor {
  DLManagedTensor managed{};
  std::vector<int64_t> shape, strides;
  void *block, *stream;

  OwnedTensor(const int64_t *descriptor, const TensorType &type, DLDevice device, void *stream, bool owned)
      : block(owned ? reinterpret_cast<void *>(descriptor[0]) : nullptr), stream(stream) {
    size_t rank = type.shape.size();
    shape.assign(descriptor + 3, descriptor + 3 + rank);
    strides.assign(descriptor + 3 + rank, descriptor + 3 + 2 * rank);
    DLTensor &tensor = managed.dl_tensor;
    tensor.data = reinterpret_cast<char *>(descriptor[1]) + descriptor[2] * (type.dtype.bits / 8);
    tensor.device = device;
    tensor.ndim = int(rank);
    tensor.dtype = type.dtype;
    tensor.shape = shape.data();
    tensor.strides = strides.data();
    managed.manager_ctx = this;
    managed.deleter = [](DLManagedTensor *self) { delete static_cast<OwnedTensor *>(self->manager_ctx); };
  }
  ~OwnedTensor() {
    if (isHost(managed.dl_tensor.device))
      gqa_rt_free(block);
    else
      gqa_rt_cuda_release(managed.dl_tensor.device.device_id, stream, block);
  }
};

llvm::Error checkCount(llvm::StringRef kind, size_t found, size_t expected) {
  if (found == expected)
    return llvm::Error::success();
  return makeArgumentError("expected " + llvm::Twine(expected) + " " + kind + ", found " +
                           llvm::Twine(found));
}

TensorType typeOf(const DLTensor &tensor) {
  return {tensor.dtype, {tensor.shape, tensor.shape + tensor.ndim}, ""};
}

/// Empty, or why `from` does not fit into `to`. A result on a GPU is there already.
std::string copyResult(const DLTensor &from, DLTensor &to, size_t index) {
  if (!std::equal(from.shape, from.shape + from.ndim, to.shape))
    return "output " + std::to_string(index) + " is " + toString(typeOf(to)) + ", the result is " +
           toString(typeOf(from));
  int64_t bytes = countBytes(from);
  if (bytes && isHost(from.device))
    std::memcpy(static_cast<char *>(to.data) + to.byte_offset, from.data, size_t(bytes));
  return "";
}

gqa_rt_cuda_span spanOf(const DLTensor &tensor) {
  return {static_cast<const char *>(tensor.data) + tensor.byte_offset, countBytes(tensor)};
}

/// One call, once its arguments are known to be right.
class Call {
public:
  /// `outputs` are memory for the results, or none. Those on the host are filled later, by a copy.
  Call(const CompiledFunction::Implementation &function, llvm::ArrayRef<const DLTensor *> inputs,
       llvm::ArrayRef<DLTensor *> outputs, DLDevice device, void *stream)
      : function(function), device(device), stream(stream), results(function.signature.outputs, device) {
    for (const DLTensor *input : inputs) {
      descriptors.push_back(makeDescriptor(*input));
      if (!isHost(input->device))
        spans.push_back(spanOf(*input));
      pinned |= input->device.device_type == kDLCUDAHost;
    }
    for (const DLTensor *output : outputs)
      room.push_back(isHost(output->device) ? gqa_rt_cuda_span{nullptr, 0} : spanOf(*output));
  }

  llvm::Error run() {
    std::vector<void *> arguments;
    if (!results.descriptors.empty())
      arguments.push_back(results.words.data());
    for (std::vector<int64_t> &descriptor : descriptors)
      arguments.push_back(descriptor.data());
    Frame frame{function.code.entry, arguments.data(), &results};
    auto **context = reinterpret_cast<void **>(&frame);
    bool failed = function.code.kernels ? runOnDevice(context) : gqa_rt_call(runFrame, context);
    return failed ? makeError(gqa_rt_last_error()) : llvm::Error::success();
  }

  std::vector<DLManagedTensor *> takeResults() {
    std::vector<DLManagedTensor *> tensors;
    for (auto [index, type] : llvm::enumerate(function.signature.outputs)) {
      DLDevice place = results.onDevice[index] ? device : DLDevice{kDLCPU, 0};
      bool given = results.onDevice[index] && !room.empty();
      tensors.push_back(&(new OwnedTensor(results.descriptors[index], type, place, stream, !given))->managed);
    }
    return tensors;
  }

private:
  int runOnDevice(void **context) {
    gqa_rt_cuda_site site{};
    site.device = device.device_id;
    site.stream = stream;
    site.spans = spans.data();
    site.num_spans = int64_t(spans.size());
    site.results_on_device = !isHost(device);
    site.results = room.empty() ? nullptr : room.data();
    site.num_results = int64_t(room.size());
    int failed = gqa_rt_cuda_call(&site, runFrame, context);
    // Copies from pinned memory may not have happened yet, and the caller may change it from now on.
    if (!failed && pinned && site.results_on_device)
      failed = gqa_rt_cuda_synchronize(site.device, stream);
    return failed;
  }

  const CompiledFunction::Implementation &function;
  DLDevice device;
  void *stream;
  Results results;
  std::vector<std::vector<int64_t>> descriptors;
  std::vector<gqa_rt_cuda_span> spans, room;
  bool pinned = false; ///< some argument is in pinned memory of the host
};

} // namespace

llvm::Expected<std::vector<DLManagedTensor *>> CompiledFunction::run(void *stream,
                                                                     llvm::ArrayRef<const DLTensor *> inputs,
                                                                     llvm::ArrayRef<DLTensor *> outputs) {
  const Signature &signature = implementation->signature;
  if (llvm::Error error = checkCount("arguments", inputs.size(), signature.inputs.size()))
    return error;
  DLDevice device = implementation->code.kernels ? deviceOf(inputs) : DLDevice{kDLCPU, 0};
  for (auto [index, input] : llvm::enumerate(inputs))
    if (llvm::Error error = checkInput(*input, signature.inputs[index], device, index))
      return error;
  for (auto [index, output] : llvm::enumerate(outputs))
    if (llvm::Error error = checkOutput(*output, signature.outputs[index], device, index))
      return error;
  Call call(*implementation, inputs, outputs, device, stream);
  if (llvm::Error error = call.run())
    return error;
  return call.takeResults();
}

llvm::Expected<std::vector<DLManagedTensor *>>
CompiledFunction::callOn(void *stream, llvm::ArrayRef<const DLTensor *> inputs) {
  return run(stream, inputs, {});
}

llvm::Expected<std::vector<DLManagedTensor *>>
CompiledFunction::call(llvm::ArrayRef<const DLTensor *> inputs) {
  return callOn(nullptr, inputs);
}

llvm::Error CompiledFunction::callOn(void *stream, llvm::ArrayRef<const DLTensor *> inputs,
                                     llvm::ArrayRef<DLTensor *> outputs) {
  if (llvm::Error error = checkCount("outputs", outputs.size(), implementation->signature.outputs.size()))
    return error;
  auto results = run(stream, inputs, outputs);
  if (!results)
    return results.takeError();
  std::string wrong;
  for (auto [index, result] : llvm::enumerate(*results)) {
    if (wrong.empty())
      wrong = copyResult(result->dl_tensor, *outputs[index], index);
    result->deleter(result);
  }
  return wrong.empty() ? llvm::Error::success() : makeError(wrong);
}

llvm::Error CompiledFunction::call(llvm::ArrayRef<const DLTensor *> inputs,
                                   llvm::ArrayRef<DLTensor *> outputs) {
  return callOn(nullptr, inputs, outputs);
}

} // namespace gqa
