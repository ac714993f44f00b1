// Calls: every argument is checked against the signature, then wrapped into the descriptor that compiled code
// expects.
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

  explicit Results(const std::vector<TensorType> &types) {
    size_t total = 0;
    for (const TensorType &type : types)
      total += 3 + 2 * type.shape.size();
    words.resize(total);
    int64_t *next = words.data();
    for (const TensorType &type : types) {
      descriptors.push_back(next);
      next += 3 + 2 * type.shape.size();
    }
  }
};

/// What travels through gqa_rt_call: the results' blocks must be kept before the call is over.
struct Frame {
  EntryPoint entry;
  void **arguments;
  const std::vector<int64_t *> *results;
};

void runFrame(void **context) {
  auto *frame = reinterpret_cast<Frame *>(context);
  frame->entry(frame->arguments);
  for (int64_t *descriptor : *frame->results)
    gqa_rt_keep(reinterpret_cast<void *>(descriptor[0]));
}

/// A result together with everything that its DLManagedTensor points to.
struct OwnedTensor {
  DLManagedTensor managed{};
  std::vector<int64_t> shape, strides;
  void *block;

  OwnedTensor(const int64_t *descriptor, const TensorType &type)
      : block(reinterpret_cast<void *>(descriptor[0])) {
    size_t rank = type.shape.size();
    shape.assign(descriptor + 3, descriptor + 3 + rank);
    strides.assign(descriptor + 3 + rank, descriptor + 3 + 2 * rank);
    DLTensor &tensor = managed.dl_tensor;
    tensor.data = reinterpret_cast<char *>(descriptor[1]) + descriptor[2] * (type.dtype.bits / 8);
    tensor.device = DLDevice{kDLCPU, 0};
    tensor.ndim = int(rank);
    tensor.dtype = type.dtype;
    tensor.shape = shape.data();
    tensor.strides = strides.data();
    managed.manager_ctx = this;
    managed.deleter = [](DLManagedTensor *self) { delete static_cast<OwnedTensor *>(self->manager_ctx); };
  }
  ~OwnedTensor() { gqa_rt_free(block); }
};

llvm::Error checkCount(llvm::StringRef kind, size_t found, size_t expected) {
  if (found == expected)
    return llvm::Error::success();
  return makeError("expected " + llvm::Twine(expected) + " " + kind + ", found " + llvm::Twine(found));
}

TensorType typeOf(const DLTensor &tensor) {
  return {tensor.dtype, {tensor.shape, tensor.shape + tensor.ndim}, ""};
}

/// Empty, or why `from` does not fit into `to`.
std::string copyResult(const DLTensor &from, DLTensor &to, size_t index) {
  if (!std::equal(from.shape, from.shape + from.ndim, to.shape))
    return "output " + std::to_string(index) + " is " + toString(typeOf(to)) + ", the result is " +
           toString(typeOf(from));
  int64_t bytes = from.dtype.bits / 8;
  for (int i = 0; i < from.ndim; ++i)
    bytes *= from.shape[i];
  if (bytes)
    std::memcpy(static_cast<char *>(to.data) + to.byte_offset, from.data, size_t(bytes));
  return "";
}

} // namespace

llvm::Expected<std::vector<DLManagedTensor *>>
CompiledFunction::call(llvm::ArrayRef<const DLTensor *> inputs) {
  const Signature &signature = implementation->signature;
  if (llvm::Error error = checkCount("arguments", inputs.size(), signature.inputs.size()))
    return error;
  std::vector<std::vector<int64_t>> descriptors;
  for (auto [index, input] : llvm::enumerate(inputs)) {
    if (llvm::Error error = checkTensor(*input, signature.inputs[index], "argument", index))
      return error;
    descriptors.push_back(makeDescriptor(*input));
  }
  Results results(signature.outputs);
  std::vector<void *> arguments;
  if (!signature.outputs.empty())
    arguments.push_back(results.words.data());
  for (std::vector<int64_t> &descriptor : descriptors)
    arguments.push_back(descriptor.data());
  Frame frame{implementation->code.entry, arguments.data(), &results.descriptors};
  if (gqa_rt_call(runFrame, reinterpret_cast<void **>(&frame)))
    return makeError(gqa_rt_last_error());
  std::vector<DLManagedTensor *> outputs;
  for (auto [descriptor, type] : llvm::zip(results.descriptors, signature.outputs))
    outputs.push_back(&(new OwnedTensor(descriptor, type))->managed);
  return outputs;
}

llvm::Error CompiledFunction::call(llvm::ArrayRef<const DLTensor *> inputs,
                                   llvm::ArrayRef<DLTensor *> outputs) {
  const Signature &signature = implementation->signature;
  if (llvm::Error error = checkCount("outputs", outputs.size(), signature.outputs.size()))
    return error;
  for (auto [index, output] : llvm::enumerate(outputs))
    if (llvm::Error error = checkTensor(*output, signature.outputs[index], "output", index))
      return error;
  auto results = call(inputs);
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

} // namespace gqa
