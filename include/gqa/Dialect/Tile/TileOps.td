// The operations of the `tile` dialect. Constraints are numbered (C1), (C2), ...; the verifier names them in comments
// and test/Dialect/Tile/invalid.mlir has one function for each.
#ifndef GQA_DIALECT_TILE_OPS_TD
#define GQA_DIALECT_TILE_OPS_TD

include "gqa/Dialect/Tile/TileBase.td"

def Tile_KernelOp : Tile_Op<"kernel", [RecursiveMemoryEffects,
    SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "a grid of independent tasks";
  let description = [{
    Runs its region once for every point of the grid, in any order and on any number of workers. Points must not
    write what other points read or write. Values from outside are captured.

    Constraints:
    * (C1) the grid has at least one dimension.
    * (C2) the region has one index argument per dimension of the grid.

    Example:

    ```mlir
    tile.kernel grid(%b = %batch, %h = %heads) {
      %x = memref.load %src[%b, %h] : memref<?x?xf32>
      memref.store %x, %dst[%h, %b] : memref<?x?xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<Index>:$sizes);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "custom<Grid>($sizes, $body) attr-dict";
  let hasRegionVerifier = 1;
}

def Tile_YieldOp : Tile_Op<"yield", [Pure, Terminator, ParentOneOf<["KernelOp", "ScoreOp"]>]> {
  let summary = "ends a kernel or a score region";
  let description = [{
    In a kernel it has no operands. In the score region of `tile.score` the first operand is the score; the second, if
    present, is an i1 that hides the key where it is false.

    ```mlir
    tile.yield %s, %seen : f32, i1
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), [{
    // No values: the end of a kernel.
  }]>];
}

