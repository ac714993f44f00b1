// The state of a softmax in powers of two: m is the maximum times scale times log2(e), and an exponential is
// ex2 of a score times the same factor, minus m. What rounding takes off m is a factor of every probability
// of a row and of l, and cancels, as all of them use the same m.
#ifndef GQA_LIB_NVPTX_UNITS_H
#define GQA_LIB_NVPTX_UNITS_H

#include "NVVMBuilder.h"

#include <limits>

namespace gqa {

constexpr double kLog2e = 1.4426950408889634;
constexpr double kLn2 = 0.6931471805599453;

/// What exponents are counted from: the maximum, or the least number where nothing has been seen, so that no
/// infinity is taken from itself.
inline mlir::Value originOf(NVVMBuilder &b, mlir::Value maximum) {
  return b.maxF(maximum, b.f32(-std::numeric_limits<float>::max()));
}

/// What a state with the maximum `m` is multiplied by where another one takes over: 0 if it is empty.
inline mlir::Value weightOf(NVVMBuilder &b, mlir::Value m, mlir::Value origin) {
  return b.exp2(b.subF(m, origin));
}

} // namespace gqa

#endif // GQA_LIB_NVPTX_UNITS_H
