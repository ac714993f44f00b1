// What the fake libraries share: their books, and how a function of theirs begins.
#ifndef GQA_TEST_UNIT_CUDA_FAKEBOOKS_H
#define GQA_TEST_UNIT_CUDA_FAKEBOOKS_H

#include "FakeDriver.h"

#include "Runtime/Cuda/Driver.h"

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace gqa::rt::cuda {
struct CUctx_st {};
struct CUmod_st {
  std::string text;
};
struct CUfunc_st {
  std::string name;
  int sharedBytes = 48 << 10;
};
struct CUstream_st {};
struct CUevent_st {};
struct CUmemPoolHandle_st {};
} // namespace gqa::rt::cuda

namespace gqa::test::fake {
using namespace gqa::rt::cuda;

inline CUresult code(int value) { return static_cast<CUresult>(value); }
const CUresult invalidValue = code(1), notInitialized = code(3), invalidDevice = code(101),
               invalidImage = code(200), invalidContext = code(201), invalidHandle = code(400),
               notFound = code(500), captureUnsupported = code(900), captureInvalidated = code(901);

int setting(const char *name, int otherwise);

extern std::recursive_mutex mutex; // guards everything below but the stacks of contexts
extern bool initialized;
extern CUresult sticky;
extern std::map<uintptr_t, size_t> memory; // address and size of each block
extern std::set<const void *> handles;     // modules, streams, events, pools, objects of cuBLASLt
extern thread_local std::vector<CUcontext> current;

/// What every function does first. Not success: it returns that.
CUresult enter(const char *symbol, bool needsContext);

/// What is queued in a stream while it is captured, and what a graph does.
struct Recording {
  std::vector<std::function<void()>> work;
  std::vector<CUdeviceptr> memory; // that was allocated in it, for the life of the graph
  bool spoilt = false;
};
extern std::map<CUstream, Recording> recordings;
/// The mode of this thread: 0, or 2 where it may do what might wait.
extern thread_local int captureMode;

/// Frees what was allocated in a capture or graph.
void giveUp(Recording &recording);

/// Does the work, or records it.
CUresult queue(CUstream stream, std::function<void()> work);
/// An error, and the end of every capture, if there is one and this thread is not in the relaxed mode.
CUresult mayWait();
/// The same in whatever mode: it would wait for what is captured as well.
CUresult mayWaitForAll();
/// Memory in the order of a stream.
CUresult allocate(CUdeviceptr *address, size_t bytes, CUstream stream);
CUresult release(CUdeviceptr address, CUstream stream);

/// Whether all of the range is in one block.
bool inBlock(CUdeviceptr address, size_t bytes);
inline bool isStream(CUstream stream) { return !stream || handles.count(stream); }
CUresult allocate(CUdeviceptr *address, size_t bytes);
CUresult release(CUdeviceptr address);

template <typename T> T *make() {
  T *handle = new T;
  handles.insert(handle);
  return handle;
}

template <typename T> CUresult destroy(T *handle) {
  if (!handles.erase(handle))
    return invalidHandle;
  delete handle;
  return CUDA_SUCCESS;
}

} // namespace gqa::test::fake

#define ENTER(symbol, needsContext)                                                                          \
  std::lock_guard<std::recursive_mutex> lock(gqa::test::fake::mutex);                                        \
  if (CUresult early = gqa::test::fake::enter(#symbol, needsContext); early != CUDA_SUCCESS)                 \
  return early
#define MAY_WAIT()                                                                                           \
  if (CUresult refused = gqa::test::fake::mayWait(); refused != CUDA_SUCCESS)                                \
  return refused
#define DRIVER extern "C" __attribute__((visibility("default"))) gqa::rt::cuda::CUresult

#endif // GQA_TEST_UNIT_CUDA_FAKEBOOKS_H
