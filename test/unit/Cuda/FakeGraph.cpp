// Captures and graphs of the fake driver.
#include "FakeBooks.h"

namespace gqa::rt::cuda {
struct CUgraph_st : gqa::test::fake::Recording {};
struct CUgraphExec_st : gqa::test::fake::Recording {};
} // namespace gqa::rt::cuda

namespace gqa::test::fake {

std::map<CUstream, Recording> recordings;
thread_local int captureMode = 0;

CUresult queue(CUstream stream, std::function<void()> work) {
  auto recording = recordings.find(stream);
  if (recording == recordings.end())
    return work(), CUDA_SUCCESS;
  if (recording->second.spoilt)
    return captureInvalidated;
  recording->second.work.push_back(std::move(work));
  return CUDA_SUCCESS;
}

CUresult mayWait() { return captureMode == CU_STREAM_CAPTURE_MODE_RELAXED ? CUDA_SUCCESS : mayWaitForAll(); }

CUresult mayWaitForAll() {
  if (recordings.empty())
    return CUDA_SUCCESS;
  for (auto &[stream, recording] : recordings)
    recording.spoilt = true;
  return captureUnsupported;
}

CUresult allocate(CUdeviceptr *address, size_t bytes, CUstream stream) {
  CUresult result = allocate(address, bytes);
  if (auto recording = recordings.find(stream); recording != recordings.end() && result == CUDA_SUCCESS)
    recording->second.memory.push_back(*address);
  return result;
}

CUresult release(CUdeviceptr address, CUstream stream) {
  return recordings.count(stream) ? CUDA_SUCCESS : release(address); // a graph's memory goes with it
}

void giveUp(Recording &recording) {
  for (CUdeviceptr address : recording.memory)
    release(address);
  recording.memory.clear();
}

} // namespace gqa::test::fake

using namespace gqa::rt::cuda;
using namespace gqa::test::fake;

void fake_spoil(void *stream) {
  std::lock_guard<std::recursive_mutex> lock(gqa::test::fake::mutex);
  recordings.at(static_cast<CUstream>(stream)).spoilt = true;
}

#ifndef GQA_FAKE_OLD
DRIVER cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode) {
  ENTER(cuStreamBeginCapture, true);
  if (!stream || recordings.count(stream))
    return invalidValue;
  recordings[stream];
  return CUDA_SUCCESS;
}

DRIVER cuStreamEndCapture(CUstream stream, CUgraph *graph) {
  ENTER(cuStreamEndCapture, true);
  auto recording = recordings.find(stream);
  if (recording == recordings.end())
    return invalidValue;
  CUresult result = recording->second.spoilt ? captureInvalidated : CUDA_SUCCESS;
  if (result == CUDA_SUCCESS) {
    *graph = make<CUgraph_st>();
    static_cast<Recording &>(**graph) = recording->second;
  } else {
    giveUp(recording->second);
  }
  recordings.erase(stream);
  return result;
}

DRIVER cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus *status) {
  ENTER(cuStreamIsCapturing, true);
  auto recording = recordings.find(stream);
  *status = recording == recordings.end() ? CU_STREAM_CAPTURE_STATUS_NONE
            : recording->second.spoilt    ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                          : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  return CUDA_SUCCESS;
}

DRIVER cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode *mode) {
  ENTER(cuThreadExchangeStreamCaptureMode, false);
  int before = captureMode;
  captureMode = *mode;
  *mode = static_cast<CUstreamCaptureMode>(before);
  return CUDA_SUCCESS;
}

/// The memory is from then on the executable graph's, which there is one of.
DRIVER cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph, unsigned long long flags) {
  ENTER(cuGraphInstantiateWithFlags, true);
  if (!handles.count(graph) || flags)
    return invalidValue;
  *exec = make<CUgraphExec_st>();
  static_cast<Recording &>(**exec) = *graph;
  graph->memory.clear();
  return CUDA_SUCCESS;
}

DRIVER cuGraphLaunch(CUgraphExec exec, CUstream stream) {
  ENTER(cuGraphLaunch, true);
  if (!handles.count(exec) || !isStream(stream))
    return invalidHandle;
  for (const auto &work : exec->work)
    work();
  return CUDA_SUCCESS;
}

DRIVER cuGraphExecUpdate_v2(CUgraphExec exec, CUgraph graph, CUgraphExecUpdateResultInfo *) {
  ENTER(cuGraphExecUpdate, true);
  if (exec->work.size() != graph->work.size() || !exec->memory.empty() || !graph->memory.empty())
    return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
  exec->work = graph->work;
  return CUDA_SUCCESS;
}

DRIVER cuGraphExecDestroy(CUgraphExec exec) {
  ENTER(cuGraphExecDestroy, true);
  giveUp(*exec);
  return destroy(exec);
}

DRIVER cuGraphDestroy(CUgraph graph) {
  ENTER(cuGraphDestroy, true);
  giveUp(*graph);
  return destroy(graph);
}
#endif
