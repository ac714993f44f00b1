// A running call: where it runs, what belongs to it on the device, and the driver's functions in its stream.
#ifndef GQA_LIB_RUNTIME_CUDA_CALL_H
#define GQA_LIB_RUNTIME_CUDA_CALL_H

#include "Scratch.h"

#include <algorithm>
#include <deque>
#include <vector>

namespace gqa::rt::cuda {

inline CUdeviceptr address(const void *memory) { return reinterpret_cast<uintptr_t>(memory); }
inline void *pointer(CUdeviceptr address) { return reinterpret_cast<void *>(uintptr_t(address)); }

/// A buffer of the host and its copy on the device.
struct Mapping {
  void *host;
  CUdeviceptr device;
  int64_t bytes, access;
};

class Call {
public:
  Call(const gqa_rt_cuda_site &site, Device &device)
      : site(site), device(device), spans(site.spans, site.spans + site.num_spans) {
    if (site.results)
      spans.insert(spans.end(), site.results, site.results + site.num_results);
  }

  /// Whether the stream may be used, and how.
  Error start() { return device.isCapturing(stream(), capturing); }

  bool isCapturing() const { return capturing; }
  CUstream stream() const { return static_cast<CUstream>(site.stream); }

  Error map(void *data, int64_t bytes, int64_t access, void *&mapped);
  Error unmap();
  Error allocate(int64_t bytes, void *&memory);
  Error release(void *memory);
  /// The device's copy of what a module has on the host, made when it is first asked for.
  Error constant(gqa_rt_cuda_module &module, const void *data, int64_t bytes, void *&memory);
  /// Scratch memory of at least so many bytes for what is queued next: products, one after the other, share
  /// it.
  Error workspace(int64_t bytes, void *&memory);
  /// As much as it may be: nothing where giving it back means to wait.
  uint64_t mostWorkspace() const { return device.hasPools() ? uint64_t(32) << 20 : 0; }
  Error result(int64_t index, int64_t bytes, void *&memory);
  Error mapTensor(CUtensorMapDataType type, void *data, const uint64_t (&sizes)[4],
                  const uint64_t (&strides)[3], const unsigned (&box)[4], const void *&map);
  Error launch(gqa_rt_cuda_module &module, const char *kernel, CUlaunchConfig config, int64_t cluster,
               int64_t flags, void **parameters);

  /// Frees what the call has not; results too if it failed.
  void finish(bool failed);

  const gqa_rt_cuda_site &site;
  Device &device;
  Call *outer = nullptr;

private:
  Error record(CUdeviceptr to, const void *data, int64_t bytes);
  bool isOnDevice(const void *data) const {
    auto holds = [&](const gqa_rt_cuda_span &span) {
      return address(data) - address(span.data) < uint64_t(span.bytes);
    };
    return std::any_of(spans.begin(), spans.end(), holds) ||
           std::any_of(scratch.begin(), scratch.end(), holds);
  }

  bool capturing = false; // into a graph: nothing waits, nothing is copied from or to the host
  std::vector<gqa_rt_cuda_span> spans,
      scratch;   // on the device: the caller's and constants; what is allocated
  Scratch parts; // of the scratch memory, in a capture
  std::vector<Mapping> mappings;
  std::vector<void *> results;  // allocated
  std::deque<CUtensorMap> maps; // which stay where they are
  void *shared = nullptr;       // the workspace, one of the scratch memory
  int64_t sharedBytes = 0;
};

/// This thread's running call, or null and the error is the thread's last one.
Call *current();

} // namespace gqa::rt::cuda

#endif // GQA_LIB_RUNTIME_CUDA_CALL_H
