// Bytes are moved to where the bits of a wider number are; what is off by then is a constant factor or
// summand, and exact.
#include "WidenCodes.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gqa {

/// Of a permutation of two words: a byte of the second one, and the sign of a byte eight times.
static constexpr unsigned kSecond = 4, kSign = 8;

WidenCodes::Values WidenCodes::widen(Value word, Pairs pairs) {
  bool apart = pairs == EvenAndOdd;
  auto both = [&](auto widenPair) -> Values {
    return {widenPair(0u, apart ? 2u : 1u), widenPair(apart ? 1u : 2u, 3u)};
  };
  if (narrow.isInteger())
    return both([&](unsigned low, unsigned high) { return widenIntegers(word, low, high); });
  if (converts) {
    if (apart)
      word = permute(word, word, 0, 2, 1, 3);
    Type i16 = b.getI16Type();
    Value low = arith::TruncIOp::create(b, i16, word),
          high = arith::TruncIOp::create(b, i16, b.shiftRight(word, 16));
    return {convert(low), convert(high)};
  }
  if (isa<Float8E5M2Type>(narrow))
    return both([&](unsigned low, unsigned high) { return widenE5M2(word, low, high); });
  // The sign of a byte of this sum says that the code is the NaN, 0x7f of either sign.
  Value overflow = b.add(b.bitAnd(word, 0x7f7f7f7f), b.i32(0x01010101));
  return both([&](unsigned low, unsigned high) { return widenE4M3(word, overflow, low, high); });
}

/// An f16 has the bits of the integer below the leading one of 1024; a bf16 is too short for that, and has
/// seven of them below 128 and the sign as the exponent of -128 or -256.
Value WidenCodes::widenIntegers(Value word, unsigned low, unsigned high) {
  if (wide.isF16()) {
    if (!isUnsigned)
      word = arith::XOrIOp::create(b, word, b.i32(0x80808080)); // plus 128
    Value sum = permute(word, b.i32(0x64646464), low, kSecond, high, kSecond);
    return fma(sum, 1, bits(isUnsigned ? -1024 : -1152));
  }
  if (isUnsigned)
    word = arith::XOrIOp::create(b, word, b.i32(0x80808080)); // minus 128
  Value bytes = permute(word, b.i32(0), low, kSecond, high, kSecond);
  Value sum = arith::OrIOp::create(b, b.bitAnd(bytes, 0x007f007f), b.i32(0x43004300));
  Value less = arith::OrIOp::create(b, b.bitAnd(bytes, 0x00800080), b.i32(0xc300c300));
  Value number = fma(sum, 1, less);
  return isUnsigned ? fma(number, 1, bits(128)) : number;
}

/// Exponents are 8 or 120 less than those of f16 or bf16; denormal numbers are denormal there as well.
Value WidenCodes::widenE4M3(Value word, Value overflow, unsigned low, unsigned high) {
  bool half = wide.isF16();
  int64_t shift = half ? 1 : 4, magnitude = half ? 0x3f803f80 : 0x07f007f0,
          none = half ? 0x7c007c00 : 0x7f807f80;
  Value zero = b.i32(0), bytes = permute(word, zero, kSecond, low, kSecond, high);
  Value isNaN = permute(overflow, zero, kSecond, kSign | low, kSecond, kSign | high);
  Value number =
      arith::OrIOp::create(b, b.bitAnd(b.shiftRight(bytes, shift), magnitude), b.bitAnd(bytes, 0x80008000));
  number = arith::OrIOp::create(b, number, b.bitAnd(isNaN, none));
  return fma(number, half ? 0x1p8 : 0x1p120, bits(-0.0));
}

/// The upper byte of an f16.
Value WidenCodes::widenE5M2(Value word, unsigned low, unsigned high) {
  return fromHalves(permute(word, b.i32(0), kSecond, low, kSecond, high));
}

Value WidenCodes::convert(Value halfWord) {
  StringRef text =
      isa<Float8E5M2Type>(narrow) ? "cvt.rn.f16x2.e5m2x2 $0, $1;" : "cvt.rn.f16x2.e4m3x2 $0, $1;";
  auto dialect = LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT);
  auto op =
      LLVM::InlineAsmOp::create(b, b.getI32Type(), ValueRange(halfWord), b.getStringAttr(text),
                                b.getStringAttr("=r,h"), /*has_side_effects=*/false,
                                /*is_align_stack=*/false, LLVM::tailcallkind::TailCallKind::None, dialect,
                                /*operand_attrs=*/ArrayAttr());
  return fromHalves(op.getResult(0));
}

Value WidenCodes::fromHalves(Value halves) {
  if (wide.isF16())
    return halves;
  Value pair = LLVM::BitcastOp::create(b, VectorType::get(2, b.getF16Type()), halves);
  pair = arith::ExtFOp::create(b, VectorType::get(2, b.getF32Type()), pair);
  return b.pack(vector::ExtractOp::create(b, pair, 0), vector::ExtractOp::create(b, pair, 1), wide);
}

Value WidenCodes::permute(Value x, Value y, unsigned first, unsigned second, unsigned third,
                          unsigned fourth) {
  return b.permute(x, y, first | second << 4 | third << 8 | fourth << 12);
}

Value WidenCodes::fma(Value x, double y, Value z) {
  auto toPair = [&](Value word) { return LLVM::BitcastOp::create(b, VectorType::get(2, wide), word); };
  Value result = b.fma(toPair(x), pair(y), toPair(z));
  return LLVM::BitcastOp::create(b, b.getI32Type(), result);
}

Value WidenCodes::pair(double number) {
  auto type = VectorType::get(2, wide);
  return arith::ConstantOp::create(b, DenseElementsAttr::get(type, Attribute(b.getFloatAttr(wide, number))));
}

Value WidenCodes::bits(double number) { return LLVM::BitcastOp::create(b, b.getI32Type(), pair(number)); }

} // namespace gqa
