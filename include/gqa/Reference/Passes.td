// The float64 evaluation of the gqa dialect.
#ifndef GQA_REFERENCE_PASSES_TD
#define GQA_REFERENCE_PASSES_TD

include "mlir/Pass/PassBase.td"

def GQALowerToReference : Pass<"gqa-lower-to-reference"> {
  let summary = "every gqa operation as the loops of its definition, in float64";
  let description = [{
    Replaces each operation of the dialect by scalar loops on tensors that read like its description: every number is
    widened to f64 where it is read, and rounded once where a result is written. Nothing is shared with the kernels, so
    that a wrong kernel and a wrong reference cannot agree by construction. What a query does not see is left out by a
    select, never multiplied by zero. A score region is evaluated with its f32 arithmetic in f64.

    ```mlir
    // before
    %o = gqa.attention %q, %k, %v causal : (tensor<1x4x8x16xf32>, tensor<1x2x8x16xf32>, tensor<1x2x8x16xf32>)
         -> tensor<1x4x8x16xf32>
    // after
    %o = scf.for %b = ... {            // batches, query heads, queries
      %scores = scf.for %j = ...       // scale * q.k where visible, else -inf
      %m = scf.for %j = ...            // their maximum
      %l = scf.for %j = ...            // the sum of exp(s - m)
      scf.for %d = ...                 // sum of p * v over the visible keys, divided by l
    ```

    Numerics: exact (float64, rounded once to the type of the result)
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::cf::ControlFlowDialect", "mlir::math::MathDialect",
                           "mlir::scf::SCFDialect", "mlir::tensor::TensorDialect"];
  let statistics = [Statistic<"numLowered", "lowered", "operations that became loops in float64">];
}

#endif
