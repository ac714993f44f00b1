// cuGetProcAddress: names without their version suffix find the newest version that is here.
#include "Driver.h"

#include <dlfcn.h>

using namespace gqa::emulator;

namespace {

/// This library, among all that the process has loaded.
void *self() {
  static void *handle = [] {
    Dl_info info{};
    dladdr(reinterpret_cast<void *>(&self), &info);
    return dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  }();
  return handle;
}

void *find(const std::string &symbol) {
  if (!self() || symbol.rfind("cu", 0) != 0)
    return nullptr;
  for (const char *version : {"_v2", ""})
    if (void *function = dlsym(self(), (symbol + version).c_str()))
      return function;
  return nullptr;
}

} // namespace

EMULATOR_API CUresult cuGetProcAddress_v2(const char *symbol, void **function, int, uint64_t, int *status) {
  return Driver::get().call("cuGetProcAddress_v2", Needs::Nothing, [&] {
    enum { kFound = 0, kNotFound = 1 };
    if (!symbol || !function)
      return CUDA_ERROR_INVALID_VALUE;
    *function = find(symbol);
    if (status)
      *status = *function ? kFound : kNotFound;
    return *function ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
  });
}
