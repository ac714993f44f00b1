// Passes on the operations around attention.
#ifndef GQA_DIALECT_GQA_TRANSFORMS_PASSES_TD
#define GQA_DIALECT_GQA_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def GQADecompose : Pass<"gqa-decompose"> {
  let summary = "attention and the operations around it become linalg, tensor and arith operations";
  let description = [{
    Rewrites the operations of the dialect to what they mean, in any layout and with static or dynamic shapes.

    `gqa.attention` becomes two contractions with the softmax between them: the scores in f32 (f64 for f64), with scale,
    softcap, bias, score region and masks in one elementwise operation, -inf where a key is not seen; maximum,
    exponentials and sum along the keys; the product of the probabilities with V, rounded once. Grouped heads are a
    dimension of q and of the output, nothing is repeated. A key that is not seen is skipped, not multiplied by 0, so that
    a NaN there reaches no result. It takes memory for all scores, and no kernel of this compiler: a reference that any
    MLIR pipeline runs, and what `gqa-raise` must recognise.

    `gqa.rotary`, `gqa.repeat_heads`, `gqa.append_kv` and `gqa.merge` are built slice by slice in one empty tensor, in a
    form that bufferization does in place and that vectorises along the head dimension.

    With `keep=attention`, `gqa.attention` stays; `keep=narrow` leaves with it what widens its keys and values, which a
    GPU's kernel does in passing, or its queries, which may do without it; and `keep=fused` all that a CPU's does (`gqa-tile`): the rotation of queries that nothing else reads, the concatenation of a cache with new tokens, and the
    widening of a narrow cache. Where something else reads the concatenation, such as the graph's result, there is one for
    that, which the attention does not read.

    ```mlir
    // before
    %r = gqa.append_kv %cache, %new : (tensor<1x8x63x128xf32>, tensor<1x8x1x128xf32>) -> tensor<1x8x64x128xf32>
    // after
    %0 = tensor.empty() : tensor<1x8x64x128xf32>
    %1 = tensor.insert_slice %cache into %0[0, 0, 0, 0] [1, 8, 63, 128] [1, 1, 1, 1]
       : tensor<1x8x63x128xf32> into tensor<1x8x64x128xf32>
    %r = tensor.insert_slice %new into %1[0, 0, 63, 0] [1, 8, 1, 128] [1, 1, 1, 1]
       : tensor<1x8x1x128xf32> into tensor<1x8x64x128xf32>
    ```

    Numerics: exact (f32 arithmetic, f64 for f64, rounded once, as the operations define it; sums in order)
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::linalg::LinalgDialect", "mlir::math::MathDialect",
                           "mlir::scf::SCFDialect", "mlir::tensor::TensorDialect"];
  let options = [Option<"keep", "keep", "::gqa::Keep", "::gqa::Keep::Nothing", "what is left as it is", [{
    ::llvm::cl::values(
      clEnumValN(::gqa::Keep::Nothing, "nothing", "all operations of the dialect are rewritten"),
      clEnumValN(::gqa::Keep::Attention, "attention", "attention stays, for kernels that read q, k and v where they are whole"),
      clEnumValN(::gqa::Keep::Narrow, "narrow", "attention stays, and the widening of narrow caches that it reads"),
      clEnumValN(::gqa::Keep::Fused, "fused", "attention stays, and what its kernel does in passing"))
  }]>];
  let statistics = [Statistic<"numDecomposed", "decomposed", "operations that became linalg and tensor operations">];
}

#endif
