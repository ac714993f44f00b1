// The primary context, and which context is current in each thread.
#include "Driver.h"

using namespace gqa::emulator;

namespace {
Driver &driver() { return Driver::get(); }
} // namespace

EMULATOR_API CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
  return driver().call("cuDevicePrimaryCtxRetain", Needs::Init, [&] {
    if (device != 0)
      return CUDA_ERROR_INVALID_DEVICE;
    if (!context)
      return CUDA_ERROR_INVALID_VALUE;
    Driver &d = driver();
    if (!d.memory)
      d.memory = std::make_shared<DeviceMemory>(d.settings.memory);
    ++d.retained;
    *context = &d.primary;
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  return driver().call("cuDevicePrimaryCtxRelease_v2", Needs::Init, [&] {
    Driver &d = driver();
    if (device != 0)
      return CUDA_ERROR_INVALID_DEVICE;
    if (!d.retained)
      return CUDA_ERROR_INVALID_CONTEXT;
    if (--d.retained == 0)
      d.destroyPrimary();
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned *flags, int *active) {
  return driver().call("cuDevicePrimaryCtxGetState", Needs::Init, [&] {
    if (device != 0)
      return CUDA_ERROR_INVALID_DEVICE;
    if (!flags || !active)
      return CUDA_ERROR_INVALID_VALUE;
    *flags = 0;
    *active = driver().retained != 0;
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuCtxGetCurrent(CUcontext *context) {
  return driver().call("cuCtxGetCurrent", Needs::Init, [&] {
    if (!context)
      return CUDA_ERROR_INVALID_VALUE;
    *context = driver().current();
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuCtxSetCurrent(CUcontext context) {
  return driver().call("cuCtxSetCurrent", Needs::Init, [&] {
    if (context && !driver().isContext(context))
      return CUDA_ERROR_INVALID_CONTEXT;
    auto &stack = driver().contextStack();
    if (!stack.empty())
      stack.pop_back();
    if (context)
      stack.push_back(context);
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuCtxPushCurrent_v2(CUcontext context) {
  return driver().call("cuCtxPushCurrent_v2", Needs::Init, [&] {
    if (!context)
      return CUDA_ERROR_INVALID_VALUE;
    if (!driver().isContext(context))
      return CUDA_ERROR_INVALID_CONTEXT;
    driver().contextStack().push_back(context);
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuCtxPopCurrent_v2(CUcontext *context) {
  return driver().call("cuCtxPopCurrent_v2", Needs::Init, [&] {
    auto &stack = driver().contextStack();
    if (stack.empty())
      return CUDA_ERROR_INVALID_CONTEXT;
    if (context)
      *context = stack.back();
    stack.pop_back();
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuCtxGetDevice(CUdevice *device) {
  return driver().call("cuCtxGetDevice", Needs::Init, [&] {
    if (!device)
      return CUDA_ERROR_INVALID_VALUE;
    if (!driver().current())
      return CUDA_ERROR_INVALID_CONTEXT;
    *device = 0;
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuCtxSynchronize() {
  return driver().call("cuCtxSynchronize", Needs::Context, [] {
    for (const auto &capture : driver().captures) // it would wait for them as well
      capture->valid = false;
    return driver().captures.empty() ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  });
}
