// Modules from PTX text, their functions and variables.
#include "Decode/Decoder.h"
#include "Driver.h"
#include "Launchable.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

using namespace gqa::emulator;

namespace {

Driver &driver() { return Driver::get(); }

/// The log buffers that cuModuleLoadDataEx is given.
struct Logs {
  char *error = nullptr;
  void **errorSize = nullptr;
  size_t errorBytes = 0;
  char *info = nullptr;
  void **infoSize = nullptr;

  static Logs of(unsigned count, const int *options, void **values) {
    Logs logs;
    for (unsigned n = 0; n < count; ++n)
      switch (options[n]) {
      case CU_JIT_ERROR_LOG_BUFFER:
        logs.error = static_cast<char *>(values[n]);
        break;
      case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES:
        logs.errorSize = &values[n];
        logs.errorBytes = static_cast<unsigned>(reinterpret_cast<uintptr_t>(values[n]));
        break;
      case CU_JIT_INFO_LOG_BUFFER:
        logs.info = static_cast<char *>(values[n]);
        break;
      case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES:
        logs.infoSize = &values[n];
        break;
      default:
        break;
      }
    return logs;
  }

  /// The sizes go back as what was written.
  void write(const std::string &text) const {
    size_t bytes = 0;
    if (error && errorBytes) {
      bytes = std::min(text.size(), errorBytes - 1);
      std::memcpy(error, text.data(), bytes);
      error[bytes] = 0;
    }
    if (errorSize)
      *errorSize = reinterpret_cast<void *>(bytes);
    if (infoSize)
      *infoSize = nullptr;
    if (info && infoSize)
      *info = 0;
  }
};

bool isBinary(const unsigned char *image) {
  return std::memcmp(image, "\177ELF", 4) == 0 || std::memcmp(image, "\x50\xED\x55\xBA", 4) == 0;
}

/// A target is an sm number, perhaps with a letter: `a` runs on that chip only, `f` on its family.
void checkTarget(const Module &module) {
  unsigned sm = driver().settings.sm;
  char kind = module.target.back();
  bool fits = kind == 'a'   ? module.sm == sm
              : kind == 'f' ? module.sm / 10 == sm / 10 && module.sm <= sm
                            : module.sm <= sm;
  if (!fits)
    throw PtxError(1, "the target " + module.target + " cannot run on this device, which is sm_" +
                          std::to_string(sm));
}

/// Lays the variables out in device memory and writes their initial values.
Symbols placeVariables(const Module &module, CUmod_st &into) {
  DeviceMemory &memory = *driver().memory;
  Symbols symbols;
  for (const Variable &v : module.variables) {
    if (v.space == Space::Shared)
      continue;
    if (v.isExtern)
      throw PtxError(v.line, "variable '" + v.name + "' is external, and there is nothing to link with");
    uint64_t address = memory.allocate(v.size);
    if (!address)
      throw std::bad_alloc();
    into.globals[v.name] = {address, v.size};
    symbols[v.name] = address;
    if (!v.initial.empty())
      std::memcpy(memory.host(address), v.initial.data(), v.size);
    std::memset(memory.state(address), DeviceMemory::kWritten, v.size); // without a value it is zero
  }
  for (const Variable &v : module.variables)
    for (const Variable::Address &a : v.addresses) {
      auto found = symbols.find(a.symbol);
      if (found == symbols.end())
        throw PtxError(v.line, "unknown name '" + a.symbol + "'");
      uint64_t address = found->second + a.addend;
      std::memcpy(memory.host(symbols[v.name] + a.at), &address, sizeof address);
    }
  return symbols;
}

void discard(CUmod_st &module) {
  for (auto &[name, global] : module.globals)
    driver().memory->release(global.address);
  for (auto &f : module.functions)
    driver().functions.erase(f.get());
}

/// What the settings put in the place of a module whose kernels the file has as well, or the module. \throws
/// PtxError if the file cannot be read.
Module replaced(Module module, const std::string &path) {
  if (path.empty())
    return module;
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (text.empty())
    throw PtxError(1, "GQA_EMULATOR: ptx=" + path + " has no text; expected a readable file");
  bool has = std::ranges::all_of(module.functions, [&](const Function &f) {
    return text.find(".entry " + f.name + "(") != std::string::npos;
  });
  return has ? parseModule(text) : module;
}

CUresult load(CUmodule *out, const void *image, const Logs &logs) {
  if (!out || !image)
    return CUDA_ERROR_INVALID_VALUE;
  if (isBinary(static_cast<const unsigned char *>(image))) {
    logs.write("the emulator runs PTX text only; found a binary for a GPU");
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  }
  auto module = std::make_unique<CUmod_st>();
  try {
    Module parsed = replaced(parseModule(static_cast<const char *>(image)), driver().settings.ptx);
    checkTarget(parsed);
    Symbols symbols = placeVariables(parsed, *module);
    for (const Function &f : parsed.functions) {
      auto function = std::make_unique<CUfunc_st>();
      function->kernel = decode(parsed, f, symbols);
      function->module = module.get();
      function->maxDynamicShared = kSharedWithoutAsking - static_cast<int>(function->kernel.staticBytes);
      driver().functions.insert(function.get());
      module->functions.push_back(std::move(function));
    }
  } catch (const PtxError &error) {
    discard(*module);
    logs.write(std::string("ptx input, ") + error.what());
    driver().report("{\"event\": \"ptx-error\", \"message\": " + quoted(error.what()) + "}",
                    std::string("PTX ") + error.what());
    return CUDA_ERROR_INVALID_PTX;
  } catch (const std::bad_alloc &) {
    discard(*module);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  logs.write("");
  *out = module.get();
  driver().modules[module.get()] = std::move(module);
  return CUDA_SUCCESS;
}

int functionAttribute(const CUfunc_st &f, int attribute, bool &known) {
  const Kernel &k = f.kernel;
  known = true;
  switch (attribute) {
  case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    return maxThreads(k);
  case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
    return k.staticBytes;
  case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
    return 0;
  case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
    return k.localBytes;
  case CU_FUNC_ATTRIBUTE_NUM_REGS:
    return registersOf(k);
  case CU_FUNC_ATTRIBUTE_PTX_VERSION:
    return k.sm;
  case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
    return driver().settings.sm;
  case CU_FUNC_ATTRIBUTE_CACHE_MODE_CA:
    return 0;
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
    return f.maxDynamicShared;
  case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
    return f.carveout;
  default:
    known = false;
    return 0;
  }
}

} // namespace

EMULATOR_API CUresult cuModuleLoadData(CUmodule *module, const void *image) {
  return driver().call("cuModuleLoadData", Needs::NoCapture, [&] { return load(module, image, {}); });
}

EMULATOR_API CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned count, int *options,
                                         void **values) {
  return driver().call("cuModuleLoadDataEx", Needs::NoCapture, [&] {
    if (count && (!options || !values))
      return CUDA_ERROR_INVALID_VALUE;
    return load(module, image, Logs::of(count, options, values));
  });
}

