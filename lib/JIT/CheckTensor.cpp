#include "CheckTensor.h"
#include "Diagnostics.h"

#include <algorithm>

namespace gqa {
namespace {

/// The number of elements, or -1 if a size is negative or all of them need more than 2^46 bytes.
int64_t countElements(const DLTensor &tensor) {
  double bytes = 8;
  int64_t count = 1;
  for (int i = 0; i < tensor.ndim; ++i) {
    bytes *= double(std::max<int64_t>(tensor.shape[i], 1));
    if (tensor.shape[i] < 0 || bytes >= 0x1p46)
      return -1;
    count *= tensor.shape[i];
  }
  return count;
}

llvm::Error checkStrides(const DLTensor &tensor, const std::string &name) {
  int64_t dense = 1;
  for (int i = tensor.ndim; tensor.strides && i-- > 0;) {
    if (tensor.shape[i] != 1 && tensor.strides[i] != dense)
      return makeError(name + " is not dense and row-major: the stride of dimension " + llvm::Twine(i) +
                       " is " + llvm::Twine(tensor.strides[i]) + ", expected " + llvm::Twine(dense));
    dense *= tensor.shape[i];
  }
  return llvm::Error::success();
}

bool fits(const TensorType &found, const TensorType &expected) {
  if (found.dtype.code != expected.dtype.code || found.dtype.bits != expected.dtype.bits ||
      found.dtype.lanes != 1)
    return false;
  return std::equal(found.shape.begin(), found.shape.end(), expected.shape.begin(), expected.shape.end(),
                    [](int64_t size, int64_t wanted) { return wanted < 0 || size == wanted; });
}

} // namespace

llvm::Error checkTensor(const DLTensor &tensor, const TensorType &type, llvm::StringRef kind, size_t index) {
  std::string name =
      (kind + " " + llvm::Twine(index)).str() + (type.param.empty() ? "" : " ('" + type.param + "')");
  TensorType found{tensor.dtype, {tensor.shape, tensor.shape + tensor.ndim}, ""};
  if (!fits(found, type))
    return makeError(name + " is " + toString(found) + ", expected " + toString(type));
  if (tensor.device.device_type != kDLCPU)
    return makeError(name + " is not in host memory; expected a tensor on the CPU");
  int64_t count = countElements(tensor);
  if (count < 0)
    return makeError(name + " is " + toString(found) + ", which cannot be in memory");
  if (count == 0)
    return llvm::Error::success();
  if (!tensor.data)
    return makeError(name + " has no data");
  uintptr_t bytes = tensor.dtype.bits / 8;
  if ((reinterpret_cast<uintptr_t>(tensor.data) + tensor.byte_offset) % bytes)
    return makeError(name + " is not aligned: its address is not a multiple of " + llvm::Twine(bytes) +
                     " bytes");
  return checkStrides(tensor, name);
}

} // namespace gqa
