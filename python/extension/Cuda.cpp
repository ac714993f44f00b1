// Tensors on a GPU for callers that have no framework with them, and whether there is a GPU. Errors are
// RuntimeError.
#include "gqa/Runtime/Cuda.h"
#include "Errors.h"
#include "gqa/Runtime/Runtime.h"

#include <memory>
#include <string>
#include <tvm/ffi/extra/c_env_api.h>
#include <tvm/ffi/tvm_ffi.h>

namespace ffi = tvm::ffi;

namespace {

void check(bool failed) {
  if (failed)
    gqa::raise("RuntimeError", gqa_rt_last_error());
}

void *currentStream(int64_t device) { return TVMFFIEnvGetStream(kDLCUDA, int32_t(device)); }

int64_t bytesOf(const ffi::Tensor &tensor) {
  return tensor.numel() * ((tensor.dtype().bits * tensor.dtype().lanes + 7) / 8);
}

void checkContiguous(const ffi::Tensor &tensor) {
  if (!tensor.IsContiguous())
    gqa::raise("ValueError", "the tensor is not contiguous");
}

/// Memory on a GPU for tvm-ffi's tensors.
struct Allocator {
  void AllocData(DLTensor *tensor) {
    device = tensor->device.device_id;
    stream = currentStream(device);
    tensor->data = gqa_rt_cuda_reserve(device, stream, int64_t(ffi::GetDataSize(*tensor)));
    check(!tensor->data);
  }
  void FreeData(DLTensor *tensor) { gqa_rt_cuda_release(device, stream, tensor->data); }
  int64_t device = 0;
  void *stream = nullptr;
};

/// "" if there is a GPU to use, else the line that says what is missing.
ffi::String error() {
  const char *text = gqa_rt_cuda_error();
  return text ? text : "";
}

/// Device 0 as a JSON object: its name, the version of CUDA that the driver supports, and what a benchmark
/// asks of it.
ffi::String describe() {
  int64_t facts[GQA_RT_CUDA_NUM_FACTS];
  check(gqa_rt_cuda_device_facts(0, facts));
  int64_t version = gqa_rt_cuda_driver_version();
  auto number = [](const char *name, int64_t value) {
    return ", \"" + std::string(name) + "\": " + std::to_string(value);
  };
  return "{\"name\": \"" + std::string(gqa_rt_cuda_device_name(0)) + "\", \"cuda\": \"" +
         std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10) + "\"" +
         number("chip", facts[GQA_RT_CUDA_CHIP]) + number("processors", facts[GQA_RT_CUDA_PROCESSORS]) +
         number("l2_bytes", facts[GQA_RT_CUDA_L2_BYTES]) +
         number("memory_bytes", facts[GQA_RT_CUDA_MEMORY_BYTES]) + "}";
}

/// A copy of a contiguous host tensor on a GPU, in the order of the current stream.
ffi::Tensor toDevice(const ffi::Tensor &host, int64_t device) {
  checkContiguous(host);
  DLDevice place{kDLCUDA, int32_t(device)};
  ffi::Tensor copy = ffi::Tensor::FromNDAlloc(Allocator(), host.shape(), host.dtype(), place);
  check(gqa_rt_cuda_copy_in(device, currentStream(device), copy.data_ptr(), host.data_ptr(), bytesOf(host)));
  return copy;
}

/// Memory on a GPU that was filled when it was made.
struct Uploader {
  void AllocData(DLTensor *tensor) {
    device = tensor->device.device_id;
    tensor->data = gqa_rt_cuda_upload(device, from, int64_t(ffi::GetDataSize(*tensor)));
    check(!tensor->data);
  }
  void FreeData(DLTensor *tensor) { gqa_rt_cuda_discard(device, tensor->data); }
  const void *from;
  int64_t device = 0;
};

/// A copy of a contiguous host tensor on a GPU, which is there when the function returns, for all streams and
/// graphs.
ffi::Tensor upload(const ffi::Tensor &host, int64_t device) {
  checkContiguous(host);
  DLDevice place{kDLCUDA, int32_t(device)};
  return ffi::Tensor::FromNDAlloc(Uploader{host.data_ptr()}, host.shape(), host.dtype(), place);
}

/// Copies a contiguous tensor on a GPU into one of the host, when the current stream has got there.
void toHost(const ffi::Tensor &from, const ffi::Tensor &to) {
  checkContiguous(from);
  checkContiguous(to);
  if (bytesOf(from) != bytesOf(to))
    gqa::raise("ValueError", "the tensors have " + std::to_string(bytesOf(from)) + " and " +
                                 std::to_string(bytesOf(to)) + " bytes");
  int64_t device = from.device().device_id;
  check(gqa_rt_cuda_copy_out(device, currentStream(device), to.data_ptr(), from.data_ptr(), bytesOf(from)));
}

/// Copies a contiguous tensor of the host into one on a GPU, in the order of the current stream.
void fill(const ffi::Tensor &host, const ffi::Tensor &to) {
  checkContiguous(host);
  checkContiguous(to);
  if (bytesOf(host) != bytesOf(to))
    gqa::raise("ValueError", "the tensors have " + std::to_string(bytesOf(host)) + " and " +
                                 std::to_string(bytesOf(to)) + " bytes");
  int64_t device = to.device().device_id;
  check(gqa_rt_cuda_copy_in(device, currentStream(device), to.data_ptr(), host.data_ptr(), bytesOf(host)));
}

//===--------------------------------------------------------------------===//
// Graphs: streams and graphs are addresses
//===--------------------------------------------------------------------===//

void *pointer(int64_t address) { return reinterpret_cast<void *>(address); }

int64_t made(void *object) {
  check(!object);
  return reinterpret_cast<int64_t>(object);
}

int64_t createStream(int64_t device) { return made(gqa_rt_cuda_stream_create(device)); }
void destroyStream(int64_t device, int64_t stream) {
  check(gqa_rt_cuda_stream_destroy(device, pointer(stream)));
}
void synchronize(int64_t device) { check(gqa_rt_cuda_synchronize(device, currentStream(device))); }

void beginGraph(int64_t device, int64_t stream) { check(gqa_rt_cuda_graph_begin(device, pointer(stream))); }
int64_t endGraph(int64_t device, int64_t stream) {
  return made(gqa_rt_cuda_graph_end(device, pointer(stream)));
}
/// In the current stream.
void launchGraph(int64_t device, int64_t graph) {
  check(gqa_rt_cuda_graph_launch(device, pointer(graph), currentStream(device)));
}
void destroyGraph(int64_t device, int64_t graph) { check(gqa_rt_cuda_graph_destroy(device, pointer(graph))); }

} // namespace

TVM_FFI_DLL_EXPORT_TYPED_FUNC(cuda_error, error);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(cuda_describe, describe);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(cuda_from_host, toDevice);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(cuda_upload, upload);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(cuda_to_host, toHost);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(cuda_fill, fill);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(cuda_stream_create, createStream);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(cuda_stream_destroy, destroyStream);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(cuda_synchronize, synchronize);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(cuda_graph_begin, beginGraph);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(cuda_graph_end, endGraph);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(cuda_graph_launch, launchGraph);
TVM_FFI_DLL_EXPORT_TYPED_FUNC(cuda_graph_destroy, destroyGraph);
