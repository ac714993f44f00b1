// Whether a tensor may be passed where a type is expected.
#ifndef GQA_LIB_JIT_CHECKTENSOR_H
#define GQA_LIB_JIT_CHECKTENSOR_H

#include "gqa/JIT/JIT.h"

namespace gqa {

/// Bytes of a tensor that has passed checkTensor.
int64_t countBytes(const DLTensor &tensor);

/// True for memory that this processor reads and writes.
bool isHost(DLDevice device);

/// The GPU that a call with these arguments runs on, or the CPU if none of them is on one.
DLDevice deviceOf(llvm::ArrayRef<const DLTensor *> inputs);

/// Checks argument `index`: type, shape, address, strides, and that it is on the host, or on `device` if it
/// may be. The error names the argument, and its parameter.
llvm::Error checkInput(const DLTensor &tensor, const TensorType &type, DLDevice device, size_t index);

/// The same for memory of a result, which is on `device` if it may be, and else on the host.
llvm::Error checkOutput(const DLTensor &tensor, const TensorType &type, DLDevice device, size_t index);

} // namespace gqa

#endif // GQA_LIB_JIT_CHECKTENSOR_H
