// The state behind the driver's functions: one device with its primary context, and everything made in it.
#pragma once
#include "Cuda.h"
#include "Execute/Fault.h"
#include "Execute/Kernel.h"
#include "Graph.h"
#include "Memory/DeviceMemory.h"
#include "Settings.h"

#include <chrono>
#include <memory>
#include <mutex>
#include <new>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

struct CUctx_st {};
struct CUstream_st {
  int priority = 0;
  unsigned flags = 0;
  std::shared_ptr<gqa::emulator::Capture> capture; ///< that records what is queued here, or null
};
struct CUmemPoolHandle_st {
  uint64_t releaseThreshold = 0;
  int reuse[3] = {1, 1, 1};
};
struct CUevent_st {
  unsigned flags = 0;
  bool recorded = false;
  std::shared_ptr<gqa::emulator::Capture> capture; ///< in which it was recorded last, or null
  gqa::emulator::Progress clock;                   ///< what comes before it there
  std::chrono::steady_clock::time_point time;
};
struct CUfunc_st {
  gqa::emulator::Kernel kernel;
  CUmodule module = nullptr;
  int maxDynamicShared = 0;
  int carveout = -1;
};
struct CUmod_st {
  std::vector<std::unique_ptr<CUfunc_st>> functions;
  struct Global {
    uint64_t address, size;
  };
  std::map<std::string, Global> globals;
};

namespace gqa::emulator {

/// What a function needs before its own code runs.
enum class Needs {
  Nothing,
  Init,
  Context,
  NoCapture, ///< a context, and that no capture forbids this thread what might wait or allocate
};

class Driver {
public:
  static Driver &get();

  /// Counts the call, fails it if the settings say so, checks what it needs, and runs `body` under the lock.
  /// A null pointer or a bad handle is the body's to find.
  template <class F> CUresult call(const char *name, Needs needs, F body) {
    std::lock_guard lock(mutex);
    CUresult ready = before(name, needs);
    if (ready != CUDA_SUCCESS)
      return ready;
    try {
      return body();
    } catch (const std::bad_alloc &) {
      return CUDA_ERROR_OUT_OF_MEMORY;
    }
  }

  CUresult init();
  /// Reads GQA_EMULATOR and starts to count calls anew. While a context is alive the settings stay as they
  /// are.
  void readSettings();

  Settings settings;
  int initialised = 0;                  ///< the process that has called cuInit
  std::shared_ptr<DeviceMemory> memory; ///< of the primary context, while it is retained
  unsigned retained = 0;
  CUctx_st primary;
  CUresult sticky = CUDA_SUCCESS; ///< what a kernel did wrong; every later call says so
  uint64_t launches = 0;

  std::map<CUmodule, std::unique_ptr<CUmod_st>> modules;
  std::set<CUfunction> functions;
  std::map<CUstream, std::unique_ptr<CUstream_st>> streams;
  std::map<CUevent, std::unique_ptr<CUevent_st>> events;
  std::map<CUmemoryPool, std::unique_ptr<CUmemPoolHandle_st>> pools;
  std::map<CUgraph, std::unique_ptr<CUgraph_st>> graphs;
  std::map<CUgraphExec, std::unique_ptr<CUgraphExec_st>> graphExecs;
  std::set<std::shared_ptr<Capture>> captures; ///< begun and not ended
  std::map<uint64_t, size_t> hostMemory;       ///< page-locked

  CUresult allocate(CUdeviceptr *pointer, size_t bytes);
  CUresult release(CUdeviceptr pointer);
  /// In the order of a stream. In a captured one, memory is the graph's, and only that can be freed.
  CUresult allocate(CUdeviceptr *pointer, size_t bytes, CUstream stream);
  CUresult release(CUdeviceptr pointer, CUstream stream);
  /// Does the operation, or records it if the stream is captured.
  CUresult queue(CUstream stream, Operation operation);
  /// The capture that records what is queued in the stream, or null. An error if that may not be used now.
  CUresult findCapture(CUstream stream, std::shared_ptr<Capture> &capture);
  /// What waits for a stream, or asks about it, ends a capture there.
  CUresult checkWait(CUstream stream);
  /// The captures on whose account this thread may not do what might wait or allocate.
  std::vector<std::shared_ptr<Capture>> forbidding() const;
  /// This thread's CUstreamCaptureMode.
  static int &threadMode();
  /// In a child of the process that called cuInit nothing works.
  bool forked() const;
  bool isStream(CUstream stream) const;
  bool isContext(CUcontext context) const { return context == &primary && retained; }
  CUcontext current() const;
  std::vector<CUcontext> &contextStack() const;
  void destroyPrimary();
  /// Bytes [pointer, pointer + bytes) in device memory that is allocated.
  bool isDevice(uint64_t pointer, uint64_t bytes) const;
  /// What a kernel, or other work on the device, did wrong: reported, and from now on every call's error.
  CUresult fail(FaultKind kind, const std::string &name, const std::string &message);
  /// Adds a line to the report file, and to stderr if `loud`.
  void report(const std::string &json, const std::string &loud = {});

private:
  CUresult before(const char *name, Needs needs);

  std::recursive_mutex mutex;
  std::unordered_map<std::string, uint64_t> calls;
  std::string settingsError;
};

/// A string as JSON writes it.
std::string quoted(const std::string &text);

/// Figures of the chip that the settings name.
struct Chip {
  unsigned sharedPerBlock, sharedPerProcessor, threadsPerProcessor, blocksPerProcessor, l2Bytes;
};
Chip chipOf(unsigned sm);

/// Names in the order of the documentation; null if the error is unknown.
const char *errorName(unsigned error);
const char *errorText(unsigned error);

} // namespace gqa::emulator
