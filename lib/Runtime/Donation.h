// Results that are written over arguments, and memory that two tensors of a call share.
#ifndef GQA_LIB_RUNTIME_DONATION_H
#define GQA_LIB_RUNTIME_DONATION_H

#include "gqa/Runtime/Function.h"

#include <string>

namespace gqa::rt {

gqa_rt_cuda_span spanOf(const DLTensor &tensor);

bool share(const gqa_rt_cuda_span &a, const gqa_rt_cuda_span &b);

/// Empty, or what is wrong with the arguments that `signature.donated` names: each is where the call runs, is
/// the output that is written over it (where there are `outputs`), and shares memory with nothing else. All
/// tensors have been checked.
std::string checkDonated(const gqa_rt_signature &signature, const gqa_rt_code &code,
                         const DLTensor *const *inputs, DLTensor *const *outputs, DLDevice device);

} // namespace gqa::rt

#endif // GQA_LIB_RUNTIME_DONATION_H
