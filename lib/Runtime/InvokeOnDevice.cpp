// A call of code with kernels of a GPU: what it refuses there, and where its tensors are.
#include "Donation.h"
#include "Invocation.h"
#include "LastError.h"

namespace gqa::rt {

bool Invocation::refuseCapture() const {
  for (size_t i = 0; !isHost(device) && i < signature.num_inputs; ++i) {
    const DLTensor &input = *inputs[i];
    if (!code.on_device[i] || !isHost(input.device) || countBytes(input) <= GQA_RT_CUDA_RECORDED_BYTES)
      continue;
    if (gqa_rt_cuda_is_capturing(device.device_id, stream) != 1)
      return false;
    lastError() = "argument " + std::to_string(i) + " is on " + toString(input.device) + "; expected " +
                  toString(device) +
                  ", as the stream is being captured into a CUDA graph, which copies nothing from the "
                  "host but " +
                  std::to_string(GQA_RT_CUDA_RECORDED_BYTES) + " bytes or fewer";
    return true;
  }
  return false;
}

bool Invocation::refuseSharedRoom(const std::vector<gqa_rt_cuda_span> &room) {
  std::vector<Place> places;
  for (size_t i = 0; !room.empty() && i < signature.num_inputs; ++i)
    if (!isHost(inputs[i]->device))
      places.push_back({spanOf(*inputs[i]), /*isInput=*/true, i, /*isWritten=*/false});
  for (size_t i = 0; i < room.size(); ++i)
    if (!donors[i]) // those checkDonated has looked at
      places.push_back({room[i], /*isInput=*/false, i, /*isWritten=*/true});
  auto [written, other] = findShared(places);
  if (!written)
    return false;
  lastError() =
      written->name() + " shares memory of the device with " + other->name() + "; expected memory of its own";
  return true;
}

int Invocation::runOnDevice(void **context) {
  std::vector<gqa_rt_cuda_span> spans, room;
  bool pinned = false; // some argument is in pinned memory of the host
  for (size_t i = 0; i < signature.num_inputs; ++i) {
    if (!isHost(inputs[i]->device))
      spans.push_back(spanOf(*inputs[i]));
    pinned |= inputs[i]->device.device_type == kDLCUDAHost;
  }
  if (refuseCapture())
    return 1;
  for (size_t i = 0; outputs && i < signature.num_outputs; ++i)
    room.push_back(isHost(outputs[i]->device) ? gqa_rt_cuda_span{nullptr, 0} : spanOf(*outputs[i]));
  if (refuseSharedRoom(room))
    return 1;
  gqa_rt_cuda_site site{};
  site.device = device.device_id;
  site.stream = stream;
  site.spans = spans.data();
  site.num_spans = int64_t(spans.size());
  site.results_on_device = !isHost(device);
  site.results = room.empty() ? nullptr : room.data();
  site.num_results = int64_t(room.size());
  int failed = gqa_rt_cuda_call(&site, enter, context);
  // Copies from pinned memory may not have happened yet, and the caller may change it from now on.
  if (!failed && pinned && site.results_on_device && gqa_rt_cuda_is_capturing(site.device, stream) != 1)
    failed = gqa_rt_cuda_synchronize(site.device, stream);
  return failed;
}

} // namespace gqa::rt
