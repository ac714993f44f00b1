// Which image a device gets, how it is loaded, and the kernels in it.
#include "Module.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <tuple>

namespace gqa::rt::cuda {
namespace {

//===--------------------------------------------------------------------===//
// Images
//===--------------------------------------------------------------------===//

/// "sm_90a": 90, and whether only that chip runs it. A number of 0 is no chip.
struct Chip {
  int64_t number = 0;
  bool only = false;

  explicit Chip(const char *text) {
    char *end = nullptr;
    if (text && std::strncmp(text, "sm_", 3) == 0)
      number = std::strtol(text + 3, &end, 10);
    only = end && *end == 'a';
  }
};

bool runs(const gqa_rt_cuda_image &image, int64_t device) {
  Chip chip(image.chip);
  if (chip.number <= 0 || chip.number > device)
    return false;
  if (chip.only)
    return chip.number == device;
  return image.format == GQA_RT_CUDA_PTX || chip.number / 10 == device / 10;
}

bool better(const gqa_rt_cuda_image &a, const gqa_rt_cuda_image &b) {
  auto rank = [](const gqa_rt_cuda_image &image) {
    Chip chip(image.chip);
    return std::make_tuple(chip.number, chip.only, image.format == GQA_RT_CUDA_CUBIN);
  };
  return rank(a) > rank(b);
}

std::string list(const gqa_rt_cuda_module &module) {
  std::string text;
  for (int64_t i = 0; i < module.num_images; ++i) {
    const gqa_rt_cuda_image &image = module.images[i];
    text += (i ? ", " : "") + std::string(image.format == GQA_RT_CUDA_PTX ? "PTX for " : "a cubin for ") +
            (image.chip ? image.chip : "no chip");
  }
  return text.empty() ? "nothing" : text;
}

//===--------------------------------------------------------------------===//
// Loading
//===--------------------------------------------------------------------===//

/// The driver's compiler takes buffers for what it has to say.
class Log {
public:
  Log() : info(kSize, '\0'), errors(kSize, '\0') {}

