// Calls: every argument is checked against the signature, then wrapped into the descriptor that compiled code
// expects; the results' descriptors become tensors.
#include "CheckTensor.h"
#include "Donation.h"
#include "LastError.h"

#include "gqa/Runtime/Function.h"
#include "gqa/Runtime/Runtime.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

namespace gqa::rt {
namespace {

gqa_status fail(gqa_status status, std::string message) {
  lastError() = std::move(message);
  return status;
}

/// An array that lives in the frame unless it is long: a call of the usual size allocates nothing for itself.
template <typename T, size_t N> class Array {
public:
  explicit Array(size_t size) : size(size), many(size > N ? new T[size]() : nullptr) {
    std::fill_n(few, many ? 0 : size, T());
  }
  T *data() { return many ? many.get() : few; }
  T &operator[](size_t i) { return data()[i]; }
  const size_t size;

private:
  T few[N];
  std::unique_ptr<T[]> many;
};

size_t descriptorWords(int32_t rank) { return 3 + 2 * size_t(rank); }

size_t totalWords(const gqa_tensor_type *types, size_t count) {
  size_t words = 0;
  for (size_t i = 0; i < count; ++i)
    words += descriptorWords(types[i].ndim);
  return words;
}

/// Writes a memref descriptor, flat: allocated, aligned, offset, sizes, strides.
void describe(const DLTensor &tensor, int64_t *words) {
  size_t rank = size_t(tensor.ndim);
  words[0] = words[1] = reinterpret_cast<intptr_t>(static_cast<char *>(tensor.data) + tensor.byte_offset);
  words[2] = 0;
  int64_t stride = 1;
  for (size_t i = rank; i-- > 0;) {
    words[3 + i] = tensor.shape[i];
    words[3 + rank + i] = stride;
    stride *= std::max<int64_t>(tensor.shape[i], 1);
  }
}

/// A result together with everything that its DLManagedTensor points to, and its memory, unless that is an
/// argument's.
struct OwnedTensor {
  DLManagedTensor managed{};
  std::vector<int64_t> sizes; ///< shape, then strides
  void *block, *stream;

  OwnedTensor(const int64_t *descriptor, const gqa_tensor_type &type, DLDevice device, void *stream)
      : sizes(descriptor + 3, descriptor + descriptorWords(type.ndim)),
        block(reinterpret_cast<void *>(descriptor[0])), stream(stream) {
    DLTensor &tensor = managed.dl_tensor;
    tensor.data = reinterpret_cast<char *>(descriptor[1]) + descriptor[2] * (type.dtype.bits / 8);
    tensor.device = device;
    tensor.ndim = type.ndim;
    tensor.dtype = type.dtype;
    tensor.shape = sizes.data();
    tensor.strides = sizes.data() + type.ndim;
    managed.manager_ctx = this;
    managed.deleter = [](DLManagedTensor *self) { delete static_cast<OwnedTensor *>(self->manager_ctx); };
  }
  ~OwnedTensor() {
    if (block && isHost(managed.dl_tensor.device))
      gqa_rt_free(block);
    else if (block)
      gqa_rt_cuda_release(managed.dl_tensor.device.device_id, stream, block);
  }
};

/// One call. Without `outputs` the results are taken over.
class Invocation {
public:
  Invocation(const gqa_rt_signature &signature, const gqa_rt_code &code, const DLTensor *const *inputs,
             DLTensor *const *outputs, void *stream)
      : signature(signature), code(code), inputs(inputs), outputs(outputs), stream(stream),
        words(totalWords(signature.inputs, signature.num_inputs) +
              totalWords(signature.outputs, signature.num_outputs)),
        arguments(signature.num_inputs + 1), donors(signature.num_outputs) {
    for (size_t i = 0; signature.donated && i < signature.num_inputs; ++i)
      if (signature.donated[i] >= 0)
        donors[size_t(signature.donated[i])] = inputs[i];
  }

