// Modules of compiled code on devices.
#ifndef GQA_LIB_RUNTIME_CUDA_MODULE_H
#define GQA_LIB_RUNTIME_CUDA_MODULE_H

#include "Device.h"

namespace gqa::rt::cuda {

/// The image of `module` that runs best on `device`, of PTX alone without `cubins`; null and why if none
/// runs.
const gqa_rt_cuda_image *chooseImage(const gqa_rt_cuda_module &module, const Device &device, bool cubins,
                                     Error &error);

struct Kernel {
  CUfunction function = nullptr;
  bool mayWait = false; ///< it is of an image for one chip alone (GQA_RT_CUDA_DEPENDENT)
};

/// The kernel called `name` with room for `sharedBytes` of dynamic shared memory; loads the module if it
/// must. The device's context is current.
Error getKernel(gqa_rt_cuda_module &module, Device &device, const char *name, int64_t sharedBytes,
                Kernel &kernel);

/// The module's copy of constant `data` on the device, made by the first call.
Error getConstant(gqa_rt_cuda_module &module, Device &device, const void *data, int64_t bytes, void *&copy);

} // namespace gqa::rt::cuda

#endif // GQA_LIB_RUNTIME_CUDA_MODULE_H
