#ifndef GQA_SHARE_PASSES_TD
#define GQA_SHARE_PASSES_TD

include "mlir/Pass/PassBase.td"

def GQAShareKV : Pass<"gqa-share-kv", "mlir::func::FuncOp"> {
  let summary = "makes attention read each shared key/value head once";
  let description = [{
    A K or V that repeats heads is replaced by the heads underneath, so that KV bytes are those of `Hkv` heads and not of
    `Hq`. Repeats in block order (`h floordiv G`) fold as they are; repeats in tiled order (`h mod Hkv`) fold after the
    query heads, and whatever else counts query heads, are permuted to block order. A repeat with other users stays for
    them.

    Before:

    ```mlir
    %kr = gqa.repeat_heads %k tiled groups(3) : tensor<2x2x7x16xf32> -> tensor<2x6x7x16xf32>
    %vr = gqa.repeat_heads %v tiled groups(3) : tensor<2x2x7x16xf32> -> tensor<2x6x7x16xf32>
    %o = gqa.attention %q, %kr, %vr : ...
    ```

    After, with %p the heads of %q in the order 0, 2, 4, 1, 3, 5 (and those of the result back again):

    ```mlir
    %o = gqa.attention %p, %k, %v : ...
    ```

    Numerics: exact.
  }];
  let dependentDialects = ["gqa::GQADialect", "mlir::tensor::TensorDialect", "mlir::linalg::LinalgDialect"];
  let statistics = [Statistic<"shared", "shared", "attentions that read fewer heads than before">];
}

#endif
