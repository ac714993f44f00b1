// CUDA graphs: what a stream is asked to do, recorded once and launched often.
#include "Device.h"

#include "../LastError.h"

using namespace gqa::rt;
using namespace gqa::rt::cuda;

namespace {

CUstream stream(void *handle) { return static_cast<CUstream>(handle); }
CUgraphExec graph(void *handle) { return static_cast<CUgraphExec>(handle); }

/// body(device) with the device's context current and a driver that has graphs: 0, or 1 and the last error is
/// set.
template <typename Body> int with(int64_t index, Body &&body) {
  Scope scope(index);
  if (const char *missing = scope.error.empty() ? Driver::get().missingForGraphs() : nullptr)
    scope.error = "CUDA graphs need a driver for CUDA 11.4 or later; this one, for " +
                  std::to_string(Driver::get().version / 1000) + "." +
                  std::to_string(Driver::get().version % 1000 / 10) + ", lacks the function " + missing;
  return report(scope.error.empty() ? body(*scope.device) : scope.error);
}

/// What was recorded, for as long as it is of use.
class Recorded {
public:
  Recorded() = default;
  Recorded(const Recorded &) = delete;
  ~Recorded() {
    if (handle)
      Driver::get().graphDestroy(handle);
  }

  /// Ends the capture, with whatever went wrong in it.
  Error end(Device &device, CUstream stream) {
    Error failed = device.endRecording(stream);
    Error ended = GQA_CUDA_CHECK(device, cuStreamEndCapture, streamEndCapture(stream, &handle));
    Error released = device.releaseRetired();
    if (!failed.empty())
      return "no CUDA graph was made, as a call in it failed: " + failed;
    return ended.empty() ? released : ended;
  }

  Error instantiate(Device &device, CUgraphExec &made) const {
    return GQA_CUDA_CHECK(device, cuGraphInstantiateWithFlags, graphInstantiate(&made, handle, 0));
  }

  /// Puts it into `made` if the driver can; false and no error if that takes a new one.
  bool update(Device &device, CUgraphExec made, Error &error) const {
    auto *function = Driver::get().graphExecUpdate;
    CUgraphExecUpdateResultInfo info{};
    CUresult result = function ? function(made, handle, &info) : CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
    if (result != CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE)
      error = device.check("cuGraphExecUpdate", result);
    return result == CUDA_SUCCESS;
  }

private:
  CUgraph handle = nullptr;
};

Error destroy(Device &device, CUgraphExec made) {
  return GQA_CUDA_CHECK(device, cuGraphExecDestroy, graphExecDestroy(made));
}

} // namespace

int gqa_rt_cuda_graph_begin(int64_t index, void *order) {
  return with(index, [&](Device &device) -> Error {
    if (!order)
      return "the default stream cannot be captured into a CUDA graph; expected one of "
             "gqa_rt_cuda_stream_create, or of torch";
    Error error = GQA_CUDA_CHECK(device, cuStreamBeginCapture,
                                 streamBeginCapture(stream(order), CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    if (error.empty())
      device.beginRecording(stream(order));
    return error;
  });
}

void *gqa_rt_cuda_graph_end(int64_t index, void *order) {
  CUgraphExec made = nullptr;
  int failed = with(index, [&](Device &device) {
    Recorded recorded;
    Error error = recorded.end(device, stream(order));
    return error.empty() ? recorded.instantiate(device, made) : error;
  });
  return failed ? nullptr : made;
}

int gqa_rt_cuda_graph_update(int64_t index, void *order, void **changed) {
  return with(index, [&](Device &device) {
    Recorded recorded;
    Error error = recorded.end(device, stream(order));
    if (!error.empty() || recorded.update(device, graph(*changed), error) || !error.empty())
      return error;
    CUgraphExec made = nullptr;
    error = recorded.instantiate(device, made);
    if (!error.empty())
      return error;
    CUgraphExec old = graph(*changed);
    *changed = made;
    return destroy(device, old);
  });
}

int gqa_rt_cuda_graph_launch(int64_t index, void *made, void *order) {
  return with(index, [&](Device &device) {
    return GQA_CUDA_CHECK(device, cuGraphLaunch, graphLaunch(graph(made), stream(order)));
  });
}

int gqa_rt_cuda_graph_destroy(int64_t index, void *made) {
  return made ? with(index, [&](Device &device) { return destroy(device, graph(made)); }) : 0;
}

int gqa_rt_cuda_is_capturing(int64_t index, void *order) {
  bool capturing = false;
  Scope scope(index);
  Error error = scope.error.empty() ? scope.device->isCapturing(stream(order), capturing) : scope.error;
  return report(error) ? -1 : capturing;
}
