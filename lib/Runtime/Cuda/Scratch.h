// Small scratch memory of a call whose stream is captured, as parts of a few allocations.
#ifndef GQA_LIB_RUNTIME_CUDA_SCRATCH_H
#define GQA_LIB_RUNTIME_CUDA_SCRATCH_H

#include "Device.h"

#include <map>
#include <vector>

namespace gqa::rt::cuda {

/// An allocation is a node of the graph, and a kernel behind one does not start before all in front of it has
/// ended (GQA_RT_CUDA_DEPENDENT). What one kernel has done with, the next may be given: they are in the order
/// of the stream.
class Scratch {
public:
  /// What is larger is no part of another allocation.
  static constexpr int64_t kMostBytes = int64_t(1) << 20;

  Error take(Device &device, CUstream stream, int64_t bytes, CUdeviceptr &memory);

  /// Whether `memory` is a part, which may be taken again now.
  bool giveBack(CUdeviceptr memory);

  /// Frees the allocations. An error has been reported, or will be.
  void release(Device &device, CUstream stream);

private:
  struct Chunk {
    CUdeviceptr memory;
    std::map<CUdeviceptr, int64_t> free, taken; // bytes
  };

  static bool takeFrom(Chunk &chunk, int64_t bytes, CUdeviceptr &memory);

  std::vector<Chunk> chunks;
};

} // namespace gqa::rt::cuda

#endif // GQA_LIB_RUNTIME_CUDA_SCRATCH_H
