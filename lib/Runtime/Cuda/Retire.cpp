// What kernels may still use goes when the device has done all that it was asked for. Nobody may wait for
// that while a stream is captured: it is an error in whatever mode, and the end of the capture.
#include "Device.h"

namespace gqa::rt::cuda {

Error Device::isAnyCapturing(bool &capturing) {
  std::lock_guard<std::mutex> lock(recording);
  Error error;
  for (auto stream = captured.begin(); stream != captured.end() && error.empty();) {
    CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
    CUresult result = Driver::get().streamIsCapturing(*stream, &status);
    bool isGone = result == CUDA_ERROR_INVALID_HANDLE;
    error = isGone ? "" : check("cuStreamIsCapturing", result);
    bool isOver = isGone || status == CU_STREAM_CAPTURE_STATUS_NONE;
    stream = isOver ? captured.erase(stream) : std::next(stream);
  }
  capturing = !captured.empty();
  return error;
}

Error Device::waitForAll() {
  Relaxed relaxed(*this);
  return relaxed.error.empty() ? GQA_CUDA_CHECK(*this, cuCtxSynchronize, ctxSynchronize()) : relaxed.error;
}

Error Device::retire(std::function<void()> release) {
  {
    std::lock_guard<std::mutex> lock(retiring);
    retired.push_back(std::move(release));
  }
  return releaseRetired();
}

Error Device::releaseRetired() {
  std::vector<std::function<void()>> ready;
  bool capturing = false;
  Error error = isAnyCapturing(capturing); // a stream whose capture has ended may be destroyed afterwards
  if (!error.empty() || capturing)
    return error;
  {
    std::lock_guard<std::mutex> lock(retiring);
    ready.swap(retired);
  }
  if (!ready.empty())
    error = waitForAll(); // where it fails the context is lost, and nothing runs any more
  for (const auto &release : ready)
    release();
  return error;
}

} // namespace gqa::rt::cuda
