// The operations of the `gqa` dialect. Constraints are numbered (C1), (C2), ...; the verifier names them in comments
// and test/Dialect/GQA/invalid-*.mlir have one function for each.
#ifndef GQA_DIALECT_GQA_OPS_TD
#define GQA_DIALECT_GQA_OPS_TD

include "gqa/Dialect/GQA/GQABase.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def GQA_AttentionOp : GQA_Op<"attention", [AttrSizedOperandSegments, IsolatedFromAbove, Pure,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "softmax attention with shared key/value heads";
  let description = [{
    One operation for multi-head (`G = 1`), grouped-query and multi-query (`Hkv = 1`) attention, so that sharing
    key/value heads is a change of operand types and nothing else.

    For every batch `b`, query head `h`, query `i` and key `j`, with `G = Hq / Hkv`:

    ```
    s       = scale * sum_d q[b,h,i,d] * k[b,h/G,j,d]     in f32 (f64 for f64)
    s       = softcap * tanh(s / softcap)                 if softcap
    s       = s + bias[b,h,i,j]                           if bias
    s, seen = score(s, b, h, i, j, captures)              if there is a score region
    visible = (j <= i + offset                                         if causal)
          and (i + offset - left <= j <= i + offset + right            if window, -1 is unbounded)
          and (j < kv_len[b]                                           if kv_len)
          and mask[b,h,i,j] and seen and s > -inf
    m       = max over visible j of s                     (and sinks[h])
    p       = exp(s - m) where visible, else exactly 0
    l       = sum_j p                                     (+ exp(sinks[h] - m))
    o       = sum_j p * v[b,h/G,j,:] / l
    lse     = m + ln(l)
    ```

    `scale` defaults to `1 / sqrt(Dk)`; it is an attribute, or an operand where it is known only at run time. A query
    that sees no key (and has no sink) yields zeros, NaN, or the mean of V over the keys below `kv_len`, as `dead_row`
    says; its `lse` is -inf. NaN and infinities in invisible positions never reach a result. (`uniform` is what a finite
    fill of hidden scores leaves of a row. Where positions alone hide keys, and leave each row one, folding makes it `nan`:
    then only scores that are all -inf make a row dead.)

    `causal` and `window` need to know where the queries stand among the keys: with `Sq = Skv` provable `offset` is 0
    when left out; otherwise it must be given, as a constant or per batch. `offset(0)` aligns top-left (torch, JAX),
    `Skv - Sq` bottom-right (FlashAttention, a KV cache).

    The score region holds any other score mathematics: ALiBi, relative positions, document masks. Its arguments are the
    score (f32; f64 for f64 attention), the indices `b`, `h`, `i`, `j`, and the captured values; it yields the new score
    and, if it wants, an i1 that says whether the key is seen.

    The types list every operand in the order q, k, v, mask, bias, kv_len, offset, sinks, scale, captures.

    Constraints:
    * (C1) q, k, v and the output have the same element type.
    * (C2) each layout is a permutation of the letters `bhsd`.
    * (C3) q, k and v have the same batch size.
    * (C4) k and v have the same number of heads.
    * (C5) the number of key/value heads divides the number of query heads.
    * (C6) k and v have the same number of keys.
    * (C7) q and k have the same head dimension.
    * (C8) the output has shape `B x Hq x Sq x Dv` in its layout.
    * (C9) lse has shape `B x Hq x Sq`, of f32, or of f64 for f64 attention.
    * (C10) mask and bias broadcast to `B x Hq x Sq x Skv`: dimensions are compared from the last, each is equal or 1.
      A dimension of unknown size has the full size: only a 1 in the type broadcasts.
    * (C11) kv_len and offset have `B` elements, or one; of unknown size, they have `B`.
    * (C12) sinks has `Hq` elements.
    * (C13) scale, like offset, is an attribute or an operand, not both; the attribute is finite in the type of the
      scores, and given where `Dk` is 0.
    * (C14) window is two numbers, each -1 or more; they and the offset are below 2^60 in magnitude.
    * (C15) softcap is positive and finite in the type of the scores.
    * (C16) `causal` or `window` without an offset needs `Sq` and `Skv` static and equal.
    * (C17) the score region has one block with arguments (score, index, index, index, index, captures...), and yields
      a score and optionally an i1.
    * (C18) captured values need a score region; they are scalars or ranked tensors.
    * (C19) the score region holds only operations that have neither side effects nor regions, and whose results are
      scalars.
    * (C20) every tensor, and the scores, have fewer than 2^60 elements and no encoding.

    Example:

    ```mlir
    %o = gqa.attention %q, %k, %v causal
       : (tensor<1x32x64x128xbf16>, tensor<1x8x64x128xbf16>, tensor<1x8x64x128xbf16>) -> tensor<1x32x64x128xbf16>

    // One query against a cache of which kv_len keys are in use, token-major queries, ALiBi slopes captured.
    %o2, %lse = gqa.attention %q2, %k2, %v2 softcap(50.0) kv_len(%n) layout(q = "bshd", o = "bshd")
      : (tensor<1x1x32x128xf16>, tensor<1x8x?x128xf16>, tensor<1x8x?x128xf16>, tensor<1xi64>, tensor<32xf32>)
     -> (tensor<1x1x32x128xf16>, tensor<1x32x1xf32>)
      score(%s, %b, %h, %i, %j, %slopes = %alibi) {
        %slope = tensor.extract %slopes[%h] : tensor<32xf32>
        %jj = arith.index_cast %j : index to i32
        %jf = arith.sitofp %jj : i32 to f32
        %t = arith.mulf %slope, %jf : f32
        %r = arith.addf %s, %t : f32
        gqa.yield %r : f32
      }
    ```
  }];
  let arguments = (ins
    GQA_Heads:$q, GQA_Heads:$k, GQA_Heads:$v,
    Optional<GQA_Mask>:$mask, Optional<GQA_Bias>:$bias,
    Optional<GQA_PerBatch>:$kv_len, Optional<GQA_PerBatch>:$offsets,
    Optional<GQA_PerHead>:$sinks, Optional<GQA_Float>:$scale_value,
    Variadic<AnyType>:$captures,
    OptionalAttr<F64Attr>:$scale, UnitAttr:$causal, OptionalAttr<I64Attr>:$offset,
    OptionalAttr<DenseI64ArrayAttr>:$window, OptionalAttr<F64Attr>:$softcap,
    DefaultValuedAttr<GQA_DeadRowAttr, "::gqa::DeadRow::Zero">:$dead_row,
    DefaultValuedStrAttr<StrAttr, "bhsd">:$q_layout, DefaultValuedStrAttr<StrAttr, "bhsd">:$k_layout,
    DefaultValuedStrAttr<StrAttr, "bhsd">:$v_layout, DefaultValuedStrAttr<StrAttr, "bhsd">:$o_layout);
  let results = (outs GQA_Heads:$output, Optional<GQA_Lse>:$lse);
  let regions = (region MaxSizedRegion<1>:$score);
  let builders = [
    // Plain attention; layouts are the default, everything else is set on the operation afterwards.
    OpBuilder<(ins "mlir::Type":$output, "mlir::Value":$q, "mlir::Value":$k, "mlir::Value":$v)>,
  ];
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    /// Sizes by letter; `mlir::ShapedType::kDynamic` where unknown.
    int64_t getBatch(); int64_t getQueryHeads(); int64_t getKvHeads();
    int64_t getNumQueries(); int64_t getNumKeys(); int64_t getKeyDim(); int64_t getValueDim();
    /// Hq / Hkv, or kDynamic.
    int64_t getGroupSize();
    /// f32, or f64 for f64 attention: the type of scores, of the softmax and of lse.
    mlir::FloatType getAccumulatorType();
    /// The constant scale: the attribute, else 1 / sqrt(Dk); none if it is an operand or Dk is dynamic.
    std::optional<double> getConstantScale();
    /// The constant offset: the attribute, else 0 where no operand gives it.
    std::optional<int64_t> getConstantOffset();
    /// Producers that a kernel takes over, or null. The concatenation that k, or v, is: cache and fresh tokens are read
    /// where they are. The narrow numbers that k or v, or the cache in front of fresh tokens, are made of: they are
    /// widened as they are packed. The rotation that only q is: queries are rotated as they are packed.
    AppendKVOp getKeyAppend(); AppendKVOp getValueAppend();
    DequantizeOp getKeyDequantize(); DequantizeOp getValueDequantize();
    RotaryOp getQueryRotary();
    /// The floats of 8 bits that q is made of, or null: where the keys are of the same type without new tokens behind them, and
    /// both have a scale for each key/value head at most, a product of both can be multiplied by it.
    DequantizeOp getQueryDequantize();
    bool hasScore() { return !getScore().empty(); }
    mlir::Block &getScoreBlock() { return getScore().front(); }
  }];
}

