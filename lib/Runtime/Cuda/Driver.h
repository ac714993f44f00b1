// NVIDIA's driver: its binary interface as far as the runtime uses it, and the one loaded copy.
#ifndef GQA_LIB_RUNTIME_CUDA_DRIVER_H
#define GQA_LIB_RUNTIME_CUDA_DRIVER_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace gqa::rt::cuda {

using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUcontext = struct CUctx_st *;
using CUmodule = struct CUmod_st *;
using CUfunction = struct CUfunc_st *;
using CUstream = struct CUstream_st *;
using CUevent = struct CUevent_st *;
using CUmemoryPool = struct CUmemPoolHandle_st *;
using CUgraph = struct CUgraph_st *;
using CUgraphExec = struct CUgraphExec_st *;

enum CUresult : int {
  CUDA_SUCCESS = 0,
  CUDA_ERROR_OUT_OF_MEMORY = 2,
  CUDA_ERROR_DEINITIALIZED = 4,
  CUDA_ERROR_STUB_LIBRARY = 34,
  CUDA_ERROR_NO_DEVICE = 100,
  CUDA_ERROR_INVALID_IMAGE = 200,
  CUDA_ERROR_NO_BINARY_FOR_GPU = 209,
  CUDA_ERROR_ECC_UNCORRECTABLE = 214,
  CUDA_ERROR_NVLINK_UNCORRECTABLE = 220,
  CUDA_ERROR_JIT_COMPILER_NOT_FOUND = 221,
  CUDA_ERROR_UNSUPPORTED_PTX_VERSION = 222,
  CUDA_ERROR_INVALID_SOURCE = 300,
  CUDA_ERROR_INVALID_HANDLE = 400,
  CUDA_ERROR_ILLEGAL_ADDRESS = 700,
  CUDA_ERROR_LAUNCH_TIMEOUT = 702,
  CUDA_ERROR_CONTEXT_IS_DESTROYED = 709,
  CUDA_ERROR_ASSERT = 710,
  CUDA_ERROR_HARDWARE_STACK_ERROR = 714,
  CUDA_ERROR_ILLEGAL_INSTRUCTION = 715,
  CUDA_ERROR_MISALIGNED_ADDRESS = 716,
  CUDA_ERROR_INVALID_ADDRESS_SPACE = 717,
  CUDA_ERROR_INVALID_PC = 718,
  CUDA_ERROR_LAUNCH_FAILED = 719,
  CUDA_ERROR_SYSTEM_DRIVER_MISMATCH = 803,
  CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE = 910,
  CUDA_ERROR_INVALID_CLUSTER_SIZE = 912,
};

enum CUdevice_attribute : int {
  CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT = 16,
  CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE = 38,
  CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR = 39,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76,
  CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR = 81,
  CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR = 82,
  CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN = 97,
  CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED = 115,
};

enum CUfunction_attribute : int { CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8 };

enum CUjit_option : int {
  CU_JIT_INFO_LOG_BUFFER = 3,
  CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES = 4,
  CU_JIT_ERROR_LOG_BUFFER = 5,
  CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6,
};

enum : unsigned { CU_STREAM_NON_BLOCKING = 1 };

enum CUstreamCaptureMode : int {
  CU_STREAM_CAPTURE_MODE_THREAD_LOCAL = 1,
  CU_STREAM_CAPTURE_MODE_RELAXED = 2,
};
enum CUstreamCaptureStatus : int {
  CU_STREAM_CAPTURE_STATUS_NONE = 0,
  CU_STREAM_CAPTURE_STATUS_ACTIVE = 1,
  CU_STREAM_CAPTURE_STATUS_INVALIDATED = 2,
};

struct CUgraphExecUpdateResultInfo {
  int result;
  void *node, *fromNode;
};
static_assert(sizeof(CUgraphExecUpdateResultInfo) == 24);

enum CUmemPool_attribute : int { CU_MEMPOOL_ATTR_RELEASE_THRESHOLD = 4 };

struct CUmemPoolProps {
  int allocType = 1; // pinned: the only one there is
  int handleTypes = 0;
  struct {
    int type = 1; // a device
    int id = 0;
  } location;
  void *win32SecurityAttributes = nullptr;
  size_t maxSize = 0;
  unsigned short usage = 0;
  unsigned char reserved[54] = {};
};
static_assert(sizeof(CUmemPoolProps) == 88);

enum CUtensorMapDataType : int { CU_TENSOR_MAP_DATA_TYPE_FLOAT16 = 6, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 = 9 };
enum CUtensorMapSwizzle : int { CU_TENSOR_MAP_SWIZZLE_64B = 2, CU_TENSOR_MAP_SWIZZLE_128B = 3 };
enum CUtensorMapL2promotion : int { CU_TENSOR_MAP_L2_PROMOTION_L2_128B = 2 };

struct alignas(128) CUtensorMap { // 64 before CUDA 13
  uint64_t opaque[16];
};
static_assert(sizeof(CUtensorMap) == 128);

enum CUlaunchAttributeID : int {
  CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION = 4,
  CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION = 6
};

struct alignas(8) CUlaunchAttribute {
  CUlaunchAttributeID id;
  char pad[4];
  union {
    char room[64];
    int programmaticStreamSerializationAllowed;
    struct {
      unsigned x, y, z;
    } clusterDim;
  } value;
};
static_assert(sizeof(CUlaunchAttribute) == 72);

struct CUlaunchConfig {
  unsigned gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes;
  CUstream stream;
  CUlaunchAttribute *attributes;
  unsigned numAttributes;
};
static_assert(sizeof(CUlaunchConfig) == 56);

/// The functions of one driver; optional ones that it lacks are null.
struct Driver {
#define GQA_CUDA_FUNCTION(member, symbol, ...) CUresult (*member)(__VA_ARGS__) = nullptr;
#include "Driver.def"

  int version = 0;    ///< of CUDA that it supports, 12080 for 12.8
  int numDevices = 0; ///< 1 or more if there is no error
  std::string error;  ///< empty, or the line that says why there is nothing to use

  bool hasPools() const {
    return memPoolCreate && memPoolSetAttribute && memAllocFromPoolAsync && memFreeAsync;
  }

  /// A function that CUDA graphs need and this driver lacks; null if they are there.
  const char *missingForGraphs() const {
    const std::pair<bool, const char *> needed[] = {
        {streamBeginCapture, "cuStreamBeginCapture_v2"},
        {streamEndCapture, "cuStreamEndCapture"},
        {streamIsCapturing, "cuStreamIsCapturing"},
        {threadExchangeStreamCaptureMode, "cuThreadExchangeStreamCaptureMode"},
        {graphInstantiate, "cuGraphInstantiateWithFlags"},
        {graphLaunch, "cuGraphLaunch"},
        {graphExecDestroy, "cuGraphExecDestroy"},
        {graphDestroy, "cuGraphDestroy"}};
    for (auto [isThere, name] : needed)
      if (!isThere)
        return name;
    return nullptr;
  }
  bool hasGraphs() const { return !missingForGraphs(); }

  /// "cuInit: no CUDA-capable device is detected (CUDA_ERROR_NO_DEVICE)".
  std::string describe(const char *function, CUresult result) const;

  /// Loads and initialises the driver at `path`.
  static Driver load(const char *path);

  /// This process's driver, loaded by the first call.
  static const Driver &get();
};

/// Null if CUDA can be used now, else the line that says why not: the driver's error, or that this process is
/// a child of one that has used it.
const char *unusable();

} // namespace gqa::rt::cuda

#endif // GQA_LIB_RUNTIME_CUDA_DRIVER_H
