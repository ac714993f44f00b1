// Runs a function of linalg, tensor, arith and math operations, element by element, in f64.
#ifndef GQA_TEST_ROUNDTRIP_INTERPRETER_H
#define GQA_TEST_ROUNDTRIP_INTERPRETER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/Error.h"

#include <vector>

namespace gqa::roundtrip {

/// Elements in row-major order: floats of any type unrounded, integers exact up to 2^53, i1 as 0 or 1. A
/// scalar has rank 0.
struct Array {
  llvm::SmallVector<int64_t> shape;
  std::vector<double> elements;

  static Array scalar(double value) { return {{}, {value}}; }
};

/// The results of calling `function`. Nothing is rounded on the way, so that equal mathematics gives equal
/// numbers however it is written. An error names the operation that it does not know, or that reads out of
/// bounds.
llvm::Expected<std::vector<Array>> interpret(mlir::func::FuncOp function, llvm::ArrayRef<Array> arguments);

} // namespace gqa::roundtrip

#endif // GQA_TEST_ROUNDTRIP_INTERPRETER_H
