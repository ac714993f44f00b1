// Passes on the operations around attention.
#ifndef GQA_DIALECT_GQA_TRANSFORMS_PASSES_TD
#define GQA_DIALECT_GQA_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def GQADecompose : Pass<"gqa-decompose"> {
  let summary = "rotations, repeats, cache appends and merges become linalg and tensor operations";
  let description = [{
    Rewrites `gqa.rotary`, `gqa.repeat_heads`, `gqa.append_kv` and `gqa.merge`, in any layout and with static or dynamic
    shapes. Results are built slice by slice in one empty tensor, in a form that bufferization does in place and that
    vectorises along the head dimension. `gqa.attention` stays, and with it what its kernel does in passing (`gqa-tile`):
    the rotation of queries that nothing else reads, and the concatenation of a cache with new tokens. Where something
    else reads the concatenation, such as the graph's result, there is one for that, which the attention does not read.

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

    Numerics: exact (f32 arithmetic, f64 for f64, rounded once, as the operations define it)
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::linalg::LinalgDialect", "mlir::math::MathDialect",
                           "mlir::scf::SCFDialect", "mlir::tensor::TensorDialect"];
  let options = [Option<"all", "all", "bool", /*default=*/"false",
                        "also what gqa-tile does in passing: for kernels that read k, v and q where they are whole">];
  let statistics = [Statistic<"numDecomposed", "decomposed", "operations that became linalg and tensor operations">];
}

#endif
