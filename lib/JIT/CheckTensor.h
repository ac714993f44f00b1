// Whether a tensor may be passed where a type is expected.
#ifndef GQA_LIB_JIT_CHECKTENSOR_H
#define GQA_LIB_JIT_CHECKTENSOR_H

#include "gqa/JIT/JIT.h"

namespace gqa {

/// Checks type, shape, device, address and strides; the error names the tensor by `kind`, `index` and its
/// parameter.
llvm::Error checkTensor(const DLTensor &tensor, const TensorType &type, llvm::StringRef kind, size_t index);

} // namespace gqa

#endif // GQA_LIB_JIT_CHECKTENSOR_H
