// The body of a linalg operation as a list of steps, which run once for each element.
#ifndef GQA_TEST_ROUNDTRIP_LOOPBODY_H
#define GQA_TEST_ROUNDTRIP_LOOPBODY_H

#include "Interpreter.h"
#include "ScalarOps.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace gqa::roundtrip {

class LoopBody {
public:
  /// What the body reads and does not compute.
  struct Surroundings {
    /// The array of a tensor.
    llvm::function_ref<const Array &(mlir::Value)> tensor;
    /// The number of a scalar that is computed in front of the loops.
    llvm::function_ref<double(mlir::Value)> scalar;
    /// The number of an operation of the body that has the same one for all elements; none if it has not.
    llvm::function_ref<std::optional<double>(mlir::Operation *)> constant;
  };

  /// Compiles the body; an operation that is not known is kept as an error.
  LoopBody(mlir::linalg::LinalgOp op, const Surroundings &surroundings);

  /// The number that a value of the body has: arguments are written, what is yielded is read.
  double &operator[](mlir::Value value) { return values[slots.at(value)]; }

  /// Computes all values at these indices of the loops, from those of the arguments.
  void run(llvm::ArrayRef<int64_t> at);

  /// What went wrong, and in which operation.
  struct Failure {
    mlir::Operation *op;
    llvm::StringRef why;
  };
  std::optional<Failure> failure;

private:
  /// One operation: reads and writes slots.
  struct Step {
    mlir::Operation *op = nullptr;
    ScalarFunction function = nullptr; // null: an index, an extract or an affine function
    const Array *array = nullptr;      // of an extract
    int64_t dim = 0;                   // of an index
    llvm::SmallVector<unsigned, 3> operands;
    unsigned result = 0;
  };

  void compile(mlir::Operation &inner, const Surroundings &surroundings);
  unsigned slotOf(mlir::Value value);
  unsigned slotOf(mlir::Value value, const Surroundings &surroundings);
  void run(const Step &step, llvm::ArrayRef<int64_t> at);

  mlir::Block *block;
  llvm::DenseMap<mlir::Value, unsigned> slots;
  std::vector<double> values;
  std::vector<Step> steps;
};

/// The element at these indices; none if one is out of bounds.
std::optional<double> elementAt(const Array &array, llvm::ArrayRef<double> at);

} // namespace gqa::roundtrip

#endif // GQA_TEST_ROUNDTRIP_LOOPBODY_H