  /// `refused`: the driver finds no code for the device in the image, which may be newer than the driver.
  Error load(Device &device, const gqa_rt_cuda_image &image, CUmodule &module, bool &refused) {
    CUjit_option options[] = {CU_JIT_INFO_LOG_BUFFER, CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES,
                              CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void *size = reinterpret_cast<void *>(uintptr_t(kSize - 1)),
         *values[] = {info.data(), size, errors.data(), size};
    CUresult result = Driver::get().moduleLoadDataEx(&module, image.data, 4, options, values);
    refused = result == CUDA_ERROR_INVALID_IMAGE || result == CUDA_ERROR_NO_BINARY_FOR_GPU ||
              result == CUDA_ERROR_UNSUPPORTED_PTX_VERSION || result == CUDA_ERROR_INVALID_SOURCE;
    Error error = device.check("cuModuleLoadDataEx", result);
    if (error.empty()) {
      warn();
      return error;
    }
    error += " in " + std::string(image.format == GQA_RT_CUDA_PTX ? "PTX for " : "a cubin for ") + image.chip;
    for (const std::string *text : {&errors, &info})
      if (text->front())
        error += "\n" + std::string(text->c_str());
    while (error.back() == '\n')
      error.pop_back();
    return error;
  }

private:
  /// C75xx: what ptxas says, as a mere note, when it gives up on asynchronous products.
  void warn() const {
    if (std::strstr(info.c_str(), "C75"))
      std::fprintf(stderr, "gqa: kernels will be slow; the driver's compiler says: %s\n", info.c_str());
  }

  static constexpr size_t kSize = 16384;
  std::string info, errors;
};

/// A module on one device.
struct Loaded {
  CUmodule module = nullptr;
  const gqa_rt_cuda_image *image = nullptr; // that it was loaded from
  struct Kernel {
    CUfunction function;
    int64_t sharedBytes; // that it may ask for
  };
  std::map<std::string, Kernel, std::less<>> kernels;
  std::map<const void *, CUdeviceptr> constants; // by where the host has them
};

/// What `state` of a module points to.
struct State {
  std::mutex mutex;
  std::map<Device *, Loaded> loaded;
};

State &stateOf(gqa_rt_cuda_module &module) {
  void *state = __atomic_load_n(&module.state, __ATOMIC_ACQUIRE);
  if (state)
    return *static_cast<State *>(state);
  auto fresh = std::make_unique<State>();
  if (__atomic_compare_exchange_n(&module.state, &state, fresh.get(), false, __ATOMIC_ACQ_REL,
                                  __ATOMIC_ACQUIRE))
    return *fresh.release();
  return *static_cast<State *>(state);
}

Error load(const gqa_rt_cuda_module &module, Device &device, Loaded &loaded) {
  const char *forced = std::getenv("GQA_CUDA_FORCE_PTX");
  bool cubins = !forced || std::strcmp(forced, "1") != 0, refused = false;
  Error error, none;
  Relaxed relaxed(device); // the first launch may be one that is captured
  if (!relaxed.error.empty())
    return relaxed.error;
  loaded.image = chooseImage(module, device, cubins, error);
  if (!loaded.image)
    return error;
  error = Log().load(device, *loaded.image, loaded.module, refused);
  if (!refused || loaded.image->format == GQA_RT_CUDA_PTX)
    return error;
  const gqa_rt_cuda_image *text = chooseImage(module, device, /*cubins=*/false, none);
  if (!text)
    return error;
  std::fprintf(stderr, "gqa: %s; the driver compiles the PTX beside it\n", error.c_str());
  loaded.image = text;
  return Log().load(device, *text, loaded.module, refused);
}

/// What a kernel may use without asking.
constexpr int64_t kSharedForAll = 48 << 10;

} // namespace

const gqa_rt_cuda_image *chooseImage(const gqa_rt_cuda_module &module, const Device &device, bool cubins,
                                     Error &error) {
  int64_t chip = device.fact(GQA_RT_CUDA_CHIP);
  const gqa_rt_cuda_image *best = nullptr;
  for (int64_t i = 0; i < module.num_images; ++i)
    if ((cubins || module.images[i].format == GQA_RT_CUDA_PTX) && runs(module.images[i], chip) &&
        (!best || better(module.images[i], *best)))
      best = &module.images[i];
  if (!best)
    error = "no kernels for CUDA device " + std::to_string(device.index()) + " (" + device.name() + ", sm_" +
            std::to_string(chip) + "): the module holds " + list(module);
  return best;
}

Error getKernel(gqa_rt_cuda_module &module, Device &device, const char *name, int64_t sharedBytes,
                Kernel &kernel) {
  State &state = stateOf(module);
  std::lock_guard<std::mutex> lock(state.mutex);
  Loaded &loaded = state.loaded[&device];
  Error error = loaded.module ? "" : load(module, device, loaded);
  if (!error.empty())
    return error;
  auto known = loaded.kernels.find(std::string_view(name));
  kernel.mayWait = Chip(loaded.image->chip).only;
  if (known == loaded.kernels.end()) {
    Relaxed relaxed(device); // a driver may put off the loading until here
    error = relaxed.error;
    if (error.empty())
      error = GQA_CUDA_CHECK(device, cuModuleGetFunction,
                             moduleGetFunction(&kernel.function, loaded.module, name));
    if (!error.empty())
      return error + ", asked for kernel '" + name + "'";
    known = loaded.kernels.insert({name, {kernel.function, kSharedForAll}}).first;
  }
  auto &[function, mostShared] = known->second;
  kernel.function = function;
  if (sharedBytes <= mostShared)
    return "";
  error = GQA_CUDA_CHECK(
      device, cuFuncSetAttribute,
      funcSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, int(sharedBytes)));
  if (!error.empty())
    return error + ", asked for " + std::to_string(sharedBytes) + " bytes of shared memory in kernel '" +
           name + "'";
  mostShared = sharedBytes;
  return "";
}

Error getConstant(gqa_rt_cuda_module &module, Device &device, const void *data, int64_t bytes, void *&copy) {
  State &state = stateOf(module);
  std::lock_guard<std::mutex> lock(state.mutex);
  auto [place, isNew] = state.loaded[&device].constants.try_emplace(data, 0);
  Error error = isNew ? device.upload(data, bytes, place->second) : "";
  copy = reinterpret_cast<void *>(uintptr_t(place->second));
  if (!error.empty())
    state.loaded[&device].constants.erase(place);
  return error;
}

} // namespace gqa::rt::cuda

using namespace gqa::rt::cuda;

void gqa_rt_cuda_unload(gqa_rt_cuda_module *module) {
  std::unique_ptr<State> state(static_cast<State *>(module->state));
  module->state = nullptr;
  if (!state)
    return;
  for (auto &[device, loaded] : state->loaded) {
    Scope scope(device->index());
    if (scope.error.empty()) // else it is gone with its context
      (void)device->retire([kernels = loaded.module, constants = std::move(loaded.constants)] {
        if (kernels)
          Driver::get().moduleUnload(kernels);
        for (auto [host, copy] : constants)
          Driver::get().memFree(copy);
      });
  }
}

const gqa_rt_cuda_image *gqa_rt_cuda_loaded(const gqa_rt_cuda_module *module, int64_t index) {
  auto *state = static_cast<State *>(__atomic_load_n(&module->state, __ATOMIC_ACQUIRE));
  if (!state)
    return nullptr;
  std::lock_guard<std::mutex> lock(state->mutex);
  for (auto &[device, loaded] : state->loaded)
    if (device->index() == index && loaded.module)
      return loaded.image;
  return nullptr;
}