EMULATOR_API CUresult cuModuleUnload(CUmodule module) {
  return driver().call("cuModuleUnload", Needs::NoCapture, [&] {
    auto found = driver().modules.find(module);
    if (found == driver().modules.end())
      return CUDA_ERROR_INVALID_HANDLE;
    discard(*found->second);
    driver().modules.erase(found);
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
  return driver().call("cuModuleGetFunction", Needs::Context, [&] {
    if (!function || !name)
      return CUDA_ERROR_INVALID_VALUE;
    auto found = driver().modules.find(module);
    if (found == driver().modules.end())
      return CUDA_ERROR_INVALID_HANDLE;
    for (auto &f : found->second->functions)
      if (f->kernel.name == name) {
        *function = f.get();
        return CUDA_SUCCESS;
      }
    return CUDA_ERROR_NOT_FOUND;
  });
}

EMULATOR_API CUresult cuModuleGetGlobal_v2(CUdeviceptr *pointer, size_t *bytes, CUmodule module,
                                           const char *name) {
  return driver().call("cuModuleGetGlobal_v2", Needs::Context, [&] {
    if (!name || (!pointer && !bytes))
      return CUDA_ERROR_INVALID_VALUE;
    auto found = driver().modules.find(module);
    if (found == driver().modules.end())
      return CUDA_ERROR_INVALID_HANDLE;
    auto global = found->second->globals.find(name);
    if (global == found->second->globals.end())
      return CUDA_ERROR_NOT_FOUND;
    if (pointer)
      *pointer = global->second.address;
    if (bytes)
      *bytes = global->second.size;
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuFuncGetAttribute(int *value, int attribute, CUfunction function) {
  return driver().call("cuFuncGetAttribute", Needs::Context, [&] {
    if (!driver().functions.count(function))
      return CUDA_ERROR_INVALID_HANDLE;
    bool known = false;
    int found = functionAttribute(*function, attribute, known);
    if (!value || !known)
      return CUDA_ERROR_INVALID_VALUE;
    *value = found;
    return CUDA_SUCCESS;
  });
}

EMULATOR_API CUresult cuFuncSetAttribute(CUfunction function, int attribute, int value) {
  return driver().call("cuFuncSetAttribute", Needs::Context, [&] {
    if (!driver().functions.count(function))
      return CUDA_ERROR_INVALID_HANDLE;
    int most = chipOf(driver().settings.sm).sharedPerBlock - function->kernel.staticBytes;
    if (attribute == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES && value >= 0 && value <= most)
      function->maxDynamicShared = value;
    else if (attribute == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT && value >= -1 && value <= 100)
      function->carveout = value;
    else
      return CUDA_ERROR_INVALID_VALUE;
    return CUDA_SUCCESS;
  });
}