def GQA_YieldOp : GQA_Op<"yield", [Pure, Terminator, ReturnLike, HasParent<"AttentionOp">]> {
  let summary = "the score, and whether the key is seen, of a score region";
  let description = [{
    Ends the score region of `gqa.attention`. The first value is the score; the second, if present, an i1 that hides the
    key where it is false.

    ```mlir
    gqa.yield %s, %seen : f32, i1
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "$values attr-dict `:` type($values)";
}

def GQA_MergeOp : GQA_Op<"merge", [Pure, AllTypesMatch<["o0", "o1", "output"]>, AllTypesMatch<["lse0", "lse1", "lse"]>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "combines two partial results of one attention over disjoint keys";
  let description = [{
    Split-KV, a shared-prefix cascade, a cache in two pieces and context parallelism are all this operation. It is
    associative and commutative, and a partial result that saw nothing, `(0, -inf)`, is its neutral element.

    ```
    m   = max(lse0, lse1)
    w0  = exp(lse0 - m),  w1 = exp(lse1 - m)              0 where the lse is -inf
    o   = (w0 * o0 + w1 * o1) / (w0 + w1)                 0 where both are -inf
    lse = m + ln(w0 + w1)
    ```

    The partial results are computed with `dead_row = zero`; sinks belong to exactly one of them.

    Constraints:
    * (C1) the layout is a permutation of the letters `bhsd`.
    * (C2) lse has shape `B x H x S` of the outputs.
    * (C3) lse is f64 exactly if the outputs are.
    * (C4) every tensor has fewer than 2^60 elements and no encoding.

    Example:

    ```mlir
    %o, %lse = gqa.merge %o0, %lse0, %o1, %lse1 : tensor<1x32x1x128xf32>, tensor<1x32x1xf32>
    ```
  }];
  let arguments = (ins GQA_Heads:$o0, GQA_Lse:$lse0, GQA_Heads:$o1, GQA_Lse:$lse1,
                       DefaultValuedStrAttr<StrAttr, "bhsd">:$layout);
  let results = (outs GQA_Heads:$output, GQA_Lse:$lse);
  let assemblyFormat = [{
    $o0 `,` $lse0 `,` $o1 `,` $lse1 (`layout` `(` $layout^ `)`)? attr-dict `:` type($output) `,` type($lse)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def GQA_RotaryOp : GQA_Op<"rotary", [Pure, AllTypesMatch<["x", "output"]>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "rotary position embedding";
  let description = [{
    Rotates pairs of elements by angles given as their cosines and sines (Su et al. 2021). Exists because it is linear
    and the same for all heads at one position, so that it moves across a repeat of heads and into a cache append.

    With `R = 2 * (last dimension of cos)` and `c`, `s` broadcast to `B x H x S x R/2`, for `t < R/2`:

    ```
    half:         (x1, x2) = (x[t], x[t + R/2])
    interleaved:  (x1, x2) = (x[2t], x[2t + 1])
    result        (c[t] x1 - s[t] x2, s[t] x1 + c[t] x2)   at the same two places
    ```

    Elements from `R` on are copied (partial rotation). Computed in f32 (f64 for f64) and rounded once.

    Constraints:
    * (C1) the layout is a permutation of the letters `bhsd`.
    * (C2) cos and sin have the same type, of f16, bf16, f32 or f64, of rank 1 to 4, and a static last dimension.
    * (C3) `R` is at most the head dimension.
    * (C4) cos broadcasts to `B x H x S x R/2`, compared from the last dimension; only a 1 in the type broadcasts.
    * (C5) every tensor has fewer than 2^60 elements and no encoding.

    Example:

    ```mlir
    %r = gqa.rotary %x, %cos, %sin half layout("bshd") : tensor<2x7x6x16xf32>, tensor<7x8xf32>
    ```
  }];
  let arguments = (ins GQA_Heads:$x, AnyRankedTensor:$cos, AnyRankedTensor:$sin, GQA_RotaryKindAttr:$kind,
                       DefaultValuedStrAttr<StrAttr, "bhsd">:$layout);
  let results = (outs GQA_Heads:$output);
  let assemblyFormat = [{
    $x `,` $cos `,` $sin custom<Keyword>($kind) (`layout` `(` $layout^ `)`)? attr-dict `:` type($x) `,` type($cos)
    custom<SameType>(ref(type($cos)), type($sin))
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// R: how many leading elements are rotated.
    int64_t getRotaryDim();
  }];
}

def GQA_RepeatHeadsOp : GQA_Op<"repeat_heads", [Pure,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "each head copied `groups` times";
  let description = [{
    What front ends write in order to feed grouped K and V to an attention that knows only one head count. Exists to be
    removed: an attention that reads it reads the heads underneath instead.

    ```
    block:  result[b, h, s, d] = x[b, h floordiv groups, s, d]
    tiled:  result[b, h, s, d] = x[b, h mod H, s, d]
    ```

    Constraints:
    * (C1) the layout is a permutation of the letters `bhsd`.
    * (C2) groups is at least 1.
    * (C3) the result has the operand's shape with `groups` times the heads, and its element type.
    * (C4) every tensor has fewer than 2^60 elements and no encoding.

    Example:

    ```mlir
    %r = gqa.repeat_heads %k block groups(4) : tensor<1x8x64x128xf32> -> tensor<1x32x64x128xf32>
    ```
  }];
  let arguments = (ins GQA_Heads:$x, I64Attr:$groups, GQA_HeadOrderAttr:$order,
                       DefaultValuedStrAttr<StrAttr, "bhsd">:$layout);
  let results = (outs GQA_Heads:$output);
  let assemblyFormat = [{
    $x custom<Keyword>($order) `groups` `(` $groups `)` (`layout` `(` $layout^ `)`)? attr-dict
    `:` type($x) `->` type($output)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def GQA_AppendKVOp : GQA_Op<"append_kv", [Pure,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "a KV cache with new tokens written to it";
  let description = [{
    Two forms. Without positions the new tokens follow the cached ones and the result is longer; with positions the
    cache keeps its size and the new tokens replace what stands there.

    ```
    concat:   result[b, h, s, d] = cache[b, h, s, d]                    for s < S
                                   fresh[b, h, s - S, d]                for S <= s < S + Snew
    indexed:  result[b, h, positions[b, t], d] = fresh[b, h, t, d]      the last t wins; outside [0, S): not written
              result elsewhere = cache
    ```

    Positions are `B x Snew`, or `Snew` when every sequence writes at the same places.

    What it costs: an attention reads a concatenation where its two parts lie, without a copy. A concatenation that
    anything else reads, and an indexed write to an argument of the program, are one copy of the cache, as arguments are
    not written to; indexed writes to a value of the program itself, and to an argument that is donated to a result
    (`gqa.donated_to`), are done in place.

    Constraints:
    * (C1) the layout is a permutation of the letters `bhsd`.
    * (C2) cache, fresh and result have the same element type, batch size, heads and head dimension.
    * (C3) concat: the result has `S + Snew` tokens. Indexed: it has `S`.
    * (C4) positions has `Snew` elements, or `B x Snew`.
    * (C5) every tensor has fewer than 2^60 elements and no encoding.

    Example:

    ```mlir
    %c1 = gqa.append_kv %cache, %new : (tensor<1x8x63x128xf32>, tensor<1x8x1x128xf32>) -> tensor<1x8x64x128xf32>
    %c2 = gqa.append_kv %static, %new at %pos
        : (tensor<1x8x64x128xf32>, tensor<1x8x1x128xf32>, tensor<1xi64>) -> tensor<1x8x64x128xf32>
    ```
  }];
  let arguments = (ins GQA_Heads:$cache, GQA_Heads:$fresh, Optional<GQA_Positions>:$positions,
                       DefaultValuedStrAttr<StrAttr, "bhsd">:$layout);
  let results = (outs GQA_Heads:$output);
  let assemblyFormat = [{
    $cache `,` $fresh (`at` $positions^)? (`layout` `(` $layout^ `)`)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def GQA_DequantizeOp : GQA_Op<"dequantize", [Pure, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "a narrow cache as numbers to compute with";
  let description = [{
    What stands between an int8, fp8 or 16-bit KV cache and the attention that reads it. Exists so that a kernel widens
    keys and values as it packs them, and reads the narrow cache from memory and nothing else.

    With `scale` and `zero` broadcast to the shape of `x`, compared from the last dimension (only a 1 in the type
    broadcasts), so per tensor, per head, per token, per channel, or any of these together:

    ```
    result = (x - zero) * scale        a zero left out is 0, a scale 1; no scale and no zero: x is only widened
    ```

    Integers are signed unless the operation is `unsigned`. Computed in f32 (f64 for a result of f64), and rounded once.

    Constraints:
    * (C1) the result has the shape of x, and an element type with more bits.
    * (C2) scale and zero broadcast to x.
    * (C3) `unsigned` is there for integers only.
    * (C4) every tensor has fewer than 2^60 elements and no encoding.

    Example:

    ```mlir
    // A scale per token and head, a zero point for all.
    %k = gqa.dequantize %x scale(%s : tensor<8x64x1xf32>) zero(%z : tensor<f32>) : tensor<1x8x64x128xi8> -> tensor<1x8x64x128xf32>
    %v = gqa.dequantize %y : tensor<1x8x64x128xbf16> -> tensor<1x8x64x128xf32>
    ```
  }];
  let arguments = (ins GQA_Narrow:$x, Optional<GQA_Bias>:$scale, Optional<GQA_Bias>:$zero, UnitAttr:$is_unsigned);
  let results = (outs GQA_Heads:$output);
  let assemblyFormat = [{
    $x (`scale` `(` $scale^ `:` type($scale) `)`)? (`zero` `(` $zero^ `:` type($zero) `)`)? (`unsigned` $is_unsigned^)?
    attr-dict `:` type($x) `->` type($output)
  }];
  let hasVerifier = 1;
}

#endif
