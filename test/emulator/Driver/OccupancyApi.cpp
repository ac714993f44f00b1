// How many blocks and clusters of a kernel run at a time.
#include "Driver.h"
#include "Launchable.h"

#include <algorithm>

using namespace gqa::emulator;

namespace {

Driver &driver() { return Driver::get(); }

int occupancy(const Kernel &k, int threads, size_t dynamic) {
  Chip chip = chipOf(driver().settings.sm);
  int warps = (threads + 31) / 32;
  int byThreads = chip.threadsPerProcessor / (warps * 32);
  int byRegisters = 65536 / (((registersOf(k) + 7) / 8 * 8) * warps * 32);
  size_t shared = k.staticBytes + dynamic + 1024;
  int byShared = static_cast<int>(chip.sharedPerProcessor / shared);
  return std::min({byThreads, byRegisters, byShared, static_cast<int>(chip.blocksPerProcessor)});
}

/// A cluster runs within one of the groups that a chip has. Those of an H100 are unequal; these are, in turn,
/// of 16 and 18 multiprocessors while there are any left, which makes 14 of the last of 132.
int clusters(int blocks, int blocksOfProcessor) {
  int left = static_cast<int>(driver().settings.processors), found = 0;
  for (bool large = false; left > 0; large = !large) {
    int processors = std::min(left, large ? 18 : 16);
    found += processors * blocksOfProcessor / blocks;
    left -= processors;
  }
  return found;
}

/// The blocks of a cluster that the attributes ask for; 0 if they ask for none.
unsigned clusterOf(const CUlaunchConfig &config) {
  unsigned blocks = 0;
  for (unsigned n = 0; n < config.numAttrs; ++n)
    if (const auto &[id, pad, value] = config.attrs[n]; id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION)
      blocks = value.clusterDim.x * value.clusterDim.y * value.clusterDim.z;
  return blocks;
}

CUresult countClusters(int *count, CUfunction function, const CUlaunchConfig &config) {
  constexpr unsigned kMost = 8;
  unsigned blocks = clusterOf(config), threads = config.blockDimX * config.blockDimY * config.blockDimZ;
  if (driver().settings.sm < 90 || !blocks || blocks > kMost)
    return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  if (!threads || threads > static_cast<unsigned>(maxThreads(function->kernel)) ||
      config.sharedMemBytes > static_cast<unsigned>(std::max(0, function->maxDynamicShared)))
    return CUDA_ERROR_INVALID_VALUE;
  *count = clusters(static_cast<int>(blocks),
                    occupancy(function->kernel, static_cast<int>(threads), config.sharedMemBytes));
  return CUDA_SUCCESS;
}

} // namespace

EMULATOR_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction function,
                                                                  int threads, size_t dynamic) {
  return driver().call("cuOccupancyMaxActiveBlocksPerMultiprocessor", Needs::Context, [&] {
    if (!driver().functions.count(function))
      return CUDA_ERROR_INVALID_HANDLE;
    if (!blocks || threads <= 0)
      return CUDA_ERROR_INVALID_VALUE;
    *blocks = threads > maxThreads(function->kernel) ? 0 : occupancy(function->kernel, threads, dynamic);
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuOccupancyMaxActiveClusters(int *count, CUfunction function,
                                                   const CUlaunchConfig *config) {
  return driver().call("cuOccupancyMaxActiveClusters", Needs::Context, [&] {
    if (!driver().functions.count(function))
      return CUDA_ERROR_INVALID_HANDLE;
    if (!count || !config || (config->numAttrs && !config->attrs))
      return CUDA_ERROR_INVALID_VALUE;
    return countClusters(count, function, *config);
  });
}
