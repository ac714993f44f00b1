// The books of the fake libraries: contexts, memory, objects, calls, and failures that a test has asked for.
#include "FakeBooks.h"

#include <cstdlib>
#include <cstring>

namespace gqa::test::fake {

std::recursive_mutex mutex;
bool initialized = false;
CUresult sticky = CUDA_SUCCESS;
std::map<uintptr_t, size_t> memory;
std::set<const void *> handles;
thread_local std::vector<CUcontext> current;

namespace {
std::map<std::string, int> calls;
std::map<std::string, std::pair<int, int>> failures; // calls to come before it, error

void readEnvironment() {
  const char *text = std::getenv("FAKE_CUDA_FAIL");
  static bool done = false;
  if (!done && text)
    if (const char *colon = std::strchr(text, ':'))
      failures[std::string(text, colon)] = {0, std::atoi(colon + 1)};
  done = true;
}
} // namespace

int setting(const char *name, int otherwise) {
  const char *text = std::getenv(name);
  return text ? std::atoi(text) : otherwise;
}

CUresult enter(const char *symbol, bool needsContext) {
  readEnvironment();
  ++calls[symbol];
  if (auto failure = failures.find(symbol); failure != failures.end() && failure->second.first-- == 0) {
    CUresult result = code(failure->second.second);
    failures.erase(failure);
    if (result >= 700 && result < 720)
      sticky = result;
    return result;
  }
  if (!initialized && std::strcmp(symbol, "cuInit") != 0 && std::strcmp(symbol, "cuDriverGetVersion") != 0)
    return notInitialized;
  if (needsContext && sticky != CUDA_SUCCESS)
    return sticky;
  return needsContext && current.empty() ? invalidContext : CUDA_SUCCESS;
}

bool inBlock(CUdeviceptr address, size_t bytes) {
  auto after = memory.upper_bound(uintptr_t(address));
  if (after == memory.begin())
    return false;
  auto block = std::prev(after);
  return address + bytes <= block->first + block->second;
}

CUresult allocate(CUdeviceptr *address, size_t bytes) {
  void *block =
      bytes && bytes < (size_t(1) << 40) ? std::aligned_alloc(256, (bytes + 255) / 256 * 256) : nullptr;
  if (!block)
    return bytes ? CUDA_ERROR_OUT_OF_MEMORY : invalidValue;
  std::memset(block, 0xff, bytes);
  *address = reinterpret_cast<uintptr_t>(block);
  memory[uintptr_t(*address)] = bytes;
  return CUDA_SUCCESS;
}

CUresult release(CUdeviceptr address) {
  if (!memory.erase(uintptr_t(address)))
    return invalidValue;
  std::free(reinterpret_cast<void *>(uintptr_t(address)));
  return CUDA_SUCCESS;
}

} // namespace gqa::test::fake

using namespace gqa::test::fake;

void fake_fail(const char *symbol, int skip, int error) {
  std::lock_guard<std::recursive_mutex> lock(mutex);
  failures[symbol] = {skip, error};
}

int fake_pending(void) {
  std::lock_guard<std::recursive_mutex> lock(mutex);
  return int(failures.size());
}

int fake_calls(const char *symbol) {
  std::lock_guard<std::recursive_mutex> lock(mutex);
  return calls[symbol];
}

int fake_live(void) {
  std::lock_guard<std::recursive_mutex> lock(mutex);
  return int(memory.size() + handles.size());
}

int fake_contexts(void) { return int(current.size()); }
