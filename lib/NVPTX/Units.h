// Exponentials are powers of two here, and scores have the scale and log2(e) multiplied in where they meet
// one. What a multiplication rounds off the maximum is a factor of every probability of the row, of l, and of
// the weights that join states: it cancels, as long as all of them use the same product.
#ifndef GQA_LIB_NVPTX_UNITS_H
#define GQA_LIB_NVPTX_UNITS_H

#include "NVVMBuilder.h"

namespace gqa {

constexpr double kLog2e = 1.4426950408889634;
constexpr double kLn2 = 0.6931471805599453;

/// What is added to a scaled score: minus the scaled maximum, or 0 where nothing has been seen.
inline mlir::Value shiftOf(NVVMBuilder &b, mlir::Value maximum, mlir::Value scale) {
  mlir::Value none = b.equal(maximum, b.infinity(/*negative=*/true));
  mlir::Value scaled = b.mulF(maximum, scale);
  return b.select(none, b.f32(0), mlir::arith::NegFOp::create(b, scaled));
}

/// What a state with the maximum `m` is multiplied by where a state with another shift takes over: 0 if it is
/// empty.
inline mlir::Value weightOf(NVVMBuilder &b, mlir::Value m, mlir::Value scale, mlir::Value shift) {
  return b.exp2(b.addF(b.mulF(m, scale), shift));
}

} // namespace gqa

#endif // GQA_LIB_NVPTX_UNITS_H
