#ifndef GQA_FUSE_PASSES_TD
#define GQA_FUSE_PASSES_TD

include "mlir/Pass/PassBase.td"

def GQANarrowAttention : Pass<"gqa-narrow-attention", "mlir::func::FuncOp"> {
  let summary = "attention that was widened only to be narrowed again is computed as it came";
  let description = [{
    torch's mathematical form of `scaled_dot_product_attention`, which an export holds, widens q, k and v of bf16 or f16 to f32 and
    rounds the output back. As f32, the attention would be one without tensor cores, of a cache that is widened in memory in
    each step. Where all three are widened from one type, and everybody rounds the output to it, the operation gets that type;
    its scores and sums are f32 anyway. A cache and the tokens behind it may be widened each for itself.

    ```mlir
    %o = gqa.attention %q32, %k32, %v32 : (tensor<1x8x1x64xf32>, ...) -> tensor<1x8x1x64xf32>   // of %q, %k, %v widened
    %r = linalg.generic ... arith.truncf ...
    // becomes
    %r = gqa.attention %q, %k, %v : (tensor<1x8x1x64xbf16>, ...) -> tensor<1x8x1x64xbf16>
    ```

    Numerics: approximates (probabilities are rounded to the narrow type, as all kernels of that type round them)
  }];
  let statistics = [Statistic<"numNarrowed", "narrowed", "attentions computed in a narrow type">];
  let dependentDialects = ["gqa::GQADialect"];
}

def GQAReport : Pass<"gqa-report", "mlir::ModuleOp"> {
  let summary = "writes what was raised and what was declined as JSON";
  let description = [{
    Writes the findings that `gqa-raise` left in the module as a JSON array, an object for each attention and each softmax
    that is none, in program order, and takes them out of the module. The number of key/value heads is the one now: run
    it behind `gqa-share-kv`.

    Numerics: exact.
  }];
  let options = [Option<"report", "report", "std::string", "\"\"", "the file; none: the findings are only removed">];
}

#endif
