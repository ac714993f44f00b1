// f16 and bf16 where the processor has no conversion, under the names by which LLVM calls its support
// library, of which older ones lack some.
#include "Widen.h"

#include <cmath>
#include <cstring>

#define GQA_HIDDEN extern "C" __attribute__((visibility("hidden")))

namespace {

template <typename To, typename From> To bitCast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

/// f64 to f32, cut to the odd side if it is not exact: a second rounding, to 22 bits or fewer, mistakes that
/// for no tie.
float cutToOdd(double value) {
  float near = static_cast<float>(value);
  uint32_t bits = bitCast<uint32_t>(near);
  if (value == value && static_cast<double>(near) != value && (bits & 1) == 0) {
    bool above = std::fabs(static_cast<double>(near)) > std::fabs(value);
    near = bitCast<float>(above ? bits - 1 : bits + 1);
  }
  return near;
}

} // namespace

using namespace gqa::rt;

GQA_HIDDEN float __extendhfsf2(_Float16 value) { return widenF16(bitCast<uint16_t>(value)); }
GQA_HIDDEN _Float16 __truncsfhf2(float value) { return bitCast<_Float16>(narrowF16(value)); }
GQA_HIDDEN _Float16 __truncdfhf2(double value) { return bitCast<_Float16>(narrowF16(cutToOdd(value))); }
GQA_HIDDEN __bf16 __truncsfbf2(float value) { return bitCast<__bf16>(narrowBF16(value)); }
GQA_HIDDEN __bf16 __truncdfbf2(double value) { return bitCast<__bf16>(narrowBF16(cutToOdd(value))); }
