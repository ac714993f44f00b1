#include "Array.h"

#include "gqa/Runtime/DLPackCodes.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringSwitch.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace gqa::run {
namespace {

template <typename T> double load(const char *address) {
  T value;
  std::memcpy(&value, address, sizeof value);
  return double(value);
}

float widen(const llvm::fltSemantics &from, uint16_t bits) {
  llvm::APFloat value(from, llvm::APInt(16, bits));
  bool exact;
  value.convert(llvm::APFloat::IEEEsingle(), llvm::APFloat::rmNearestTiesToEven, &exact);
  return value.convertToFloat();
}

uint16_t narrow(const llvm::fltSemantics &to, float from) {
  llvm::APFloat value(from);
  bool exact;
  value.convert(to, llvm::APFloat::rmNearestTiesToEven, &exact);
  return uint16_t(value.bitcastToAPInt().getZExtValue());
}

} // namespace

float halfToFloat(uint16_t bits) { return widen(llvm::APFloat::IEEEhalf(), bits); }
uint16_t floatToHalf(float value) { return narrow(llvm::APFloat::IEEEhalf(), value); }
float bfloatToFloat(uint16_t bits) { return widen(llvm::APFloat::BFloat(), bits); }
uint16_t floatToBfloat(float value) { return narrow(llvm::APFloat::BFloat(), value); }

llvm::Expected<int64_t> countElements(llvm::ArrayRef<int64_t> shape) {
  double bytes = 8;
  int64_t count = 1;
  for (int64_t size : shape) {
    bytes *= double(std::max<int64_t>(size, 1));
    if (size < 0 || bytes >= 0x1p46)
      return fail("its shape cannot be in memory");
    count *= size;
  }
  return count;
}

llvm::Expected<DLDataType> parseType(llvm::StringRef name) {
  auto type = llvm::StringSwitch<DLDataType>(name)
                  .Case("f64", {kDLFloat, 64, 1})
                  .Case("f32", {kDLFloat, 32, 1})
                  .Case("f16", {kDLFloat, 16, 1})
                  .Case("bf16", {kDLBfloat, 16, 1})
                  .Case("f8E4M3FN", {GQA_DL_FLOAT8_E4M3FN, 8, 1})
                  .Case("f8E5M2", {GQA_DL_FLOAT8_E5M2, 8, 1})
                  .Case("i64", {kDLInt, 64, 1})
                  .Case("i32", {kDLInt, 32, 1})
                  .Case("i16", {kDLInt, 16, 1})
                  .Case("i8", {kDLInt, 8, 1})
                  .Case("i1", {dlBool, 8, 1})
                  .Default({0, 0, 0});
  if (!type.bits)
    return fail(
        "'" + name +
        "' is not an element type; expected f64, f32, f16, bf16, f8E4M3FN, f8E5M2, i64, i32, i16, i8 or i1");
  return type;
}

Array Array::allocate(DLDataType dtype, std::vector<int64_t> shape) {
  Array array{{dtype, std::move(shape), ""}, nullptr};
  size_t bytes = (size_t(array.bytes()) + 127) / 64 * 64;
  void *memory = std::aligned_alloc(64, bytes);
  if (!memory)
    throw std::bad_alloc();
  array.data = std::shared_ptr<void>(memory, std::free);
  return array;
}

Array Array::adopt(DLManagedTensor *tensor) {
  const DLTensor &view = tensor->dl_tensor;
  Array array{{view.dtype, {view.shape, view.shape + view.ndim}, ""}, nullptr};
  array.data = std::shared_ptr<void>(view.data, [tensor](void *) { tensor->deleter(tensor); });
  return array;
}

int64_t Array::count() const {
  int64_t count = 1;
  for (int64_t size : type.shape)
    count *= size;
  return count;
}

double Array::at(int64_t index) const {
  const char *address = raw() + index * (type.dtype.bits / 8);
  uint16_t bits16;
  switch (type.dtype.code << 8 | type.dtype.bits) {
  case kDLFloat << 8 | 64:
    return load<double>(address);
  case kDLFloat << 8 | 32:
    return load<float>(address);
  case kDLFloat << 8 | 16:
    std::memcpy(&bits16, address, 2);
    return halfToFloat(bits16);
  case kDLBfloat << 8 | 16:
    std::memcpy(&bits16, address, 2);
    return bfloatToFloat(bits16);
  case kDLInt << 8 | 64:
    return load<int64_t>(address);
  case kDLInt << 8 | 32:
    return load<int32_t>(address);
  case kDLInt << 8 | 16:
    return load<int16_t>(address);
  case kDLInt << 8 | 8:
    return load<int8_t>(address);
  case kDLUInt << 8 | 64:
    return load<uint64_t>(address);
  case kDLUInt << 8 | 32:
    return load<uint32_t>(address);
  case kDLUInt << 8 | 16:
    return load<uint16_t>(address);
  default: // i8, u8 and i1
    return load<uint8_t>(address);
  }
}

DLTensor Array::view() const {
  DLTensor tensor{};
  tensor.data = data.get();
  tensor.device = DLDevice{kDLCPU, 0};
  tensor.ndim = int(type.shape.size());
  tensor.dtype = type.dtype;
  tensor.shape = const_cast<int64_t *>(type.shape.data());
  return tensor;
}

} // namespace gqa::run
