// Types, shapes, places and addresses; the first thing that does not fit is the error.
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

/// What messages call a tensor. Calls without an error spell no name.
struct Name {
  llvm::StringRef kind;
  size_t index;
  const TensorType &type;

  std::string str() const {
    return (kind + " " + llvm::Twine(index)).str() + (type.param.empty() ? "" : " ('" + type.param + "')");
  }
};

llvm::Error checkStrides(const DLTensor &tensor, const Name &name) {
  int64_t dense = 1;
  for (int i = tensor.ndim; tensor.strides && i-- > 0;) {
    if (tensor.shape[i] != 1 && tensor.strides[i] != dense)
      return makeArgumentError(name.str() + " is not dense and row-major: the stride of dimension " +
                               llvm::Twine(i) + " is " + llvm::Twine(tensor.strides[i]) + ", expected " +
                               llvm::Twine(dense));
    dense *= tensor.shape[i];
  }
  return llvm::Error::success();
}

bool fits(const DLTensor &found, const TensorType &expected) {
  if (found.dtype.code != expected.dtype.code || found.dtype.bits != expected.dtype.bits ||
      found.dtype.lanes != 1)
    return false;
  return std::equal(found.shape, found.shape + found.ndim, expected.shape.begin(), expected.shape.end(),
                    [](int64_t size, int64_t wanted) { return wanted < 0 || size == wanted; });
}

bool same(DLDevice a, DLDevice b) { return a.device_type == b.device_type && a.device_id == b.device_id; }

/// Where a tensor of this type is in a call on `device`, for messages.
std::string placeFor(const TensorType &type, DLDevice device) {
  bool there = type.onDevice && !isHost(device);
  return there ? toString(device) + ", where other arguments are" : "a tensor on the CPU";
}

llvm::Error wrongPlace(const Name &name, DLDevice found, DLDevice device) {
  return makeArgumentError(name.str() + " is on " + toString(found) + "; expected " +
                           placeFor(name.type, device));
}

std::string describe(const DLTensor &tensor) {
  return toString(TensorType{tensor.dtype, {tensor.shape, tensor.shape + tensor.ndim}, ""});
}

llvm::Error checkType(const DLTensor &tensor, const Name &name) {
  if (!fits(tensor, name.type))
    return makeArgumentError(name.str() + " is " + describe(tensor) + ", expected " + toString(name.type));
  return llvm::Error::success();
}

llvm::Error checkMemory(const DLTensor &tensor, const Name &name) {
  int64_t count = countElements(tensor);
  if (count < 0)
    return makeArgumentError(name.str() + " is " + describe(tensor) + ", which cannot be in memory");
  if (count == 0)
    return llvm::Error::success();
  if (!tensor.data)
    return makeArgumentError(name.str() + " has no data");
  uintptr_t bytes = tensor.dtype.bits / 8;
  if ((reinterpret_cast<uintptr_t>(tensor.data) + tensor.byte_offset) % bytes)
    return makeArgumentError(name.str() + " is not aligned: its address is not a multiple of " +
                             llvm::Twine(bytes) + " bytes");
  return checkStrides(tensor, name);
}

} // namespace

std::string toString(DLDevice device) {
  std::string id = ":" + std::to_string(device.device_id);
  switch (device.device_type) {
  case kDLCPU:
    return "cpu";
  case kDLCUDA:
    return "cuda" + id;
  default:
    return "device type " + std::to_string(int(device.device_type)) + id;
  }
}

int64_t countBytes(const DLTensor &tensor) { return countElements(tensor) * (tensor.dtype.bits / 8); }

bool isHost(DLDevice device) { return device.device_type == kDLCPU || device.device_type == kDLCUDAHost; }

DLDevice deviceOf(llvm::ArrayRef<const DLTensor *> inputs) {
  for (const DLTensor *input : inputs)
    if (input->device.device_type == kDLCUDA)
      return input->device;
  return {kDLCPU, 0};
}

llvm::Error checkInput(const DLTensor &tensor, const TensorType &type, DLDevice device, size_t index) {
  Name name{"argument", index, type};
  if (llvm::Error error = checkType(tensor, name))
    return error;
  if (!isHost(tensor.device) && !(type.onDevice && same(tensor.device, device)))
    return wrongPlace(name, tensor.device, device);
  return checkMemory(tensor, name);
}

llvm::Error checkOutput(const DLTensor &tensor, const TensorType &type, DLDevice device, size_t index) {
  Name name{"output", index, type};
  if (llvm::Error error = checkType(tensor, name))
    return error;
  bool fitsDevice = type.onDevice && !isHost(device) ? same(tensor.device, device) : isHost(tensor.device);
  if (!fitsDevice)
    return wrongPlace(name, tensor.device, device);
  return checkMemory(tensor, name);
}

} // namespace gqa
