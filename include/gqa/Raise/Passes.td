#ifndef GQA_RAISE_PASSES_TD
#define GQA_RAISE_PASSES_TD

include "mlir/Pass/PassBase.td"

def GQARaise : Pass<"gqa-raise", "mlir::func::FuncOp"> {
  let summary = "recognises attention in linalg, tensor and arith operations";
  let description = [{
    Reads every element as a function of its coordinates: data movement becomes an affine access map, elementwise
    operations become one scalar expression, reductions stay reductions. Attention is then one pattern on that
    mathematics, whatever operations spelled it: a contraction, a softmax over the keys, a contraction over the same keys.

    Causal masks, windows, lengths, dense masks, biases, softcap, sinks and a scale known at run time become attributes and
    operands; any other mathematics of the scores, and any other condition for a key to be seen, is kept in the score
    region as the graph has it.

    What is found becomes `gqa.attention`; a K or V that is repeated per group becomes `gqa.repeat_heads` of the tensor
    that is not; rotary embeddings, of q and k and of anything else, become `gqa.rotary`, a concatenation of cached and new
    keys `gqa.append_kv`. So does what writes a few tokens of a cache at positions: selects, sums of products with a one-hot
    vector, slices, and loops of slices. What looks like attention and is not raised leaves a missed-optimisation remark
    with the operation that stopped it and the reason.

    One softmax may run over several sets of keys: scores of a prefix or of global tokens beside a sequence's own,
    concatenated, and probabilities that meet a concatenation of values or are split again; or exponentials of each that share
    their maximum and their sum. Each set becomes an attention with masks, scale, heads and layout of its own, and
    `gqa.merge` their result: no key is copied, and a prefix that all sequences share is read once. Rows that may see no key of
    any set are NaN or the mean of all values, as the graph says.

    A softmax may be put together by hand: block by block with a maximum and a sum that run along, of partial results and the
    logarithms of their sums, behind guards against rows without a key. Which sets of keys there are is read off the products
    with V; that all of it is their attention is tried out, with random numbers for scores and values, some of them hidden. Sets
    that stand one behind the other in one tensor are one set again. The logarithm of the sum, where the graph computes it
    beside the output, is the attention's second result.

    Products that choose, with vectors of zeros and a one, are read as choices: what they multiply by zeros is taken to be
    finite.

    Before, in essence (test/Raise/grouped.mlir is the whole of it):

    ```mlir
    %kr = linalg.generic ... ins(%k : tensor<2x2x7x16xf32>) outs(... : tensor<2x2x3x7x16xf32>)  // repeat
    %s = linalg.batch_matmul ins(%q, %kt ...)
    %m = linalg.generic ... arith.maximumf
    %e = linalg.generic ... arith.subf, math.exp
    %l = linalg.generic ... arith.addf
    %p = linalg.generic ... arith.divf
    %o = linalg.batch_matmul ins(%p, %vr ...)
    ```

    After:

    ```mlir
    %kr = gqa.repeat_heads %k block groups(3) : tensor<2x2x7x16xf32> -> tensor<2x6x7x16xf32>
    %vr = gqa.repeat_heads %v block groups(3) : tensor<2x2x7x16xf32> -> tensor<2x6x7x16xf32>
    %o = gqa.attention %q, %kr, %vr causal : ...
    ```

    Numerics: reassociates.
  }];
  let dependentDialects = ["gqa::GQADialect", "mlir::tensor::TensorDialect", "mlir::linalg::LinalgDialect",
                           "mlir::arith::ArithDialect", "mlir::complex::ComplexDialect", "mlir::math::MathDialect"];
  let statistics = [
    Statistic<"raised", "raised", "attentions raised">,
    Statistic<"written", "written", "writes of tokens to caches that became appends">,
    Statistic<"rotations", "rotations", "rotary embeddings raised that no raised attention reads">,
    Statistic<"declined", "declined", "softmaxes that were not raised">,
    Statistic<"expressions", "expressions", "scalar expressions that were looked at: the work done">,
  ];
}

def GQAFoldMasks : Pass<"gqa-fold-masks", "mlir::func::FuncOp"> {
  let summary = "conditions of score regions become causal, window and kv_len";
  let description = [{
    Reads the score region of each attention as mathematics, as `gqa-raise` does, and takes out of it what attributes and
    operands say: `j <= i + c` is causal, a bound on the other side a window, `j < n[b]` a length. Kernels then skip the blocks
    that no query sees. A key is hidden by the region's second result, or by a score of -inf that a select chooses.

    ```mlir
    %o = gqa.attention %q, %k, %v : ... score(%s, %b, %h, %i, %j) {
      %seen = arith.cmpi sge, %i, %j : index
      gqa.yield %s, %seen : f32, i1
    }
    ```

    becomes `gqa.attention %q, %k, %v causal offset(0) : ...`. An attention that has positions, or lengths, of its own keeps
    further conditions of that kind in its region; so does one whose rows without a key are the mean of V, for lengths.

    Numerics: exact.
  }];
  let dependentDialects = ["mlir::tensor::TensorDialect", "mlir::linalg::LinalgDialect", "mlir::arith::ArithDialect"];
  let statistics = [Statistic<"folded", "folded", "regions of which a condition was taken">];
}

#endif
