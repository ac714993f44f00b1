// Streams and events. Work is done when it is asked for, so that a stream is never busy.
#include "Driver.h"

using namespace gqa::emulator;

namespace {
Driver &driver() { return Driver::get(); }

CUresult createStream(CUstream *stream, unsigned flags, int priority) {
  if (!stream || flags > CU_STREAM_NON_BLOCKING)
    return CUDA_ERROR_INVALID_VALUE;
  auto made = std::make_unique<CUstream_st>();
  made->priority = priority;
  made->flags = flags;
  *stream = made.get();
  driver().streams[*stream] = std::move(made);
  return CUDA_SUCCESS;
}

/// In a captured stream an event is an edge of the graph, and nothing that one could wait for.
CUresult record(CUstream stream, CUevent_st &event) {
  std::shared_ptr<Capture> capture;
  if (CUresult error = driver().findCapture(stream, capture); error != CUDA_SUCCESS)
    return error;
  event.capture = capture;
  event.clock = capture ? capture->known[stream] : Progress();
  event.recorded = true;
  event.time = std::chrono::steady_clock::now();
  return CUDA_SUCCESS;
}

/// A stream that waits for an event of a capture is captured from then on.
CUresult waitEvent(CUstream stream, CUevent_st &event) {
  std::shared_ptr<Capture> capture;
  if (CUresult error = driver().findCapture(stream, capture); error != CUDA_SUCCESS)
    return error;
  auto spoil = [](const std::shared_ptr<Capture> &spoilt, CUresult error) {
    spoilt->valid = false;
    return error;
  };
  if (!event.recorded || (!capture && !event.capture))
    return CUDA_SUCCESS;
  if (!event.capture)
    return spoil(capture, CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
  if (!driver().captures.count(event.capture))
    return CUDA_ERROR_CAPTURED_EVENT; // which has ended
  if (capture && capture != event.capture)
    return spoil(capture, CUDA_ERROR_STREAM_CAPTURE_MERGE);
  if (!driver().streams.count(stream))
    return spoil(event.capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  stream->capture = event.capture;
  event.capture->join(stream, event.clock);
  return CUDA_SUCCESS;
}

CUresult checkUncaptured(const CUevent_st &event) {
  return event.capture ? CUDA_ERROR_CAPTURED_EVENT : CUDA_SUCCESS;
}

template <class F> CUresult onEvent(const char *name, CUevent event, F body) {
  return driver().call(name, Needs::Context,
                       [&] { return driver().events.count(event) ? body() : CUDA_ERROR_INVALID_HANDLE; });
}
} // namespace

EMULATOR_API CUresult cuStreamCreate(CUstream *stream, unsigned flags) {
  return driver().call("cuStreamCreate", Needs::Context, [&] { return createStream(stream, flags, 0); });
}
EMULATOR_API CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned flags, int priority) {
  return driver().call("cuStreamCreateWithPriority", Needs::Context,
                       [&] { return createStream(stream, flags, priority); });
}
EMULATOR_API CUresult cuStreamDestroy_v2(CUstream stream) {
  return driver().call("cuStreamDestroy_v2", Needs::Context, [&] {
    if (!driver().streams.count(stream))
      return CUDA_ERROR_INVALID_HANDLE;
    if (stream->capture)
      stream->capture->valid = false;
    driver().streams.erase(stream);
    return CUDA_SUCCESS;
  });
}
EMULATOR_API CUresult cuStreamSynchronize(CUstream stream) {
  return driver().call("cuStreamSynchronize", Needs::Context, [&] { return driver().checkWait(stream); });
}
EMULATOR_API CUresult cuStreamQuery(CUstream stream) {
  return driver().call("cuStreamQuery", Needs::Context, [&] { return driver().checkWait(stream); });
}
EMULATOR_API CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned flags) {
  return onEvent("cuStreamWaitEvent", event, [&] {
    if (!driver().isStream(stream))
      return CUDA_ERROR_INVALID_HANDLE;
    return flags > 1 ? CUDA_ERROR_INVALID_VALUE : waitEvent(stream, *event);
  });
}

EMULATOR_API CUresult cuEventCreate(CUevent *event, unsigned flags) {
  return driver().call("cuEventCreate", Needs::Context, [&] {
    if (!event || flags > 7)
      return CUDA_ERROR_INVALID_VALUE;
    auto made = std::make_unique<CUevent_st>();
    made->flags = flags;
    *event = made.get();
    driver().events[*event] = std::move(made);
    return CUDA_SUCCESS;
  });
}
EMULATOR_API CUresult cuEventDestroy_v2(CUevent event) {
  return onEvent("cuEventDestroy_v2", event, [&] {
    driver().events.erase(event);
    return CUDA_SUCCESS;
  });
}
EMULATOR_API CUresult cuEventRecord(CUevent event, CUstream stream) {
  return onEvent("cuEventRecord", event, [&] {
    if (!driver().isStream(stream))
      return CUDA_ERROR_INVALID_HANDLE;
    return record(stream, *event);
  });
}
EMULATOR_API CUresult cuEventSynchronize(CUevent event) {
  return onEvent("cuEventSynchronize", event, [&] { return checkUncaptured(*event); });
}
EMULATOR_API CUresult cuEventQuery(CUevent event) {
  return onEvent("cuEventQuery", event, [&] { return checkUncaptured(*event); });
}
EMULATOR_API CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
  return onEvent("cuEventElapsedTime", start, [&] {
    if (!milliseconds)
      return CUDA_ERROR_INVALID_VALUE;
    if (driver().events.count(end) && (start->capture || end->capture))
      return CUDA_ERROR_CAPTURED_EVENT;
    if (!driver().events.count(end) || !start->recorded || !end->recorded ||
        ((start->flags | end->flags) & CU_EVENT_DISABLE_TIMING))
      return CUDA_ERROR_INVALID_HANDLE;
    *milliseconds = std::chrono::duration<float, std::milli>(end->time - start->time).count();
    return CUDA_SUCCESS;
  });
}
