#include "Device.h"
#include "Diagnostics.h"

#include "gqa/Runtime/Cuda.h"
#include "gqa/Runtime/Runtime.h"
#include "gqa/Tile/Target.h"

namespace gqa {

llvm::Error checkDevice(llvm::StringRef target) {
  if (!isCUDA(target))
    return llvm::Error::success();
  llvm::Expected<CUDATarget> wanted = describeCUDA(target);
  if (!wanted)
    return wanted.takeError();
  if (const char *error = gqa_rt_cuda_error())
    return makeError(error);
  int64_t facts[GQA_RT_CUDA_NUM_FACTS];
  if (gqa_rt_cuda_device_facts(0, facts))
    return makeError(gqa_rt_last_error());
  if (facts[GQA_RT_CUDA_CHIP] < int64_t(wanted->chip))
    return makeError("target '" + target + "' needs a later chip than CUDA device 0 (" +
                     gqa_rt_cuda_device_name(0) + ") has: expected sm_" + llvm::Twine(wanted->chip) +
                     ", found sm_" + llvm::Twine(facts[GQA_RT_CUDA_CHIP]));
  return llvm::Error::success();
}

llvm::StringRef targetForDevices(llvm::StringRef target) {
  int64_t count = gqa_rt_cuda_num_devices(), facts[GQA_RT_CUDA_NUM_FACTS];
  if (target != "cuda" || count == 0)
    return target;
  for (int64_t device = 0; device < count; ++device)
    if (gqa_rt_cuda_device_facts(device, facts) || facts[GQA_RT_CUDA_CHIP] != int64_t(kGroupChip))
      return target;
  return "cuda:sm_90a";
}

} // namespace gqa
