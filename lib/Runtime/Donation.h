// Results that are written over arguments, and memory that two tensors of a call share.
#ifndef GQA_LIB_RUNTIME_DONATION_H
#define GQA_LIB_RUNTIME_DONATION_H

#include "gqa/Runtime/Function.h"

#include <string>
#include <utility>
#include <vector>

namespace gqa::rt {

gqa_rt_cuda_span spanOf(const DLTensor &tensor);

/// Where a tensor of a call is.
struct Place {
  gqa_rt_cuda_span span;
  bool isInput;
  size_t index;
  bool isWritten;

  uintptr_t begin() const { return reinterpret_cast<uintptr_t>(span.data); }
  uintptr_t end() const { return begin() + uintptr_t(span.bytes); }
  std::string name() const { return (isInput ? "argument " : "output ") + std::to_string(index); }
};

/// Two tensors that overlap, one of which is written to, that one first; null if there are none. Sorts the
/// places: a model's step has hundreds.
std::pair<const Place *, const Place *> findShared(std::vector<Place> &places);

/// Empty, or what is wrong with the arguments that `signature.donated` names: each is where the call runs, is
/// the output that is written over it (where there are `outputs`), and shares memory with nothing else. All
/// tensors have been checked.
std::string checkDonated(const gqa_rt_signature &signature, const gqa_rt_code &code,
                         const DLTensor *const *inputs, DLTensor *const *outputs, DLDevice device);

} // namespace gqa::rt

#endif // GQA_LIB_RUNTIME_DONATION_H