def Tile_ScratchOp : Tile_Op<"scratch", [MemoryEffects<[MemAlloc]>, HasParent<"KernelOp">]> {
  let summary = "memory that one task of a kernel uses while it runs";
  let description = [{
    The kernel's memory plan. The memory is aligned to 64 bytes, undefined at first, and lives until the task ends.
    Exists so that a target decides where it is: on CPUs the heap, on GPUs shared memory.

    Constraints:
    * (C1) there is one size for each dynamic dimension.
    * (C2) the memory has the identity layout.

    Example:

    ```mlir
    tile.kernel grid(%t = %n) {
      %s = tile.scratch(%rows) : memref<?x64xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<Index>:$sizes);
  let results = (outs AnyMemRef:$memory);
  let assemblyFormat = "(`(` $sizes^ `)`)? attr-dict `:` type($memory)";
  let hasVerifier = 1;
}

def Tile_PackOp : Tile_Op<"pack"> {
  let summary = "an operand in the form that the products read";
  let description = [{
    Yields `source` as a tile: in the accumulator's type, rows contiguous, and zeros from the last column of `source` to
    the last of `storage`. Where the source is already so, the tile is the source itself and nothing moves; otherwise
    it is in `storage`. A source of rank 3 has its first two dimensions collapsed into rows.

    Constraints:
    * (C1) storage and tile have the same element type, f32 or f64, not narrower than that of the source.
    * (C2) the last dimension of the storage and of the tile has stride 1.

    Example:

    ```mlir
    %k = tile.pack %keys into %room
      : memref<?x80xbf16, strided<[?, ?], offset: ?>>, memref<64x80xf32> -> memref<?x80xf32, strided<[?, 1], offset: ?>>
    ```
  }];
  let arguments = (ins Arg<Tile_Operand, "", [MemRead]>:$source, Arg<Tile_Matrix, "", [MemWrite]>:$storage);
  let results = (outs Tile_Matrix:$tile);
  let assemblyFormat = [{
    $source `into` $storage attr-dict `:` type($source) `,` type($storage) `->` type($tile)
  }];
  let hasVerifier = 1;
}

def Tile_InitOp : Tile_Op<"init"> {
  let summary = "the state of an online softmax that has seen no key";
  let description = [{
    `o = 0`, and for every row `m = -inf`, `l = 0`; with a sink `m = sink`, `l = 1`, as if the row had seen a key with
    this score and a value of zero. A sink of -inf is no sink.

    Constraints:
    * (C1) o, m and l have the same element type.

    Example:

    ```mlir
    tile.init %o, %m, %l sinks(%sinks : memref<4xf32>) : memref<?x128xf32>, memref<?xf32>, memref<?xf32>
    ```
  }];
  let arguments = (ins Arg<Tile_Matrix, "", [MemWrite]>:$o, Arg<Tile_Rows, "", [MemWrite]>:$m,
                       Arg<Tile_Rows, "", [MemWrite]>:$l, Arg<Optional<Tile_PerHead>, "", [MemRead]>:$sinks);
  let assemblyFormat = [{
    $o `,` $m `,` $l (`sinks` `(` $sinks^ `:` type($sinks) `)`)? attr-dict `:` type($o) `,` type($m) `,` type($l)
  }];
  let hasVerifier = 1;
}

def Tile_QKOp : Tile_Op<"qk"> {
  let summary = "scores of a tile: q times the transpose of k";
  let description = [{
    `s[r, c] = sum_d q[r, d] * k[c, d]` for every row of q and of k. Columns of s past the rows of k are left alone.

    Constraints:
    * (C1) q, k and s have the same element type.
    * (C2) the last dimension of q, k and s has stride 1.

    Example:

    ```mlir
    tile.qk %q, %k, %s : memref<?x128xf32>, memref<?x128xf32>, memref<?x64xf32>
    ```
  }];
  let arguments = (ins Arg<Tile_Matrix, "", [MemRead]>:$q, Arg<Tile_Matrix, "", [MemRead]>:$k,
                       Arg<Tile_Matrix, "", [MemWrite]>:$s);
  let assemblyFormat = "$q `,` $k `,` $s attr-dict `:` type($q) `,` type($k) `,` type($s)";
  let hasVerifier = 1;
}

def Tile_ScoreOp : Tile_Op<"score", [AttrSizedOperandSegments]> {
  let summary = "everything between the product of q and k and the softmax";
  let description = [{
    Replaces the products in s by scores, with -inf where a key is hidden. For the row of head `h'` and query `i'` and
    the column of key `j' = j + c`:

    ```
    x       = scale * s
    x       = softcap * tanh(x / softcap)       if softcap
    x       = x + bias[b, h', i', j']           if bias
    x, seen = region(x, b, h', i', j')          if there is a region
    s       = x where mask[b, h', i', j'] and seen and i' + first <= j' <= i' + last and c < keys, else -inf
    ```

    `first` and `last` are the band that causal attention and windows leave: one pair of comparisons per row instead of
    one per element. Columns from `keys` to the end of s become -inf, so that what follows can work on whole vectors.

    Constraints:
    * (C1) the scale has the element type of s.
    * (C2) the softcap is positive.
    * (C3) the region has the arguments (score, index, index, index, index) and yields a score and optionally an i1.
    * (C4) the last dimension of s has stride 1.

    Example:

    ```mlir
    tile.score %s at(%b, %h, %i, %j) queries(%n) keys(%k) scale(%x) last(%zero) softcap = 50.0 score {
      ^bb0(%v: f32, %b1: index, %h1: index, %i1: index, %j1: index):
        %y = arith.addf %v, %v : f32
        tile.yield %y : f32
    } : memref<?x64xf32>, f32
    ```
  }];
  let arguments = (ins Arg<Tile_Matrix, "", [MemRead, MemWrite]>:$s, Index:$b, Index:$h, Index:$i, Index:$j,
                       Index:$queries, Index:$keys, Tile_Accumulator:$scale,
                       Optional<Index>:$first, Optional<Index>:$last,
                       Arg<Optional<Tile_Bias>, "", [MemRead]>:$bias, Arg<Optional<Tile_Mask>, "", [MemRead]>:$mask,
                       OptionalAttr<F64Attr>:$softcap);
  let regions = (region MaxSizedRegion<1>:$score);
  let assemblyFormat = [{
    $s `at` `(` $b `,` $h `,` $i `,` $j `)` `queries` `(` $queries `)` `keys` `(` $keys `)` `scale` `(` $scale `)`
    (`first` `(` $first^ `)`)? (`last` `(` $last^ `)`)? (`softcap` `=` $softcap^)?
    (`bias` `(` $bias^ `:` type($bias) `)`)? (`mask` `(` $mask^ `:` type($mask) `)`)? (`score` $score^)?
    attr-dict `:` type($s) `,` type($scale)
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Tile_SoftmaxStepOp : Tile_Op<"softmax_step"> {
  let summary = "one step of an online softmax";
  let description = [{
    Replaces the scores in s by probabilities against the running maximum, and updates m and l. For each row:

    ```
    m'    = max(m, max_c s[c])
    s[c]  = exp(s[c] - m'), or -0.0 where s[c] = -inf
    alpha = exp(m - m')                         what the row of o has to be multiplied by
    l     = alpha * l + sum_c s[c]
    m     = m'
    ```

    NaN among the scores makes l NaN. Only the columns below `keys`, rounded up to whole vectors, are read and written.

    Constraints:
    * (C1) s, m, l and alpha have the same element type.
    * (C2) the last dimension of s has stride 1.

    Example:

    ```mlir
    tile.softmax_step %s, %m, %l, %alpha keys(%n) : memref<?x64xf32>, memref<?xf32>, memref<?xf32>, memref<?xf32>
    ```
  }];
  let arguments = (ins Arg<Tile_Matrix, "", [MemRead, MemWrite]>:$s, Arg<Tile_Rows, "", [MemRead, MemWrite]>:$m,
                       Arg<Tile_Rows, "", [MemRead, MemWrite]>:$l, Arg<Tile_Rows, "", [MemWrite]>:$alpha,
                       Index:$keys);
  let assemblyFormat = [{
    $s `,` $m `,` $l `,` $alpha `keys` `(` $keys `)` attr-dict `:` type($s) `,` type($m) `,` type($l) `,` type($alpha)
  }];
  let hasVerifier = 1;
}

def Tile_PVOp : Tile_Op<"pv"> {
  let summary = "the output of a tile: rescaled, plus p times v";
  let description = [{
    `o[r, d] = alpha[r] * o[r, d] + sum_c p[r, c] * v[c, d]` over the rows c of v. A hidden key (p is -0.0) contributes
    nothing, whatever its value holds.

    Constraints:
    * (C1) p, v, o and alpha have the same element type.
    * (C2) the last dimension of p, v and o has stride 1.

    Example:

    ```mlir
    tile.pv %p, %v, %o rescale(%alpha) : memref<?x64xf32>, memref<?x128xf32>, memref<?x128xf32>, memref<?xf32>
    ```
  }];
  let arguments = (ins Arg<Tile_Matrix, "", [MemRead]>:$p, Arg<Tile_Matrix, "", [MemRead]>:$v,
                       Arg<Tile_Matrix, "", [MemRead, MemWrite]>:$o, Arg<Tile_Rows, "", [MemRead]>:$alpha);
  let assemblyFormat = [{
    $p `,` $v `,` $o `rescale` `(` $alpha `)` attr-dict `:` type($p) `,` type($v) `,` type($o) `,` type($alpha)
  }];
  let hasVerifier = 1;
}

def Tile_FinishOp : Tile_Op<"finish", [AttrSizedOperandSegments]> {
  let summary = "normalises the rows of a tile and stores them";
  let description = [{
    `out = o / l` and `lse = m + ln(l)` for each row, rounded once to the type of out. A row with `l = 0` saw no key: it
    becomes zeros, NaN or the mean of all rows of `values`, as `dead_row` says, and its lse is -inf. Rows of o that saw
    no key may be overwritten.

    Constraints:
    * (C1) o, m and l have the same element type, and lse has it too.
    * (C2) `values` is there exactly if `dead_row` is `uniform`.
    * (C3) the last dimension of o has stride 1.

    Example:

    ```mlir
    tile.finish %o, %m, %l into %out dead_row = zero
      : memref<?x128xf32>, memref<?xf32>, memref<?xf32>, memref<4x?x128xf16>
    ```
  }];
  let arguments = (ins Arg<Tile_Matrix, "", [MemRead, MemWrite]>:$o, Arg<Tile_Rows, "", [MemRead]>:$m,
                       Arg<Tile_Rows, "", [MemRead]>:$l, Arg<Tile_Output, "", [MemWrite]>:$out,
                       Arg<Optional<MemRefRankOf<[F32, F64], [2]>>, "", [MemWrite]>:$lse,
                       Arg<Optional<Tile_Operand>, "", [MemRead]>:$values,
                       GQA_DeadRowAttr:$dead_row);
  let assemblyFormat = [{
    $o `,` $m `,` $l `into` $out (`lse` `(` $lse^ `:` type($lse) `)`)? (`values` `(` $values^ `:` type($values) `)`)?
    `dead_row` `=` custom<DeadRow>($dead_row) attr-dict `:` type($o) `,` type($m) `,` type($l) `,` type($out)
  }];
  let hasVerifier = 1;
}

#endif
