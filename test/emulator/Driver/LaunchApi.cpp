// Launches and occupancy. A kernel runs inside the call; what it did wrong is told by the next call that
// asks, as an asynchronous error, unless the setting blocking=on is given.
#include "Driver.h"
#include "Execute/Launch.h"
#include "Launchable.h"

#include <algorithm>
#include <cstring>
#include <span>

using namespace gqa::emulator;

namespace {

Driver &driver() { return Driver::get(); }

struct Request {
  CUfunction function;
  Dim3 grid, block;
  unsigned shared;
  CUstream stream;
  void **params, **extra;
  bool dependent = false; ///< may begin before the launch in front has ended
  Dim3 cluster;           ///< CTAs of each
};

/// The parameters as one block, from an array of pointers or from a block.
CUresult gather(const Request &r, std::vector<std::byte> &into) {
  const Kernel &k = r.function->kernel;
  into.assign(k.paramBytes, std::byte(0));
  if (r.params && r.extra)
    return CUDA_ERROR_INVALID_VALUE;
  if (r.params) {
    for (size_t n = 0; n < k.params.size(); ++n) {
      if (!r.params[n])
        return CUDA_ERROR_INVALID_VALUE;
      std::memcpy(into.data() + k.params[n].offset, r.params[n], k.params[n].size);
    }
    return CUDA_SUCCESS;
  }
  if (!r.extra)
    return k.params.empty() ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  enum : uintptr_t { kEnd = 0, kPointer = 1, kSize = 2 }; // CU_LAUNCH_PARAM_*
  const void *block = nullptr;
  size_t bytes = 0;
  for (void **at = r.extra; reinterpret_cast<uintptr_t>(*at) != kEnd; at += 2) {
    if (reinterpret_cast<uintptr_t>(*at) == kPointer)
      block = at[1];
    else if (reinterpret_cast<uintptr_t>(*at) == kSize)
      bytes = *static_cast<size_t *>(at[1]);
    else
      return CUDA_ERROR_INVALID_VALUE;
  }
  if (!block || bytes < k.paramBytes)
    return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(into.data(), block, k.paramBytes);
  return CUDA_SUCCESS;
}

/// More than eight CTAs are for a kernel to allow, which is not modelled.
CUresult checkCluster(const Request &r) {
  constexpr unsigned kMost = 8;
  auto [x, y, z] = r.cluster;
  if (r.cluster.count() == 1)
    return CUDA_SUCCESS;
  if (driver().settings.sm < 90 || !x || !y || !z || r.cluster.count() > kMost || r.grid.x % x ||
      r.grid.y % y || r.grid.z % z)
    return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  return CUDA_SUCCESS;
}

CUresult check(const Request &r) {
  Driver &d = driver();
  if (!d.functions.count(r.function) || !d.isStream(r.stream))
    return CUDA_ERROR_INVALID_HANDLE;
  const Kernel &k = r.function->kernel;
  auto [gx, gy, gz] = r.grid;
  auto [bx, by, bz] = r.block;
  if (!gx || !gy || !gz || !bx || !by || !bz || gx > 2147483647u || gy > 65535 || gz > 65535 || bx > 1024 ||
      by > 1024 || bz > 64 || r.block.count() > 1024)
    return CUDA_ERROR_INVALID_VALUE;
  if (k.requiredThreads[0] &&
      (bx != k.requiredThreads[0] || by != k.requiredThreads[1] || bz != k.requiredThreads[2]))
    return CUDA_ERROR_INVALID_VALUE;
  if (r.block.count() > static_cast<uint64_t>(maxThreads(k)))
    return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
  if (CUresult error = checkCluster(r); error != CUDA_SUCCESS)
    return error;
  if (r.shared > static_cast<unsigned>(std::max(0, r.function->maxDynamicShared)))
    return CUDA_ERROR_INVALID_VALUE;
  return CUDA_SUCCESS;
}

std::string text(const Dim3 &d) {
  return "[" + std::to_string(d.x) + ", " + std::to_string(d.y) + ", " + std::to_string(d.z) + "]";
}

/// With parameters that were gathered when the launch was asked for.
CUresult run(const Request &r, const std::vector<std::byte> &params) {
  Driver &d = driver();
  if (!d.functions.count(r.function)) // unloaded since it was captured
    return CUDA_ERROR_INVALID_HANDLE;
  Grid grid{r.function->kernel, *d.memory, d.settings,  r.grid,   r.block, r.shared, params,
            ++d.launches,       {},        r.dependent, r.cluster};
  auto start = std::chrono::steady_clock::now();
  Outcome outcome = runGrid(grid);
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  d.report("{\"event\": \"launch\", \"kernel\": " + quoted(grid.kernel.name) + ", \"grid\": " + text(r.grid) +
           ", \"block\": " + text(r.block) + ", \"cluster\": " + text(r.cluster) +
           ", \"shared\": " + std::to_string(r.shared) + ", \"number\": " + std::to_string(grid.id) +
           ", \"seconds\": " + std::to_string(seconds) + ", \"counters\": " + outcome.counters.json() + "}");
  return outcome.fault ? d.fail(*outcome.fault, grid.kernel.name, outcome.message) : CUDA_SUCCESS;
}

CUresult launch(const Request &r) {
  std::vector<std::byte> params;
  if (CUresult error = check(r); error != CUDA_SUCCESS)
    return error;
  if (CUresult error = gather(r, params); error != CUDA_SUCCESS)
    return error;
  return driver().queue(r.stream, {Operation::Kernel, [r, params] { return run(r, params); }});
}

/// What the attributes ask for that is not modelled.
CUresult checkAttributes(const CUlaunchConfig &config) {
  for (unsigned n = 0; n < config.numAttrs; ++n) {
    const CUlaunchAttribute &a = config.attrs[n];
    switch (a.id) {
    case CU_LAUNCH_ATTRIBUTE_IGNORE:
    case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW:
    case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION:
    case CU_LAUNCH_ATTRIBUTE_PRIORITY:
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION:
      break;
    default:
      return CUDA_ERROR_NOT_SUPPORTED;
    }
  }
  return CUDA_SUCCESS;
}

std::span<const CUlaunchAttribute> attributesOf(const CUlaunchConfig &config) {
  return {config.attrs, config.numAttrs};
}

bool isDependent(const CUlaunchConfig &config) {
  return std::ranges::any_of(attributesOf(config), [](const CUlaunchAttribute &a) {
    return a.id == CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION && a.value.value;
  });
}

Dim3 clusterOf(const CUlaunchConfig &config) {
  Dim3 size;
  for (const CUlaunchAttribute &a : attributesOf(config))
    if (a.id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION)
      size = {a.value.clusterDim.x, a.value.clusterDim.y, a.value.clusterDim.z};
  return size;
}

} // namespace

EMULATOR_API CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ,
                                     unsigned blockX, unsigned blockY, unsigned blockZ, unsigned shared,
                                     CUstream stream, void **params, void **extra) {
  return driver().call("cuLaunchKernel", Needs::Context, [&] {
    return launch({function,
                   {gridX, gridY, gridZ},
                   {blockX, blockY, blockZ},
                   shared,
                   stream,
                   params,
                   extra,
                   /*dependent=*/false,
                   /*cluster=*/{}});
  });
}

EMULATOR_API CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function, void **params,
                                       void **extra) {
  return driver().call("cuLaunchKernelEx", Needs::Context, [&] {
    if (!config || (config->numAttrs && !config->attrs))
      return CUDA_ERROR_INVALID_VALUE;
    if (CUresult error = checkAttributes(*config); error != CUDA_SUCCESS)
      return error;
    return launch({function,
                   {config->gridDimX, config->gridDimY, config->gridDimZ},
                   {config->blockDimX, config->blockDimY, config->blockDimZ},
                   config->sharedMemBytes,
                   config->hStream,
                   params,
                   extra,
                   isDependent(*config),
                   clusterOf(*config)});
  });
}
