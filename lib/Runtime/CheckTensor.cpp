// Types, shapes, places and addresses; the first thing that does not fit is the error.
#include "CheckTensor.h"

#include "gqa/Runtime/DLPackCodes.h"

#include <algorithm>

namespace gqa::rt {
namespace {

/// DLPack's kDLBool, from version 0.8 on.
constexpr uint8_t kBool = 6;

constexpr int kMostDimensions = 64;

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
std::string nameOf(const Expected &expected) {
  std::string name = (expected.isInput ? "argument " : "output ") + std::to_string(expected.index);
  const char *parameter = expected.type.parameter;
  return parameter && *parameter ? name + " ('" + parameter + "')" : name;
}

bool fits(const DLTensor &found, const gqa_tensor_type &type) {
  if (found.dtype.code != type.dtype.code || found.dtype.bits != type.dtype.bits || found.dtype.lanes != 1 ||
      found.ndim != type.ndim)
    return false;
  return std::equal(found.shape, found.shape + found.ndim, type.shape,
                    [](int64_t size, int64_t wanted) { return wanted < 0 || size == wanted; });
}

bool isInPlace(DLDevice found, const Expected &expected) {
  if (!expected.onDevice || isHost(expected.device))
    return isHost(found);
  bool there =
      found.device_type == expected.device.device_type && found.device_id == expected.device.device_id;
  return there || (expected.isInput && isHost(found)); // an argument is copied to where it is needed
}

/// Where a tensor of a call on this device is expected.
std::string placeOf(const Expected &expected) {
  bool there = expected.onDevice && !isHost(expected.device);
  return there ? toString(expected.device) + ", where other arguments are" : "a tensor on the CPU";
}

std::string checkStrides(const DLTensor &tensor, const Expected &expected) {
  int64_t dense = 1;
  for (int i = tensor.ndim; tensor.strides && i-- > 0;) {
    if (tensor.shape[i] != 1 && tensor.strides[i] != dense)
      return nameOf(expected) + " is not dense and row-major: the stride of dimension " + std::to_string(i) +
             " is " + std::to_string(tensor.strides[i]) + ", expected " + std::to_string(dense);
    dense *= tensor.shape[i];
  }
  return "";
}

std::string checkMemory(const DLTensor &tensor, const Expected &expected) {
  int64_t count = countElements(tensor);
  if (count < 0)
    return nameOf(expected) + " is " + toString(typeOf(tensor)) + ", which cannot be in memory";
  if (count == 0)
    return "";
  if (!tensor.data)
    return nameOf(expected) + " has no data";
  uintptr_t bytes = tensor.dtype.bits / 8;
  if ((reinterpret_cast<uintptr_t>(tensor.data) + tensor.byte_offset) % bytes)
    return nameOf(expected) + " is not aligned: its address is not a multiple of " + std::to_string(bytes) +
           " bytes";
  return checkStrides(tensor, expected);
}

} // namespace

std::string toString(DLDataType dtype) {
  std::string bits = std::to_string(dtype.bits);
  switch (dtype.code) {
  case kBool:
    return "i1";
  case kDLInt:
    return "i" + bits;
  case kDLUInt:
    return "u" + bits;
  case kDLFloat:
    return "f" + bits;
  case kDLBfloat:
    return "bf" + bits;
  case GQA_DL_FLOAT8_E4M3FN:
    return "f8E4M3FN";
  case GQA_DL_FLOAT8_E5M2:
    return "f8E5M2";
  default:
    return "type" + std::to_string(dtype.code) + ":" + bits;
  }
}

std::string toString(const gqa_tensor_type &type) {
  std::string text = toString(type.dtype);
  if (type.dtype.lanes > 1)
    text += "x" + std::to_string(type.dtype.lanes);
  text += "[";
  for (int i = 0; i < type.ndim; ++i)
    text += (i ? "x" : "") + (type.shape[i] < 0 ? "?" : std::to_string(type.shape[i]));
  return text + "]";
}

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

gqa_tensor_type typeOf(const DLTensor &tensor) { return {tensor.dtype, tensor.ndim, tensor.shape, ""}; }

int64_t countBytes(const DLTensor &tensor) { return countElements(tensor) * (tensor.dtype.bits / 8); }

bool isHost(DLDevice device) { return device.device_type == kDLCPU || device.device_type == kDLCUDAHost; }

std::string check(const DLTensor *tensor, const Expected &expected) {
  if (!tensor)
    return nameOf(expected) + " is a null pointer";
  if (tensor->ndim < 0 || tensor->ndim > kMostDimensions)
    return nameOf(expected) + " has ndim " + std::to_string(tensor->ndim) + ", expected 0 to 64";
  if (tensor->ndim && !tensor->shape)
    return nameOf(expected) + " has a shape that is a null pointer";
  if (!fits(*tensor, expected.type))
    return nameOf(expected) + " is " + toString(typeOf(*tensor)) + ", expected " + toString(expected.type);
  if (!isInPlace(tensor->device, expected))
    return nameOf(expected) + " is on " + toString(tensor->device) + "; expected " + placeOf(expected);
  return checkMemory(*tensor, expected);
}

} // namespace gqa::rt
