// Capturing streams: what is queued in one is recorded instead of done. The rules are those of the driver's
// documentation: what would wait, or might, is an error and ends the capture, which is then good for nothing.
#include "Driver.h"

using namespace gqa::emulator;

namespace {
Driver &driver() { return Driver::get(); }

CUresult begin(CUstream stream, int mode) {
  Driver &d = driver();
  if (mode < CU_STREAM_CAPTURE_MODE_GLOBAL || mode > CU_STREAM_CAPTURE_MODE_RELAXED)
    return CUDA_ERROR_INVALID_VALUE;
  if (!d.isStream(stream))
    return CUDA_ERROR_INVALID_HANDLE;
  if (!d.streams.count(stream)) // the default stream, whose per-thread form is not modelled here
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  if (stream->capture)
    return CUDA_ERROR_INVALID_VALUE;
  auto capture = std::make_shared<Capture>();
  capture->mode = mode;
  capture->thread = std::this_thread::get_id();
  capture->origin = stream;
  capture->memory = std::make_shared<Reservations>(d.memory);
  stream->capture = capture;
  d.captures.insert(capture);
  return CUDA_SUCCESS;
}

CUresult end(CUstream stream, CUgraph *graph) {
  Driver &d = driver();
  if (!d.streams.count(stream) || !stream->capture)
    return CUDA_ERROR_INVALID_VALUE;
  std::shared_ptr<Capture> capture = stream->capture;
  if (capture->origin != stream)
    return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != std::this_thread::get_id())
    return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
  *graph = nullptr;
  d.captures.erase(capture);
  for (const auto &[handle, other] : d.streams)
    if (other->capture == capture)
      other->capture = nullptr;
  if (!capture->valid)
    return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (!capture->isJoined())
    return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
  auto made = std::make_unique<CUgraph_st>(CUgraph_st{capture->operations, capture->memory});
  *graph = made.get();
  d.graphs[*graph] = std::move(made);
  return CUDA_SUCCESS;
}

} // namespace

int &Driver::threadMode() {
  static thread_local int mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  return mode;
}

std::vector<std::shared_ptr<Capture>> Driver::forbidding() const {
  std::vector<std::shared_ptr<Capture>> found;
  for (const auto &capture : captures) {
    bool mine =
        capture->thread == std::this_thread::get_id() && capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED;
    bool everybodys =
        capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL && threadMode() == CU_STREAM_CAPTURE_MODE_GLOBAL;
    if (threadMode() != CU_STREAM_CAPTURE_MODE_RELAXED && (mine || everybodys))
      found.push_back(capture);
  }
  return found;
}

CUresult Driver::findCapture(CUstream stream, std::shared_ptr<Capture> &capture) {
  if (!isStream(stream))
    return CUDA_ERROR_INVALID_HANDLE;
  if (!streams.count(stream)) { // the default stream waits for all that are not CU_STREAM_NON_BLOCKING
    bool waits = false;
    for (const auto &[handle, other] : streams)
      if (other->capture && !(other->flags & CU_STREAM_NON_BLOCKING)) {
        other->capture->valid = false;
        waits = true;
      }
    return waits ? CUDA_ERROR_STREAM_CAPTURE_IMPLICIT : CUDA_SUCCESS;
  }
  capture = stream->capture;
  return capture && !capture->valid ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_SUCCESS;
}

CUresult Driver::checkWait(CUstream stream) {
  std::shared_ptr<Capture> capture;
  CUresult result = findCapture(stream, capture);
  if (capture)
    capture->valid = false;
  return result == CUDA_SUCCESS && capture ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : result;
}

CUresult Driver::queue(CUstream stream, Operation operation) {
  std::shared_ptr<Capture> capture;
  if (CUresult error = findCapture(stream, capture); error != CUDA_SUCCESS)
    return error;
  if (!capture)
    return operation.run();
  capture->add(stream, std::move(operation));
  return CUDA_SUCCESS;
}

CUresult Driver::allocate(CUdeviceptr *pointer, size_t bytes, CUstream stream) {
  std::shared_ptr<Capture> capture;
  if (CUresult error = findCapture(stream, capture); error != CUDA_SUCCESS)
    return error;
  if (!capture)
    return allocate(pointer, bytes);
  if (!pointer || !bytes)
    return CUDA_ERROR_INVALID_VALUE;
  uint64_t address = capture->memory->add(bytes);
  if (!address)
    return CUDA_ERROR_OUT_OF_MEMORY;
  *pointer = address;
  capture->allocated.insert(address);
  auto run = [this, address] { return memory->revive(address) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY; };
  capture->add(stream, {Operation::Allocate, run, address});
  return CUDA_SUCCESS;
}

CUresult Driver::release(CUdeviceptr pointer, CUstream stream) {
  std::shared_ptr<Capture> capture;
  if (CUresult error = findCapture(stream, capture); error != CUDA_SUCCESS)
    return error;
  if (!capture)
    return release(pointer);
  if (!capture->allocated.erase(pointer))
    return CUDA_ERROR_INVALID_VALUE;
  capture->add(stream, {Operation::Free, [this, pointer] { return release(pointer); }, pointer});
  return CUDA_SUCCESS;
}

EMULATOR_API CUresult cuStreamBeginCapture_v2(CUstream stream, int mode) {
  return driver().call("cuStreamBeginCapture_v2", Needs::Context, [&] { return begin(stream, mode); });
}

EMULATOR_API CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph) {
  return driver().call("cuStreamEndCapture", Needs::Context,
                       [&] { return graph ? end(stream, graph) : CUDA_ERROR_INVALID_VALUE; });
}

EMULATOR_API CUresult cuStreamIsCapturing(CUstream stream, int *status) {
  return driver().call("cuStreamIsCapturing", Needs::Context, [&] {
    if (!status)
      return CUDA_ERROR_INVALID_VALUE;
    std::shared_ptr<Capture> capture;
    CUresult error = driver().findCapture(stream, capture);
    *status = !capture         ? CU_STREAM_CAPTURE_STATUS_NONE
              : capture->valid ? CU_STREAM_CAPTURE_STATUS_ACTIVE
                               : CU_STREAM_CAPTURE_STATUS_INVALIDATED;
    return capture ? CUDA_SUCCESS : error;
  });
}

EMULATOR_API CUresult cuThreadExchangeStreamCaptureMode(int *mode) {
  return driver().call("cuThreadExchangeStreamCaptureMode", Needs::Init, [&] {
    if (!mode || *mode < CU_STREAM_CAPTURE_MODE_GLOBAL || *mode > CU_STREAM_CAPTURE_MODE_RELAXED)
      return CUDA_ERROR_INVALID_VALUE;
    std::swap(*mode, Driver::threadMode());
    return CUDA_SUCCESS;
  });
}
