#ifndef GQA_SHARE_PASSES_TD
#define GQA_SHARE_PASSES_TD

include "mlir/Pass/PassBase.td"

def GQAShareKV : Pass<"gqa-share-kv", "mlir::ModuleOp"> {
  let summary = "makes attention read each shared key/value head once";
  let description = [{
    A K or V that repeats heads is replaced by the heads underneath, so that KV bytes are those of `Hkv` heads and not of
    `Hq`. Repeats in block order (`h floordiv G`) fold as they are; repeats in tiled order (`h mod Hkv`) fold after the
    query heads, and whatever else counts query heads, are permuted to block order. A repeat with other users stays for
    them. In front of an attention repeats move across whatever treats all heads alike: rotations, appends of repeated
    tokens to repeated caches, casts, transposes, masks that are the same for all heads.

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

    Heads that are projected by equal constant weights (and biases) are read once as well, in whatever order they stand.
    Heads may also differ by an invertible map, `K_h = K M_h` and `V_h = V N_h`: it folds into the weights of the query
    and of the output projection, if those are constants. Under a rotary embedding M_h must commute with the
    rotation: one complex number for each rotated pair.

    A function whose cache holds `Hq` heads, as it appends repeated tokens, keeps its signature, because only its callers
    know what the cache holds: then a remark says so. With `change-signature` the caller promises that such caches
    repeat heads like the tokens that are appended to them. They shrink to `Hkv` heads, arguments and results; calls
    in the module pass the first copy of each head and repeat what comes back, and a caller's own cache shrinks as
    well. The new signature is reported as a remark.

    Numerics: exact, except for heads that are equal up to maps, which reassociates.
  }];
  let options = [Option<"changeSignature", "change-signature", "bool", "false",
                        "let caches at function boundaries hold as many heads as differ">];
  let dependentDialects = ["gqa::GQADialect", "mlir::tensor::TensorDialect", "mlir::linalg::LinalgDialect",
                           "mlir::arith::ArithDialect", "mlir::func::FuncDialect"];
  let statistics = [Statistic<"shared", "shared", "attentions that read fewer heads than before">];
}

def GQAPoolHeads : Pass<"gqa-pool-heads", "mlir::ModuleOp"> {
  let summary = "turns multi-head attention into grouped attention by pooling weights, and says what it cost";
  let description = [{
    For each attention whose query, key, value and output projections have known weights, several key/value heads become
    one, and the KV cache shrinks by as much. Weights are constants, inline or in resources, or parameters
    (`gqa.param`) in the module's `gqa.weights` file. Without training; exact only where heads allow it:

    * `mean` and `first` are those of Ainslie et al. (2023): all query heads of a group read the mean, or the first, of
      the group's heads.
    * `subspace` allows every head h a linear map of its own, `K_h ~ K M_h` and `V_h ~ V N_h`. The maps fold into the
      query projection, `Wq_h <- Wq_h M_h^T`, and the output projection, `Wo_h <- N_h Wo_h`, and cost nothing. The best K
      is the leading subspace of the group's stacked projections, weighted by what their readers see (one SVD). Under a
      rotary embedding M_h must commute with the rotation, which leaves one complex number for each rotated pair
      and any matrix for the elements that are not rotated.

    `groups` pairs neighbours, or searches for heads that fit together; query heads are then reordered, which folds into
    the weights as well. With `max-error` each attention gets the fewest heads for which the relative error of K and of V,
    as their readers see it, stays within that.

    `moments` names a .safetensors file of second moments from calibration, counted by attention in program order:
    `0.input`, `E[[x 1]^T [x 1]]` of the tokens x that are projected, (X + 1) x (X + 1). With it errors are those on the
    calibration data instead of those on inputs without any preference. `heal` then fits each output projection again by
    least squares to what it now reads: it needs `0.output`, `E[z^T z]` of what the output projection of the *pooled*
    model reads, Z x Z, and `0.target`, `E[z^T t]` with what the original one made of it, bias taken off, Z x Y.

    A decode step appends to caches that are arguments of the function. With `change-signature` these, and what the function
    returns of them, hold the pooled heads afterwards; caches filled by the old weights are worth nothing then. The new
    signature is reported as a remark.

    New weights are constants, unless `weights` names a new .safetensors file: then they are parameters in it, written one by
    one as they are made, together with the parameters that stay; the module's `gqa.weights` names that file, and the old
    one is only read. Put the module beside it.

    An attention is left alone, with a remark that says why, if a weight is out of reach (it is computed, comes from a
    cache that stays, or has other readers) or if a norm of each head stands between projection and score, which does not commute
    with pooling. `report` names a JSON file with what was done and what it cost, for each attention and in total.

    Before and after, in essence (test/Share/pool-mean.mlir is the whole of it):

    ```mlir
    %k = linalg.matmul ins(%x, %wk : tensor<14x48xf32>, tensor<48x64xf32>) ...     // 4 heads of 16
    %k = linalg.matmul ins(%x, %wk2 : tensor<14x48xf32>, tensor<48x32xf32>) ...    // 2 heads of 16
    ```

    Numerics: approximates (the report has the error; rounding where heads are equal up to maps that fold).
  }];
  let options = [
    ListOption<"kvHeads", "kv-heads", "int64_t", "how many key/value heads to keep: one number, or one for each attention">,
    Option<"method", "method", "::gqa::PoolMethod", "::gqa::PoolMethod::Subspace", "how heads become one", [{::llvm::cl::values(
      clEnumValN(::gqa::PoolMethod::Mean, "mean", "their mean"),
      clEnumValN(::gqa::PoolMethod::First, "first", "the first of them"),
      clEnumValN(::gqa::PoolMethod::Subspace, "subspace", "the best subspace, each head with a linear map of its own"))}]>,
    Option<"groups", "groups", "::gqa::Grouping", "::gqa::Grouping::Search", "which heads become one", [{::llvm::cl::values(
      clEnumValN(::gqa::Grouping::Adjacent, "adjacent", "neighbours"),
      clEnumValN(::gqa::Grouping::Search, "search", "those that lose least by it"))}]>,
    Option<"maxError", "max-error", "double", "-1.0",
           "instead of kv-heads: the largest relative error of K and of V, as their readers see it">,
    Option<"moments", "moments", "std::string", "\"\"", "a .safetensors file of second moments from calibration">,
    Option<"heal", "heal", "bool", "false", "fit output projections again by least squares; needs moments">,
    Option<"changeSignature", "change-signature", "bool", "false", "let caches that are arguments hold the pooled heads">,
    Option<"seed", "seed", "uint64_t", "0", "of the search for groups">,
    Option<"directory", "directory", "std::string", "\"\"",
           "where the module's weights lie; default: beside the file that the module was read from">,
    Option<"weights", "weights", "std::string", "\"\"",
           "a new .safetensors file for the new weights and the parameters that stay; default: constants">,
    Option<"report", "report", "std::string", "\"\"", "a JSON file: heads, KV bytes per token and errors">,
  ];
  let dependentDialects = ["gqa::GQADialect", "mlir::arith::ArithDialect", "mlir::tensor::TensorDialect",
                           "mlir::linalg::LinalgDialect"];
  let statistics = [Statistic<"pooled", "pooled", "attentions with fewer key/value heads than before">,
                    Statistic<"declined", "declined", "attentions that were left alone">];
}

#endif
