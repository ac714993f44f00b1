#include "Driver.h"

#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace gqa::emulator {

Driver &Driver::get() {
  static Driver *driver = new Driver; // calls may come from destructors at the end of the process
  return *driver;
}

CUresult Driver::init() {
  if (forked())
    return CUDA_ERROR_NOT_INITIALIZED;
  if (!settingsError.empty()) {
    std::fprintf(stderr, "%s\n", settingsError.c_str());
    return CUDA_ERROR_INVALID_VALUE;
  }
  initialised = getpid();
  return CUDA_SUCCESS;
}

bool Driver::forked() const { return initialised && initialised != getpid(); }

void Driver::readSettings() {
  if (retained || forked())
    return;
  settings = Settings();
  settingsError = settings.parse(std::getenv("GQA_EMULATOR"));
  calls.clear();
}

CUresult Driver::before(const char *name, Needs needs) {
  uint64_t count = ++calls[name];
  if (auto failure = settings.failures.find(name);
      failure != settings.failures.end() && (failure->second.call == 0 || failure->second.call == count)) {
    report("{\"event\": \"injected\", \"call\": " + quoted(name) + ", \"number\": " + std::to_string(count) +
           ", \"error\": " + std::to_string(failure->second.error) + "}");
    return static_cast<CUresult>(failure->second.error);
  }
  if (needs == Needs::Nothing)
    return CUDA_SUCCESS;
  if (!initialised || forked())
    return CUDA_ERROR_NOT_INITIALIZED;
  if (needs == Needs::Init)
    return CUDA_SUCCESS;
  if (!current() || !isContext(current()))
    return CUDA_ERROR_INVALID_CONTEXT;
  if (sticky != CUDA_SUCCESS || needs == Needs::Context)
    return sticky;
  std::vector<std::shared_ptr<Capture>> captures = forbidding();
  for (const auto &capture : captures)
    capture->valid = false;
  return captures.empty() ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

std::vector<CUcontext> &Driver::contextStack() const {
  static thread_local std::vector<CUcontext> stack;
  return stack;
}

CUcontext Driver::current() const { return contextStack().empty() ? nullptr : contextStack().back(); }

bool Driver::isStream(CUstream stream) const {
  // 0: the default stream; 1 and 2: its legacy and per-thread forms.
  return reinterpret_cast<uintptr_t>(stream) <= 2 || streams.count(stream);
}

bool Driver::isDevice(uint64_t pointer, uint64_t bytes) const {
  auto found = memory->find(pointer);
  return found && !found->freed && found->contains(pointer, bytes);
}

CUresult Driver::allocate(CUdeviceptr *pointer, size_t bytes) {
  if (!pointer || !bytes)
    return CUDA_ERROR_INVALID_VALUE;
  uint64_t address = memory->allocate(bytes);
  if (!address)
    return CUDA_ERROR_OUT_OF_MEMORY;
  *pointer = address;
  return CUDA_SUCCESS;
}

CUresult Driver::release(CUdeviceptr pointer) {
  return !pointer || memory->release(pointer) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

void Driver::destroyPrimary() {
  captures.clear();
  graphExecs.clear();
  graphs.clear();
  functions.clear();
  modules.clear();
  streams.clear();
  events.clear();
  pools.clear();
  for (auto [pointer, bytes] : hostMemory)
    std::free(reinterpret_cast<void *>(pointer));
  hostMemory.clear();
  memory.reset();
  sticky = CUDA_SUCCESS;
}

void Driver::report(const std::string &json, const std::string &loud) {
  if (!loud.empty())
    std::fprintf(stderr, "GQA emulator: %s\n", loud.c_str());
  if (settings.report.empty())
    return;
  if (std::FILE *file = std::fopen(settings.report.c_str(), "a")) {
    std::fprintf(file, "%s\n", json.c_str());
    std::fclose(file);
  } else {
    std::fprintf(stderr, "GQA emulator: cannot write the report file %s\n", settings.report.c_str());
  }
}

std::string quoted(const std::string &text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", c);
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

Chip chipOf(unsigned sm) {
  constexpr unsigned K = 1024, M = K * K;
  if (sm >= 120)
    return {99 * K, 100 * K, 1536, 24, 64 * M};
  if (sm >= 90)
    return {227 * K, 228 * K, 2048, 32, 50 * M};
  if (sm == 89)
    return {99 * K, 100 * K, 1536, 24, 72 * M};
  if (sm == 86)
    return {99 * K, 100 * K, 1536, 16, 6 * M};
  return {163 * K, 164 * K, 2048, 32, 40 * M};
}

} // namespace gqa::emulator
