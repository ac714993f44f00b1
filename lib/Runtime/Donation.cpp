// A call with results that are written over arguments may name no memory twice: what is written in place is
// read elsewhere under another name.
#include "Donation.h"
#include "CheckTensor.h"

#include <algorithm>
#include <vector>

namespace gqa::rt {

static bool share(const gqa_rt_cuda_span &a, const gqa_rt_cuda_span &b) {
  auto begin = [](const gqa_rt_cuda_span &span) { return reinterpret_cast<uintptr_t>(span.data); };
  return a.bytes > 0 && b.bytes > 0 && begin(a) < begin(b) + uintptr_t(b.bytes) &&
         begin(b) < begin(a) + uintptr_t(a.bytes);
}

std::pair<const Place *, const Place *> findShared(std::vector<Place> &places) {
  std::sort(places.begin(), places.end(),
            [](const Place &a, const Place &b) { return a.begin() < b.begin(); });
  const Place *furthest = nullptr, *furthestWritten = nullptr; // of those that begin earlier
  auto extend = [](const Place *&known, const Place &next) {
    if (!known || next.end() > known->end())
      known = &next;
  };
  for (const Place &place : places) {
    if (place.span.bytes == 0)
      continue;
    if (furthestWritten && share(furthestWritten->span, place.span))
      return {furthestWritten, &place};
    if (place.isWritten && furthest && share(furthest->span, place.span))
      return {&place, furthest};
    extend(furthest, place);
    if (place.isWritten)
      extend(furthestWritten, place);
  }
  return {nullptr, nullptr};
}

gqa_rt_cuda_span spanOf(const DLTensor &tensor) {
  return {static_cast<const char *>(tensor.data) + tensor.byte_offset, countBytes(tensor)};
}

std::string checkDonated(const gqa_rt_signature &signature, const gqa_rt_code &code,
                         const DLTensor *const *inputs, DLTensor *const *outputs, DLDevice device) {
  std::vector<Place> places;
  std::vector<bool> isArgument(signature.num_outputs);
  for (size_t i = 0; i < signature.num_inputs; ++i) {
    Place &place = places.emplace_back(Place{spanOf(*inputs[i]), true, i, signature.donated[i] >= 0});
    if (!place.isWritten)
      continue;
    size_t result = size_t(signature.donated[i]);
    std::string output = "output " + std::to_string(result);
    isArgument[result] = true;
    if (!isHost(device) && code.on_device[i] && isHost(inputs[i]->device))
      return place.name() + " is on " + toString(inputs[i]->device) + "; expected " + toString(device) +
             ", where other arguments are, as " + output + " is written over it";
    if (outputs && place.span.bytes > 0 && spanOf(*outputs[result]).data != place.span.data)
      return output + " is not the memory of " + place.name() +
             ", which it is written over; expected the same tensor";
  }
  for (size_t i = 0; outputs && i < signature.num_outputs; ++i)
    if (!isArgument[i])
      places.push_back({spanOf(*outputs[i]), false, i, false});
  auto [donated, other] = findShared(places);
  if (!donated)
    return "";
  return donated->name() + ", which output " + std::to_string(signature.donated[donated->index]) +
         " is written over, shares memory with " + other->name() + "; expected memory of its own";
}

} // namespace gqa::rt
