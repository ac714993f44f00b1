// How many clusters fit on a device. Only the driver knows which multiprocessors are neighbours, and it
// answers for kernels alone: so one is asked about that does nothing, with as much shared memory as keeps
// others away.
#include "Device.h"

#include <algorithm>
#include <cstdio>

namespace gqa::rt::cuda {
namespace {

constexpr const char *kNothing = ".version 7.8\n.target sm_90\n.address_size 64\n"
                                 ".visible .entry gqa_nothing()\n{\n\tret;\n}\n";
constexpr int64_t kMostTasks = 8; // on every chip that has clusters
constexpr int64_t kHopper = 90;

/// No function and no error where the driver's compiler is not installed: machine code runs without it.
Error loadNothing(Device &device, CUfunction &function) {
  Relaxed relaxed(device); // the first call may be one that is captured
  if (!relaxed.error.empty())
    return relaxed.error;
  CUmodule module = nullptr;
  CUresult result = Driver::get().moduleLoadDataEx(&module, kNothing, 0, nullptr, nullptr);
  Error error = device.check("cuModuleLoadDataEx", result);
  if (result == CUDA_ERROR_JIT_COMPILER_NOT_FOUND) {
    std::fprintf(stderr, "gqa: %s; parts of keys are merged by a kernel, not in clusters\n", error.c_str());
    return "";
  }
  if (error.empty())
    error = GQA_CUDA_CHECK(device, cuModuleGetFunction, moduleGetFunction(&function, module, "gqa_nothing"));
  return error;
}

/// What each of `resident` blocks of a multiprocessor can have.
int64_t sharedBytesOf(const Device &device, int64_t resident) {
  constexpr int64_t kReserved = 1024; // of each block, for the system
  return std::min(device.fact(GQA_RT_CUDA_SHARED_PER_BLOCK),
                  device.fact(GQA_RT_CUDA_SHARED_PER_PROCESSOR) / resident - kReserved);
}

Error ask(Device &device, CUfunction function, int64_t tasks, int64_t resident, int64_t &count) {
  const Driver &driver = Driver::get();
  CUlaunchAttribute attribute{CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION, {}, {}};
  attribute.value.clusterDim = {unsigned(tasks), 1, 1};
  CUlaunchConfig config{};
  config.gridX = unsigned(tasks);
  config.gridY = config.gridZ = config.blockY = config.blockZ = 1;
  config.blockX = 32;
  config.sharedBytes = unsigned(sharedBytesOf(device, resident));
  config.attributes = &attribute;
  config.numAttributes = 1;
  Error error = GQA_CUDA_CHECK(
      device, cuFuncSetAttribute,
      funcSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, int(config.sharedBytes)));
  if (!error.empty())
    return error;
  int found = 0;
  CUresult result = driver.occupancyMaxActiveClusters(&found, function, &config);
  if (result == CUDA_ERROR_INVALID_CLUSTER_SIZE) // a part of a chip may be too small for any
    return count = 0, "";
  count = found;
  return device.check("cuOccupancyMaxActiveClusters", result);
}

} // namespace

Error Device::countClusters(int64_t tasks, int64_t resident, int64_t &count) {
  count = 0;
  if (!Driver::get().occupancyMaxActiveClusters || !Driver::get().launchKernelEx ||
      fact(GQA_RT_CUDA_CHIP) < kHopper || tasks < 1 || tasks > kMostTasks || resident < 1)
    return "";
  std::lock_guard<std::mutex> lock(counting);
  auto known = clusters.find({tasks, resident});
  if (known != clusters.end())
    return count = known->second, "";
  Error error = asked ? "" : loadNothing(*this, nothing);
  asked = error.empty();
  if (nothing)
    error = ask(*this, nothing, tasks, resident, count);
  if (error.empty())
    clusters[{tasks, resident}] = count;
  return error;
}

} // namespace gqa::rt::cuda
