// Devices of this process: facts, primary contexts, memory, and the errors that end a context.
#ifndef GQA_LIB_RUNTIME_CUDA_DEVICE_H
#define GQA_LIB_RUNTIME_CUDA_DEVICE_H

#include "Driver.h"

#include "gqa/Runtime/Cuda.h"

#include <array>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

namespace gqa::rt::cuda {

/// Empty, or what went wrong in one line (the log of a compiler follows).
using Error = std::string;

class Device {
public:
  /// The device, or null and why there is none.
  static Device *get(int64_t index, Error &error);

  int index() const { return number; }
  const std::string &name() const { return title; }
  int64_t fact(int64_t which) const { return facts[size_t(which)]; }

  /// What the driver's `function` returned, as an error. One that ends the context is remembered.
  Error check(const char *function, CUresult result);

  /// Whether memory comes and goes in the order of streams.
  bool hasPools() const { return pools; }

  /// Memory in the order of `stream`; this device's context is current. Without pools both wait.
  Error allocate(CUstream stream, int64_t bytes, CUdeviceptr &memory);
  Error release(CUstream stream, CUdeviceptr memory);

  /// Memory with a copy of the host's `bytes` bytes at `data`, which is there when the function returns, in
  /// whatever stream: no part of what is being captured.
  Error upload(const void *data, int64_t bytes, CUdeviceptr &copy);

  /// How many clusters of `tasks` blocks run at a time, of which a multiprocessor has room for `resident`;
  /// this device's context is current.
  Error countClusters(int64_t tasks, int64_t resident, int64_t &count);

  /// Whether what is queued in `stream` is recorded for a graph; an error if it was, and the recording is
  /// spoilt.
  Error isCapturing(CUstream stream, bool &capturing);

  /// Whether some stream is still captured in which a call was.
  Error isAnyCapturing(bool &capturing);

  /// Until the device has done all that it was asked for; no stream of it may be captured.
  Error waitForAll();

  /// Calls `release` when the device has done all that it was asked for: at once, or, while a stream is
  /// captured, when something is released after it. This device's context is current then.
  Error retire(std::function<void()> release);
  Error releaseRetired();

  /// A capture of gqa_rt_cuda_graph_begin; what goes wrong in it is kept until it ends.
  void beginRecording(CUstream stream);
  void spoilRecording(CUstream stream, const Error &error);
  /// The first error, or empty; unknown streams too.
  Error endRecording(CUstream stream);

private:
  friend class Scope;
  Error describe(int ordinal);
  Error open();
  Error createPool();
  std::string prefix() const { return "CUDA device " + std::to_string(number) + ": "; }

  int number = 0;
  CUdevice handle = 0;
  std::string title;
  std::array<int64_t, GQA_RT_CUDA_NUM_FACTS> facts{};
  bool pools = false;

  std::mutex opening; // guards the next three
  CUcontext context = nullptr;
  CUmemoryPool pool = nullptr;
  bool poolReady = false;

  std::mutex counting;                                     // guards the next three
  bool asked = false;                                      // for `nothing`
  CUfunction nothing = nullptr;                            // a kernel to ask about, or null
  std::map<std::pair<int64_t, int64_t>, int64_t> clusters; // by tasks and residents

  std::mutex recording; // guards the next two
  std::map<CUstream, Error> recordings;
  std::set<CUstream> captured; // when last seen

  std::mutex retiring; // guards the next
  std::vector<std::function<void()>> retired;

  std::mutex losing; // guards the next
  std::string lost;  // why the context is, or empty
};

/// While it lives this thread may do what might wait or allocate although a stream is being captured: it is
/// no part of what the capture records.
class Relaxed {
public:
  explicit Relaxed(Device &device);
  ~Relaxed();
  Relaxed(const Relaxed &) = delete;

  Error error;

private:
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED; // afterwards the one from before
};

/// While it lives the device's primary context is this thread's current one, unless there is an error.
class Scope {
public:
  explicit Scope(int64_t device);
  ~Scope();
  Scope(const Scope &) = delete;

  Error error; // in front of the device, whose making may set it
  Device *device;

private:
  bool pushed = false;
};

#define GQA_CUDA_CHECK(device, symbol, call) (device).check(#symbol, Driver::get().call)

} // namespace gqa::rt::cuda

#endif // GQA_LIB_RUNTIME_CUDA_DEVICE_H
