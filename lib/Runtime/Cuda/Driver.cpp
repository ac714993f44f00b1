// Loads the driver by the names of its functions.
#include "Driver.h"

#include "gqa/Runtime/Cuda.h"

#include <atomic>
#include <cstdlib>
#include <dlfcn.h>
#include <pthread.h>

namespace gqa::rt::cuda {
namespace {

std::atomic<bool> initialized{false}, forked{false};

void noteFork() { forked = initialized.load(); }

/// Sets every function, and the error to the first one that should be there.
void findFunctions(Driver &driver, void *library, const std::string &path) {
  auto find = [&](auto &function, const char *symbol, bool optional) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, symbol));
    if (!function && !optional && driver.error.empty())
      driver.error = "CUDA needs NVIDIA's driver, and " + path + " lacks the function " + symbol;
  };
#define GQA_CUDA_FUNCTION(member, symbol, ...) find(driver.member, #symbol, false);
#define GQA_CUDA_OPTIONAL(member, symbol, ...) find(driver.member, #symbol, true);
#include "Driver.def"
}

std::string advice(CUresult result) {
  switch (result) {
  case CUDA_ERROR_NO_DEVICE:
    return "; is there an NVIDIA GPU, and does CUDA_VISIBLE_DEVICES show it?";
  case CUDA_ERROR_STUB_LIBRARY:
    return "; this is the toolkit's stub, install NVIDIA's driver or set GQA_CUDA_DRIVER";
  case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
    return "; the library and the kernel's module are of different versions, restart the machine";
  default:
    return "";
  }
}

void initialize(Driver &driver) {
  auto check = [&](const char *function, CUresult result) {
    if (result != CUDA_SUCCESS)
      driver.error = "CUDA cannot be used: " + driver.describe(function, result) + advice(result);
    return result == CUDA_SUCCESS;
  };
  initialized = true; // from here on a child inherits what it must not use
  if (check("cuInit", driver.init(0)) &&
      check("cuDriverGetVersion", driver.driverGetVersion(&driver.version)) &&
      check("cuDeviceGetCount", driver.deviceGetCount(&driver.numDevices)) && driver.numDevices < 1)
    check("cuDeviceGetCount", CUDA_ERROR_NO_DEVICE);
}

} // namespace

std::string Driver::describe(const char *function, CUresult result) const {
  const char *text = nullptr, *name = nullptr;
  std::string message = std::string(function) + ": ";
  if (getErrorString(result, &text) == CUDA_SUCCESS && text)
    message += text;
  else
    message += "error " + std::to_string(int(result));
  if (getErrorName(result, &name) == CUDA_SUCCESS && name)
    message += std::string(" (") + name + ")";
  return message;
}

Driver Driver::load(const char *path) {
  Driver driver;
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    driver.error =
        "CUDA needs NVIDIA's driver, and " + std::string(path) + " cannot be loaded (" + dlerror() + ")";
    return driver;
  }
  findFunctions(driver, library, path);
  if (driver.error.empty())
    initialize(driver);
  return driver;
}

const Driver &Driver::get() {
  static const Driver &driver = *new Driver([] { // never destroyed: other threads may still use it at exit
    const char *wanted = std::getenv("GQA_CUDA_DRIVER");
    pthread_atfork(nullptr, nullptr, noteFork);
    return load(wanted && *wanted ? wanted : "libcuda.so.1");
  }());
  return driver;
}

const char *unusable() {
  if (forked)
    return "this process is a child of one that has used CUDA, and cannot use it; start it afresh instead of "
           "by fork (in Python: multiprocessing with 'spawn'), or use CUDA in the child only";
  const Driver &driver = Driver::get();
  return driver.error.empty() ? nullptr : driver.error.c_str();
}

} // namespace gqa::rt::cuda

using namespace gqa::rt::cuda;

const char *gqa_rt_cuda_error(void) { return unusable(); }

int64_t gqa_rt_cuda_num_devices(void) { return unusable() ? 0 : Driver::get().numDevices; }

int64_t gqa_rt_cuda_driver_version(void) { return unusable() ? 0 : Driver::get().version; }
