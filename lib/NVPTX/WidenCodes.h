// Numbers of 8 bits, four in a word, as numbers of 16 bits, two in a word.
#ifndef GQA_LIB_NVPTX_WIDENCODES_H
#define GQA_LIB_NVPTX_WIDENCODES_H

#include "NVVMBuilder.h"

namespace gqa {

/// i8, f8E4M3FN and f8E5M2 to f16 or bf16. Both hold all of these numbers, so nothing is rounded; a NaN stays
/// one.
class WidenCodes {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  /// Which two bytes of a word become the first result, and which the second: 0 and 1, 2 and 3; or 0 and 2, 1
  /// and 3.
  enum Pairs { Neighbours, EvenAndOdd };

  /// `converts`: the chip has instructions for floats of 8 bits (sm_89 and later).
  WidenCodes(NVVMBuilder &b, mlir::Type narrow, bool isUnsigned, mlir::Type wide, bool converts)
      : b(b), narrow(narrow), wide(wide), isUnsigned(isUnsigned), converts(converts) {}

  Values widen(Value word, Pairs pairs);

private:
  Value widenIntegers(Value word, unsigned low, unsigned high);
  Value widenE4M3(Value word, Value overflow, unsigned low, unsigned high);
  Value widenE5M2(Value word, unsigned low, unsigned high);
  Value convert(Value halfWord);
  /// Two f16 in the type that is wanted.
  Value fromHalves(Value halves);
  Value permute(Value x, Value y, unsigned first, unsigned second, unsigned third, unsigned fourth);
  /// x * y + z of two numbers of the wanted type.
  Value fma(Value x, double y, Value z);
  Value pair(double number);
  Value bits(double number);

  NVVMBuilder &b;
  mlir::Type narrow, wide;
  bool isUnsigned, converts;
};

} // namespace gqa

#endif // GQA_LIB_NVPTX_WIDENCODES_H
