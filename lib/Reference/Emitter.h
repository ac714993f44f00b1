// Emits float64 formulas: arithmetic without ceremony, loops that fold, and tensors whose reads widen and
// whose writes round.
#ifndef GQA_LIB_REFERENCE_EMITTER_H
#define GQA_LIB_REFERENCE_EMITTER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace gqa::reference {

using mlir::Value;
using mlir::ValueRange;
using Values = llvm::SmallVector<Value>;

class Emitter : public mlir::ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  // Constants: an f64, an index.
  Value number(double value);
  Value index(int64_t value);
  Value negativeInfinity();

  // Arithmetic on two f64 or two indices; comparisons are signed on indices.
  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value div(Value a, Value b);
  Value rem(Value a, Value b);
  Value max(Value a, Value b);
  Value min(Value a, Value b);
  Value exp(Value a);
  Value log(Value a);
  Value tanh(Value a);
  Value equal(Value a, Value b);
  Value less(Value a, Value b);
  Value notGreater(Value a, Value b);
  Value both(Value a, Value b);
  Value select(Value condition, Value yes, Value no);

  /// f64 from any float or index, and back to a float type, rounded once.
  Value widen(Value value);
  Value round(Value value, mlir::Type type);

  // Tensors. `read` widens floats to f64 and integers to indices; `write` rounds to the element type.
  Value size(Value tensor, unsigned dim);
  Value empty(mlir::RankedTensorType type, ValueRange sizes);
  Value read(Value tensor, ValueRange at);
  Value write(Value value, Value tensor, ValueRange at);

  /// A tensor given element by element as a function of its indices.
  Value generate(mlir::RankedTensorType type, ValueRange sizes,
                 llvm::function_ref<Value(ValueRange)> element);

  /// `carried` after count steps of `step(i, carried)`.
  Values loop(Value count, ValueRange carried, llvm::function_ref<Values(Value, ValueRange)> step);
  Value fold(Value count, Value start, llvm::function_ref<Value(Value, Value)> step);

  /// Evaluates one of the two.
  Value choose(Value condition, llvm::function_ref<Value()> yes, llvm::function_ref<Value()> no);
};

} // namespace gqa::reference

#endif // GQA_LIB_REFERENCE_EMITTER_H