  /// Empty, or which tensor does not fit.
  std::string check() {
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

  /// 0, or 1 with the last error set.
  int run() {
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

  void takeResults(DLManagedTensor **results) {
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

  /// Fills the memory for results, which on a GPU kernels have done. Empty, or which one has another size.
  std::string copyResults() {
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

private:
  /// The GPU that some argument is on, or the CPU.
  DLDevice findDevice() const {
    for (size_t i = 0; code.kernels && i < signature.num_inputs; ++i)
      if (inputs[i] && inputs[i]->device.device_type == kDLCUDA)
        return inputs[i]->device;
    return {kDLCPU, 0};
  }

  bool mayBeThere(size_t output) const {
    return code.on_device && code.on_device[signature.num_inputs + output];
  }
  bool isThere(size_t output) const { return !isHost(device) && mayBeThere(output); }

  /// Those that compiled code returns.
  template <typename F> void eachResult(F visit) {
    int64_t *descriptor = words.data();
    for (size_t i = 0; i < signature.num_outputs; ++i) {
      if (donors[i])
        continue;
      visit(i, descriptor);
      descriptor += descriptorWords(signature.outputs[i].ndim);
    }
  }

  /// What runs inside of gqa_rt_call: the results' blocks must be kept before the call is over.
  static void enter(void **context) {
    auto *call = reinterpret_cast<Invocation *>(context);
    call->code.entry(call->arguments.data());
    call->eachResult([call](size_t i, const int64_t *descriptor) {
      if (!call->isThere(i))
        gqa_rt_keep(reinterpret_cast<void *>(descriptor[0]));
    });
  }

  /// Whether the stream is being captured into a CUDA graph although kernels read an argument that is on the
  /// host; the last error names it.
  bool refuseCapture() const {
    for (size_t i = 0; !isHost(device) && i < signature.num_inputs; ++i) {
      const DLTensor &input = *inputs[i];
      if (!code.on_device[i] || !isHost(input.device) || countBytes(input) <= GQA_RT_CUDA_RECORDED_BYTES)
        continue;
      if (gqa_rt_cuda_is_capturing(device.device_id, stream) != 1)
        return false;
      lastError() = "argument " + std::to_string(i) + " is on " + toString(input.device) + "; expected " +
                    toString(device) +
                    ", as the stream is being captured into a CUDA graph, which copies nothing from the "
                    "host but " +
                    std::to_string(GQA_RT_CUDA_RECORDED_BYTES) + " bytes or fewer";
      return true;
    }
    return false;
  }

  /// Kernels write results while others still read arguments: sets the last error if some memory is both.
  bool refuseSharedRoom(const std::vector<gqa_rt_cuda_span> &room) {
    std::vector<Place> places;
    for (size_t i = 0; !room.empty() && i < signature.num_inputs; ++i)
      if (!isHost(inputs[i]->device))
        places.push_back({spanOf(*inputs[i]), /*isInput=*/true, i, /*isWritten=*/false});
    for (size_t i = 0; i < room.size(); ++i)
      if (!donors[i]) // those checkDonated has looked at
        places.push_back({room[i], /*isInput=*/false, i, /*isWritten=*/true});
    auto [written, other] = findShared(places);
    if (!written)
      return false;
    lastError() = written->name() + " shares memory of the device with " + other->name() +
                  "; expected memory of its own";
    return true;
  }

  int runOnDevice(void **context) {
    std::vector<gqa_rt_cuda_span> spans, room;
    bool pinned = false; // some argument is in pinned memory of the host
    for (size_t i = 0; i < signature.num_inputs; ++i) {
      if (!isHost(inputs[i]->device))
        spans.push_back(spanOf(*inputs[i]));
      pinned |= inputs[i]->device.device_type == kDLCUDAHost;
    }
    if (refuseCapture())
      return 1;
    for (size_t i = 0; outputs && i < signature.num_outputs; ++i)
      room.push_back(isHost(outputs[i]->device) ? gqa_rt_cuda_span{nullptr, 0} : spanOf(*outputs[i]));
    if (refuseSharedRoom(room))
      return 1;
    gqa_rt_cuda_site site{};
    site.device = device.device_id;
    site.stream = stream;
    site.spans = spans.data();
    site.num_spans = int64_t(spans.size());
    site.results_on_device = !isHost(device);
    site.results = room.empty() ? nullptr : room.data();
    site.num_results = int64_t(room.size());
    int failed = gqa_rt_cuda_call(&site, enter, context);
    // Copies from pinned memory may not have happened yet, and the caller may change it from now on.
    if (!failed && pinned && site.results_on_device && gqa_rt_cuda_is_capturing(site.device, stream) != 1)
      failed = gqa_rt_cuda_synchronize(site.device, stream);
    return failed;
  }

  const gqa_rt_signature &signature;
  const gqa_rt_code &code;
  const DLTensor *const *inputs;
  DLTensor *const *outputs;
  void *stream;
  DLDevice device{kDLCPU, 0};
  Array<int64_t, 96> words; ///< the results' structure, then the arguments' descriptors
  Array<void *, 12> arguments;
  Array<const DLTensor *, 4> donors; ///< for each result the argument that it is written over, or null
};

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
