// Scalar arithmetic on numbers that are all doubles.
#ifndef GQA_TEST_ROUNDTRIP_SCALAROPS_H
#define GQA_TEST_ROUNDTRIP_SCALAROPS_H

#include "mlir/IR/Operation.h"

namespace gqa::roundtrip {

using ScalarFunction = double (*)(const double *operands);

/// What an arith or math operation computes; null if it is none that is known.
ScalarFunction scalarFunction(mlir::Operation *op);

} // namespace gqa::roundtrip

#endif // GQA_TEST_ROUNDTRIP_SCALAROPS_H
