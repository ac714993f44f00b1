// The operations of the `tile` dialect. Constraints are numbered (C1), (C2), ...; the verifier names them in comments
// and test/Dialect/Tile/invalid.mlir has one function for each.
#ifndef GQA_DIALECT_TILE_OPS_TD
#define GQA_DIALECT_TILE_OPS_TD

include "gqa/Dialect/Tile/TileBase.td"
include "gqa/Dialect/Tile/DeviceOps.td"
include "gqa/Dialect/Tile/GroupOps.td"
include "gqa/Dialect/Tile/WarpOps.td"

def Tile_KernelOp : Tile_Op<"kernel", [RecursiveMemoryEffects,
    SingleBlockImplicitTerminator<"YieldOp">, AttrSizedOperandSegments]> {
  let summary = "a grid of independent tasks";
  let description = [{
    Runs its region once for every point of the grid, in any order and on any number of workers. Points must not
    write what other points read or write. Values from outside are captured. `work` estimates the multiply-adds of all
    tasks together, so that a target can leave small kernels to one worker. With `warps` a task is run by so many warps,
    each of which runs the whole region (see `tile.warp.id`). As many tasks as `cluster` says, neighbours along the last dimension,
    run at the same time, and may wait for each other (`tile.cluster.barrier`) and read each other's scratch memory
    (`tile.cluster.peer`).

    Constraints:
    * (C1) the grid has at least one dimension.
    * (C2) the region has one index argument per dimension of the grid.
    * (C3) there are 1 to 32 warps.
    * (C4) tasks of a cluster have warps. Their number, from 1 to 8, divides the size of the last dimension.

    Example:

    ```mlir
    tile.kernel grid(%b = %batch, %h = %heads) work(%n) {
      %x = memref.load %src[%b, %h] : memref<?x?xf32>
      memref.store %x, %dst[%h, %b] : memref<?x?xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<Index>:$sizes, Optional<Index>:$work, Optional<Index>:$cluster,
                       OptionalAttr<I64Attr>:$warps);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "(`warps` `=` $warps^)? (`cluster` `(` $cluster^ `)`)? custom<Grid>($sizes, $work, $body) attr-dict";
  let hasRegionVerifier = 1;
}

def Tile_LaunchDependentsOp : Tile_Op<"launch_dependents", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "kernels behind may take their place";
  let description = [{
    Once all tasks have come here, or have ended. They wait for what the kernel does until it has ended; a kernel without the
    operation lets them come when all of its tasks have begun. Of a kernel that works until its last task ends, those would
    take room and time from tasks that have begun, and find room on some processors alone. Without effect before sm_90a.

    ```mlir
    tile.launch_dependents
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_AwaitDependenciesOp : Tile_Op<"await_dependencies", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "waits for the kernels in front";
  let description = [{
    What they write can be read behind it, and what they read can be written. In front of it a kernel touches the device's memory
    by nothing but `tile.warp.prefetch`. A kernel without the operation waits when it begins. Only for sm_90a: elsewhere no kernel
    begins before those in front have ended.

    ```mlir
    tile.await_dependencies
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_YieldOp : Tile_Op<"yield", [Pure, Terminator, ParentOneOf<["KernelOp", "ScoreOp", "WarpScoreOp"]>]> {
  let summary = "ends a kernel or a score region";
  let description = [{
    In a kernel it has no operands. In the region of `tile.score` and `tile.warp.score` the first operand is the score; the second, if
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

def Tile_RotateOp : Tile_Op<"rotate"> {
  let summary = "queries rotated by their positions";
  let description = [{
    `gqa.rotary` of the queries of a tile: for every head and query, elements of the head dimension are rotated in pairs by
    the angles whose cosines and sines are given, `R/2` of them, and those from `R` on are copied. Computed in f32 (f64 if
    the result is f64) and rounded to the type of `rotated`. Exists so that no loop of its own passes over all queries
    before a kernel starts.

    Constraints:
    * (C1) rotated has the shape of x, and not a narrower type.
    * (C2) cos and sin have one element type, and the shape `heads x queries x R/2` with a known R of at most d.
    * (C3) the last dimension of rotated has stride 1.

    Example:

    ```mlir
    tile.rotate %q by %cos, %sin half into %room
      : memref<4x?x80xbf16>, memref<4x?x40xf32>, memref<4x?x40xf32>, memref<4x?x80xf32>
    ```
  }];
  let arguments = (ins Arg<Tile_Queries, "", [MemRead]>:$x, Arg<Tile_Queries, "", [MemRead]>:$cos,
                       Arg<Tile_Queries, "", [MemRead]>:$sin, Arg<Tile_Queries, "", [MemWrite]>:$rotated,
                       GQA_RotaryKindAttr:$kind);
  let assemblyFormat = [{
    $x `by` $cos `,` $sin custom<RotaryKind>($kind) `into` $rotated attr-dict
    `:` type($x) `,` type($cos) `,` type($sin) `,` type($rotated)
  }];
  let hasVerifier = 1;
}

def Tile_PackOp : Tile_Op<"pack", [AttrSizedOperandSegments]> {
  let summary = "an operand in the form that the products read";
  let description = [{
    Yields `source` as a tile in the type of `storage`. A source of rank 2 is one of keys or values: its rows become
    contiguous, with zeros from its last column to the last of `storage`. Where it is already so, the tile is the source
    itself and nothing moves; otherwise it is in `storage`.

    With `multiple` the tile has a multiple of so many rows, and those behind the source's hold anything; a source with
    another number of rows is not used where it is. With `transposed` the storage holds panels: row `c` of the source becomes column
    `c mod 32` of panel `c floordiv 32`. Columns of the last panel that no row becomes are zero, and so are rows behind those
    that the source has columns for; later panels are left alone.

    With `then` the rows of a second buffer follow those of the source. The tile is in place where only one of the two has
    rows. Exists so that a KV cache and the tokens behind it are read where they are: of all blocks of keys, one at most
    is copied.

    With `zero` and `scale` the source is a narrow cache: `(x - zero) * scale`, computed in f32 (f64 for a tile of f64) and
    rounded once, takes the place of each element x of it, but not of what comes `then`. Either has a row for each row of
    the source, and a column for each of its columns, or one for all. Integers are signed unless the source is `unsigned`.

    A source of rank 3, `heads x queries x d`, holds the queries of a tile: head `g` and query `n` become row `g * N + n`,
    with `N` given by `queries`. All else in the storage becomes zero. With `transposed` a row becomes a column:
    the tile is `d x rows`, or `d/2 x 2 rows` if it is `interleaved`; with `paired` its columns are in the order of pairs, and
    with `crossed` its rows are crossed.

    Constraints:
    * (C1) storage and tile have the same element type, not narrower than that of the source.
    * (C2) the last dimension of the storage and of the tile has stride 1.
    * (C3) `queries` is there exactly if the source has rank 3.
    * (C4) storage and tile have rank 3 exactly if the source is transposed and has rank 2; then source and storage have the
      same element type, of 16 bits, and the last of the storage's dimensions is 32.
    * (C5) an `interleaved` tile is transposed, of bf16, and has `queries`.
    * (C6) `multiple` is positive, and only there if the source has rank 2 and is not transposed.
    * (C7) what comes `then` has the source's last dimension, and its element type or a wider one that is not wider than the
      tile's; both have rank 2 and are not transposed.
    * (C8) scale and zero have the source's rows, and its columns or one; a source that has them, or that is of integers or of
      8 bits, has rank 2 and is not transposed.
    * (C9) a `crossed` tile is of f32, or of bf16, whose pairs are crossed, has `queries` and is not transposed.

    Example:

    ```mlir
    %k = tile.pack %keys into %room
      : memref<?x80xbf16, strided<[?, ?], offset: ?>>, memref<64x80xf32> -> memref<?x80xf32, strided<[?, 1], offset: ?>>
    %all = tile.pack %cached into %room then(%fresh : memref<?x80xf32>)
      : memref<?x80xf32>, memref<64x80xf32> -> memref<?x80xf32, strided<[?, 1], offset: ?>>
    %wide = tile.pack %narrow into %room scale(%s : memref<?x1xf32>) : memref<?x80xi8>, memref<64x80xf32> -> memref<?x80xf32>
    %qt = tile.pack %q into %columns queries(%n) transposed
      : memref<4x?x80xbf16>, memref<80x48xf32> -> memref<80x48xf32>
    %vt = tile.pack %values into %panels transposed : memref<?x80xbf16>, memref<4x80x32xbf16> -> memref<4x80x32xbf16>
    ```
  }];
  let arguments = (ins Arg<Tile_Source, "", [MemRead]>:$source, Arg<Tile_Operand, "", [MemWrite]>:$storage,
                       Arg<Optional<Tile_Keys>, "", [MemRead]>:$rest, Arg<Optional<Tile_Factors>, "", [MemRead]>:$scale,
                       Arg<Optional<Tile_Factors>, "", [MemRead]>:$zero, Optional<Index>:$queries,
                       UnitAttr:$is_unsigned, UnitAttr:$transposed, UnitAttr:$interleaved,
                       OptionalAttr<I64Attr>:$paired, UnitAttr:$crossed, OptionalAttr<I64Attr>:$multiple);
  let results = (outs Tile_Operand:$tile);
  let builders = [
    // Rows of keys or values; everything else is set on the operation afterwards.
    OpBuilder<(ins "mlir::Type":$tile, "mlir::Value":$source, "mlir::Value":$storage)>,
  ];
  let assemblyFormat = [{
    $source `into` $storage (`then` `(` $rest^ `:` type($rest) `)`)? (`scale` `(` $scale^ `:` type($scale) `)`)?
    (`zero` `(` $zero^ `:` type($zero) `)`)? (`unsigned` $is_unsigned^)? (`queries` `(` $queries^ `)`)?
    (`transposed` $transposed^)? (`interleaved` $interleaved^)? (`paired` `=` $paired^)? (`crossed` $crossed^)?
    (`multiple` `=` $multiple^)? attr-dict `:` type($source) `,` type($storage) `->` type($tile)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Whether the source is a narrow cache, whose rows are not merely copied.
    bool isDequantizing();
  }];
}

def Tile_InitOp : Tile_Op<"init", [AttrSizedOperandSegments]> {
  let summary = "the state of an online softmax that has seen no key";
  let description = [{
    `o = 0`, and for every row `m = -inf`, `l = 0`. With a sink `m = sink / scale`, `l = 1`, as if the row had seen a
    key with this score and a value of zero; `queries` is the number of rows of a head. A sink of -inf is no sink.
    o may be transposed.

    Constraints:
    * (C1) o, m, l and scale have the same element type.
    * (C2) `queries` and `scale` are there exactly if there are sinks.

    Example:

    ```mlir
    tile.init %o, %m, %l sinks(%sinks : memref<4xf32>) queries(%n) scale(%x : f32)
      : memref<?x128xf32>, memref<?xf32>, memref<?xf32>
    ```
  }];
  let arguments = (ins Arg<Tile_Matrix, "", [MemWrite]>:$o, Arg<Tile_Rows, "", [MemWrite]>:$m,
                       Arg<Tile_Rows, "", [MemWrite]>:$l, Arg<Optional<Tile_PerHead>, "", [MemRead]>:$sinks,
                       Optional<Index>:$queries, Optional<Tile_Accumulator>:$scale);
  let assemblyFormat = [{
    $o `,` $m `,` $l (`sinks` `(` $sinks^ `:` type($sinks) `)`)? (`queries` `(` $queries^ `)`)?
    (`scale` `(` $scale^ `:` type($scale) `)`)? attr-dict `:` type($o) `,` type($m) `,` type($l)
  }];
  let hasVerifier = 1;
}

def Tile_QKOp : Tile_Op<"qk", [AttrSizedOperandSegments]> {
  let summary = "scores of a tile: q times the transpose of k";
  let description = [{
    `s[c, r] = sum_d q[r, d] * k[c, d]` for every row of q and of k; transposed, with `q[d, r]`. Keys past the rows of k
    may be written up to the size of s, with any numbers; columns of s past the rows of q become zero. With `paired` the
    columns of q are in the order of pairs, and with `crossed` its rows are crossed. With `interleaved` the sum is over pairs, in
    f32. Meanwhile the rows of
    `prefetch` are brought near, lines of each in turn: a processor follows several streams of addresses at once better
    than one.

    With `rows` only so many rows count, and with `diagonal(N, last)` of row r only the keys `c <= r mod N + last`: what else
    there is in s is undefined, and `tile.mask` hides it. Exists so that a tile on the diagonal of a causal attention costs
    half of another.

    Constraints:
    * (C1) q and s have the same element type; k has it too, or, where q is not transposed, a narrower one.
    * (C2) the last dimension of q, k and s has stride 1.
    * (C3) with `paired` k is bf16, q is not transposed, and whole pairs of vectors make up its columns.
    * (C4) with `interleaved`, instead of (C1), q and k are bf16, and s is f32; q has a multiple of 32 columns, which are not
      paired. k has one of 32 columns, or of 2 where q is transposed, and there, as a precondition, one of 32 rows.
    * (C5) s has a column for every row of q.
    * (C6) with `rows` or a `diagonal` q is transposed and not interleaved; a `diagonal` has both numbers.
    * (C7) a `crossed` q is not transposed, and s is of f32.

    Example:

    ```mlir
    tile.qk %q, %k, %s prefetch(%v, %next : memref<?x128xbf16>, memref<?x128xbf16>)
      : memref<4x128xf32>, memref<?x128xbf16>, memref<48x4xf32>
    tile.qk %qt, %kf, %st transposed rows(%r) diagonal(%n, %last) : memref<128x48xf32>, memref<?x128xf32>, memref<96x48xf32>
    tile.qk %qi, %kb, %si transposed interleaved : memref<64x128xbf16>, memref<?x128xbf16>, memref<256x64xf32>
    ```
  }];
  let arguments = (ins Arg<Tile_Keys, "", [MemRead]>:$q, Arg<Tile_Keys, "", [MemRead]>:$k,
                       Arg<Tile_Matrix, "", [MemWrite]>:$s, Optional<Index>:$rows, Optional<Index>:$period,
                       Optional<Index>:$last, Arg<Variadic<Tile_Fetched>, "", [MemRead]>:$prefetch,
                       UnitAttr:$transposed, UnitAttr:$interleaved, OptionalAttr<I64Attr>:$paired, UnitAttr:$crossed);
  let assemblyFormat = [{
    $q `,` $k `,` $s (`transposed` $transposed^)? (`interleaved` $interleaved^)? (`paired` `=` $paired^)? (`crossed` $crossed^)?
    (`rows` `(` $rows^ `)`)? (`diagonal` `(` $period^ `,` $last `)`)? (`prefetch` `(` $prefetch^ `:` type($prefetch) `)`)? attr-dict
    `:` type($q) `,` type($k) `,` type($s)
  }];
  let hasVerifier = 1;
}

def Tile_ScoreOp : Tile_Op<"score", [AttrSizedOperandSegments]> {
  let summary = "score mathematics beyond a positive scale";
  let description = [{
    Replaces the products in s by scores, with -inf where a key is hidden. s has a row for every key, of which the first
    `keys` count, and columns for `heads x queries`, `period` apart from one head to the next: key `j'` of head `h'` and
    query `i'` gets

    ```
    x       = scale * s
    x       = softcap * tanh(x / softcap)       if softcap
    x       = x + bias[b, h', i', j']           if bias
    x, seen = region(x, b, h', i', j')          if there is a region
    s       = x where mask[b, h', i', j'] and seen, else -inf
    ```

    Constraints:
    * (C1) the scale has the element type of s.
    * (C2) the softcap is positive.
    * (C3) the region has the arguments (score, index, index, index, index) and yields a score and optionally an i1.
    * (C4) s has the identity layout.

    Example:

    ```mlir
    tile.score %s at(%b, %h, %i, %j) heads(%g) queries(%n) period(%p) keys(%k) scale(%x) softcap = 50.0 score {
      ^bb0(%v: f32, %b1: index, %h1: index, %i1: index, %j1: index):
        %y = arith.addf %v, %v : f32
        tile.yield %y : f32
    } : memref<?x64xf32>, f32
    ```
  }];
  let arguments = (ins Arg<Tile_Matrix, "", [MemRead, MemWrite]>:$s, Index:$b, Index:$h, Index:$i, Index:$j,
                       Index:$heads, Index:$queries, Index:$period, Index:$keys, Tile_Accumulator:$scale,
                       Arg<Optional<Tile_Bias>, "", [MemRead]>:$bias, Arg<Optional<Tile_Mask>, "", [MemRead]>:$mask,
                       OptionalAttr<F64Attr>:$softcap);
  let regions = (region MaxSizedRegion<1>:$score);
  let assemblyFormat = [{
    $s `at` `(` $b `,` $h `,` $i `,` $j `)` `heads` `(` $heads `)` `queries` `(` $queries `)` `period` `(` $period `)`
    `keys` `(` $keys `)` `scale` `(` $scale `)` (`softcap` `=` $softcap^)?
    (`bias` `(` $bias^ `:` type($bias) `)`)? (`mask` `(` $mask^ `:` type($mask) `)`)? (`score` $score^)? attr-dict `:` type($s) `,` type($scale)
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Tile_MaskOp : Tile_Op<"mask", [AttrSizedOperandSegments]> {
  let summary = "hides the keys outside of a band";
  let description = [{
    Causal attention and windows. The column of query `i' = i + r mod N` keeps its score of key `j' = j + c`, of the first
    `keys`, where `i' + first <= j' <= i' + last`; the others become -inf. `queries` is `N`. Exists apart from
    `tile.score` because only blocks at the edge of the band need it.

    Constraints:
    * (C1) the last dimension of s has stride 1.

    Example:

    ```mlir
    tile.mask %s at(%i, %j) queries(%n) keys(%k) last(%zero) : memref<96x48xf32>
    ```
  }];
  let arguments = (ins Arg<Tile_Matrix, "", [MemRead, MemWrite]>:$s, Index:$i, Index:$j, Index:$queries, Index:$keys,
                       Optional<Index>:$first, Optional<Index>:$last);
  let assemblyFormat = [{
    $s `at` `(` $i `,` $j `)` `queries` `(` $queries `)` `keys` `(` $keys `)` (`first` `(` $first^ `)`)?
    (`last` `(` $last^ `)`)? attr-dict `:` type($s)
  }];
  let hasVerifier = 1;
}

def Tile_SoftmaxStepOp : Tile_Op<"softmax_step", [AttrSizedOperandSegments]> {
  let summary = "one step of an online softmax";
  let description = [{
    Replaces the scores in s by probabilities against the running maximum, and updates m and l. For each row, which is a
    column of s:

    ```
    m'    = max(m, max_c s[c])
    s[c]  = exp((s[c] - m') * scale), or -0.0 where s[c] = -inf
    alpha = exp((m - m') * scale)               what the row of o has to be multiplied by
    l     = alpha * l + sum_c s[c]
    m     = m'
    ```

    Yields whether some score was -inf. NaN among the scores makes l NaN. Only the first `keys` keys are read; up to a
    divisor of the keys of s others may be written, as hidden ones, and reported as such.

    The rows are a power of two below the lanes of a vector, or a multiple of the lanes: a precondition. With `rows` only
    so many count, and what becomes of the others is undefined.

    With `into` the probabilities are an operand of a product: rounded to bf16 and `interleaved`, and s is undefined
    afterwards. Keys behind `keys`, up to a multiple of 32, are hidden then. Still l sums what was not rounded: lse must
    be more precise than bf16.

    Constraints:
    * (C1) s, m, l, alpha and scale have the same element type.
    * (C2) s has the identity layout, and the last dimension of p in `into` stride 1; so that one vector may hold several keys
      of few rows, p has the identity layout as well then, as a precondition.
    * (C3) `into` is only there if s is f32.

    Example:

    ```mlir
    %h = tile.softmax_step %s, %m, %l, %alpha keys(%n) scale(%x)
       : memref<?x64xf32>, memref<?xf32>, memref<?xf32>, memref<?xf32>, f32
    ```
  }];
  let arguments = (ins Arg<Tile_Matrix, "", [MemRead, MemWrite]>:$s, Arg<Tile_Rows, "", [MemRead, MemWrite]>:$m,
                       Arg<Tile_Rows, "", [MemRead, MemWrite]>:$l, Arg<Tile_Rows, "", [MemWrite]>:$alpha,
                       Index:$keys, Tile_Accumulator:$scale, Optional<Index>:$rows,
                       Arg<Optional<Tile_Interleaved>, "", [MemWrite]>:$p);
  let results = (outs I1:$hidden);
  let assemblyFormat = [{
    $s `,` $m `,` $l `,` $alpha `keys` `(` $keys `)` `scale` `(` $scale `)` (`rows` `(` $rows^ `)`)?
    (`into` `(` $p^ `:` type($p) `)`)? attr-dict
    `:` type($s) `,` type($m) `,` type($l) `,` type($alpha) `,` type($scale)
  }];
  let hasVerifier = 1;
}

def Tile_PVOp : Tile_Op<"pv", [AttrSizedOperandSegments]> {
  let summary = "the output of a tile: rescaled, plus p times v";
  let description = [{
    `o[r, d] = alpha[r] * o[r, d] + sum_c p[c, r] * v[c, d]` over the rows c of v, for the rows of o. A hidden key
    (p is -0.0) contributes nothing, whatever its value holds; `hidden` says whether there may be one. With `paired` the
    columns of o are in the order of pairs. With `interleaved` the sum is over pairs, and where v holds panels o is transposed:
    `o[d, r]`. Meanwhile the rows of `prefetch` are brought near. `rows` and `diagonal` are those of `tile.qk`: rows that do
    not count become undefined, and the keys that the diagonal hides are hidden ones.

    Constraints:
    * (C1) p, o and alpha have the same element type; v has it too or a narrower one.
    * (C2) the last dimension of p, v and o has stride 1.
    * (C3) with `paired` v is bf16, and whole pairs of vectors make up the columns of o.
    * (C4) with `interleaved`, instead of (C1), p and v are bf16, and o and alpha are f32; the last dimension of o is a multiple
      of 16, and both are where v has panels.
    * (C5) v has rank 3 only with `interleaved`, and a last dimension of 32 then; else the columns of o are `paired`.
    * (C6) with `rows` or a `diagonal` p is not interleaved; a `diagonal` has both numbers.

    Example:

    ```mlir
    tile.pv %p, %v, %o rescale(%alpha) hidden(%h) : memref<96x?xf32>, memref<?x128xf32>, memref<?x128xf32>, memref<?xf32>
    tile.pv %pi, %vt, %ot rescale(%alpha) hidden(%h) interleaved
      : memref<128x128xbf16>, memref<?x128x32xbf16>, memref<128x64xf32>, memref<?xf32>
    ```
  }];
  let arguments = (ins Arg<Tile_Keys, "", [MemRead]>:$p, Arg<Tile_Operand, "", [MemRead]>:$v,
                       Arg<Tile_Matrix, "", [MemRead, MemWrite]>:$o, Arg<Tile_Rows, "", [MemRead]>:$alpha,
                       I1:$hidden, Optional<Index>:$rows, Optional<Index>:$period, Optional<Index>:$last,
                       Arg<Variadic<Tile_Fetched>, "", [MemRead]>:$prefetch, UnitAttr:$interleaved, OptionalAttr<I64Attr>:$paired);
  let assemblyFormat = [{
    $p `,` $v `,` $o `rescale` `(` $alpha `)` `hidden` `(` $hidden `)` (`interleaved` $interleaved^)?
    (`paired` `=` $paired^)? (`rows` `(` $rows^ `)`)? (`diagonal` `(` $period^ `,` $last `)`)?
    (`prefetch` `(` $prefetch^ `:` type($prefetch) `)`)? attr-dict
    `:` type($p) `,` type($v) `,` type($o) `,` type($alpha)
  }];
  let hasVerifier = 1;
}

def Tile_TransposeOp : Tile_Op<"transpose"> {
  let summary = "the output of a tile with its rows as rows again";
  let description = [{
    `o[r, d] = ot[d, r]`. Exists because an `interleaved` product leaves the output transposed, and everything after the
    last block of keys reads it row by row.

    Constraints:
    * (C1) ot and o have the same element type.
    * (C2) the last dimension of ot and o has stride 1.
    * (C3) both dimensions of o are multiples of 16.

    Example:

    ```mlir
    tile.transpose %ot into %o : memref<128x64xf32>, memref<64x128xf32>
    ```
  }];
  let arguments = (ins Arg<Tile_Matrix, "", [MemRead]>:$ot, Arg<Tile_Matrix, "", [MemWrite]>:$o);
  let assemblyFormat = "$ot `into` $o attr-dict `:` type($ot) `,` type($o)";
  let hasVerifier = 1;
}

def Tile_MergeOp : Tile_Op<"merge"> {
  let summary = "joins the state of an online softmax with another over other keys";
  let description = [{
    The algebra of `gqa.merge` on states that are not normalised yet. For each row, with 0 for the difference of two
    maxima that are both -inf:

    ```
    m'    = max(m, m0)
    a, a0 = exp((m - m') * scale), exp((m0 - m') * scale)
    o     = a * o + a0 * o0,   l = a * l + a0 * l0,   m = m'
    ```

    Constraints:
    * (C1) all operands have the same element type.
    * (C2) the last dimension of o0 and o has stride 1.

    Example:

    ```mlir
    tile.merge %o0, %m0, %l0 into %o, %m, %l scale(%x)
      : memref<4x128xf32>, memref<4xf32>, memref<4xf32>, memref<4x128xf32>, memref<4xf32>, memref<4xf32>, f32
    ```
  }];
  let arguments = (ins Arg<Tile_Matrix, "", [MemRead]>:$o0, Arg<Tile_Rows, "", [MemRead]>:$m0,
                       Arg<Tile_Rows, "", [MemRead]>:$l0, Arg<Tile_Matrix, "", [MemRead, MemWrite]>:$o,
                       Arg<Tile_Rows, "", [MemRead, MemWrite]>:$m, Arg<Tile_Rows, "", [MemRead, MemWrite]>:$l,
                       Tile_Accumulator:$scale);
  let assemblyFormat = [{
    $o0 `,` $m0 `,` $l0 `into` $o `,` $m `,` $l `scale` `(` $scale `)` attr-dict
    `:` type($o0) `,` type($m0) `,` type($l0) `,` type($o) `,` type($m) `,` type($l) `,` type($scale)
  }];
  let hasVerifier = 1;
}

def Tile_FinishOp : Tile_Op<"finish", [AttrSizedOperandSegments]> {
  let summary = "normalises the rows of a tile and stores them";
  let description = [{
    `out = o / l` and `lse = m * scale + ln(l)`, rounded once to the type of out. Head `g` and query `n` of out are row
    `g * N + n`, with `N` given by `queries`. A row with `l = 0` saw no key: it becomes zeros, NaN or the mean of all rows
    of `values`, as `dead_row` says, and its lse is -inf. Rows of o that saw no key may be overwritten. With `paired` the
    columns of o are in the order of pairs.

    Constraints:
    * (C1) o, m, l and scale have the same element type, and lse has it too.
    * (C2) there are `values`, in one buffer or several, exactly if `dead_row` is `uniform`.
    * (C3) the last dimension of o has stride 1.

    Example:

    ```mlir
    tile.finish %o, %m, %l into %out queries(%n) scale(%x) dead_row = zero
      : memref<?x128xf32>, memref<?xf32>, memref<?xf32>, memref<4x?x128xf16>, f32
    ```
  }];
  let arguments = (ins Arg<Tile_Matrix, "", [MemRead, MemWrite]>:$o, Arg<Tile_Rows, "", [MemRead]>:$m,
                       Arg<Tile_Rows, "", [MemRead]>:$l, Arg<Tile_Output, "", [MemWrite]>:$out,
                       Index:$queries, Tile_Accumulator:$scale,
                       Arg<Optional<MemRefRankOf<[F32, F64], [2]>>, "", [MemWrite]>:$lse,
                       Arg<Variadic<Tile_Keys>, "", [MemRead]>:$values,
                       GQA_DeadRowAttr:$dead_row, OptionalAttr<I64Attr>:$paired);
  let assemblyFormat = [{
    $o `,` $m `,` $l `into` $out `queries` `(` $queries `)` `scale` `(` $scale `)`
    (`lse` `(` $lse^ `:` type($lse) `)`)? (`values` `(` $values^ `:` type($values) `)`)?
    `dead_row` `=` custom<DeadRow>($dead_row) (`paired` `=` $paired^)? attr-dict
    `:` type($o) `,` type($m) `,` type($l) `,` type($out) `,` type($scale)
  }];
  let hasVerifier = 1;
}

#endif
