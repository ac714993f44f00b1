// Whether a tensor may be passed where a type is expected.
#ifndef GQA_LIB_RUNTIME_CHECKTENSOR_H
#define GQA_LIB_RUNTIME_CHECKTENSOR_H

#include "gqa/gqa.h"

#include <string>

namespace gqa::rt {

/// "f32[2x?x64]", "cuda:0"; for messages.
std::string toString(DLDataType dtype);
std::string toString(const gqa_tensor_type &type);
std::string toString(DLDevice device);

/// What a tensor is, as a type.
gqa_tensor_type typeOf(const DLTensor &tensor);

/// Bytes of a tensor that has passed a check.
int64_t countBytes(const DLTensor &tensor);

/// True for memory that this processor reads and writes.
bool isHost(DLDevice device);

/// One tensor of a call, and what is expected of it.
struct Expected {
  bool isInput;
  size_t index;
  const gqa_tensor_type &type;
  bool onDevice;   ///< may be on the GPU that the call runs on; an output then is
  DLDevice device; ///< where the call runs
};

/// Checks type, shape, address, strides and place. Empty, or what is wrong; it names the tensor, and its
/// parameter.
std::string check(const DLTensor *tensor, const Expected &expected);

} // namespace gqa::rt

#endif // GQA_LIB_RUNTIME_CHECKTENSOR_H
