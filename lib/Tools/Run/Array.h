// An array in host memory, as files hold it and calls take it.
#ifndef GQA_LIB_TOOLS_RUN_ARRAY_H
#define GQA_LIB_TOOLS_RUN_ARRAY_H

#include "gqa/JIT/JIT.h"

#include <memory>

namespace gqa::run {

/// Elements without a type of their own, as NumPy stores bf16; a code that DLPack does not use.
constexpr uint8_t dlOpaque = 255;

/// Dense, row-major. Copies share the elements.
struct Array {
  TensorType type;
  std::shared_ptr<void> data;

  /// Uninitialised elements, 64-byte aligned. The shape must have passed countElements.
  static Array allocate(DLDataType dtype, std::vector<int64_t> shape);
  /// Takes over a result of a call.
  static Array adopt(DLManagedTensor *tensor);

  int64_t count() const;
  int64_t bytes() const { return count() * (type.dtype.bits / 8); }
  char *raw() const { return static_cast<char *>(data.get()); }
  /// Element `index` as a double.
  double at(int64_t index) const;
  /// A view for a call; valid while the array is.
  DLTensor view() const;
};

/// The number of elements, or an error if a size is negative or all of them need more than 2^46 bytes.
llvm::Expected<int64_t> countElements(llvm::ArrayRef<int64_t> shape);

/// f32, bf16, i1 and so on; an error names the types there are.
llvm::Expected<DLDataType> parseType(llvm::StringRef name);

/// Values of f16 and bf16 bits.
float halfToFloat(uint16_t bits);
uint16_t floatToHalf(float value);
float bfloatToFloat(uint16_t bits);
uint16_t floatToBfloat(float value);

/// An error whose message is exactly `message`.
inline llvm::Error fail(const llvm::Twine &message) { return llvm::createStringError(message); }

} // namespace gqa::run

#endif // GQA_LIB_TOOLS_RUN_ARRAY_H
