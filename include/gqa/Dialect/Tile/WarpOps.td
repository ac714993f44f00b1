// Operations of the `tile` dialect for targets whose tasks are run by several warps: one warp's work on fragments. Constraints are
// numbered as in TileOps.td.
#ifndef GQA_DIALECT_TILE_WARP_OPS_TD
#define GQA_DIALECT_TILE_WARP_OPS_TD

include "gqa/Dialect/Tile/RingOps.td"

class Tile_WarpOp<string mnemonic, list<Trait> traits = []> : Tile_Op<"warp." # mnemonic, traits>;

def Tile_WarpIdOp : Tile_WarpOp<"id", [Pure]> {
  let summary = "the number of this warp within its task";
  let description = [{
    ```mlir
    %w = tile.warp.id
    ```
  }];
  let results = (outs Index:$id);
  let assemblyFormat = "attr-dict";
}

def Tile_WarpLaneOp : Tile_WarpOp<"lane", [Pure]> {
  let summary = "the number of this lane within its warp";
  let description = [{
    From 0 to 31. Operations that every lane runs with numbers of its own are `arith`, `math` and `memref`, as anywhere.

    ```mlir
    %l = tile.warp.lane
    ```
  }];
  let results = (outs Index:$lane);
  let assemblyFormat = "attr-dict";
}

def Tile_WarpSumOp : Tile_WarpOp<"sum", [Pure]> {
  let summary = "the sum of a number of every lane";
  let description = [{
    All lanes have it afterwards.

    ```mlir
    %s = tile.warp.sum %x : f32
    ```
  }];
  let arguments = (ins F32:$x);
  let results = (outs F32:$sum);
  let assemblyFormat = "$x attr-dict `:` type($sum)";
}

def Tile_WarpMaxOp : Tile_WarpOp<"max", [Pure]> {
  let summary = "the largest number of all lanes";
  let description = [{
    All lanes have it afterwards. NaN is left out.

    ```mlir
    %m = tile.warp.max %x : f32
    ```
  }];
  let arguments = (ins F32:$x);
  let results = (outs F32:$max);
  let assemblyFormat = "$x attr-dict `:` type($max)";
}

def Tile_WarpAnyOp : Tile_WarpOp<"any", [Pure]> {
  let summary = "whether a condition holds in some lane";
  let description = [{
    All lanes know it afterwards.

    ```mlir
    %a = tile.warp.any %c
    ```
  }];
  let arguments = (ins I1:$condition);
  let results = (outs I1:$any);
  let assemblyFormat = "$condition attr-dict";
}

def Tile_WarpReadOp : Tile_WarpOp<"read", [Pure]> {
  let summary = "a number of another lane";
  let description = [{
    Lanes may name different ones, from 0 to 31.

    ```mlir
    %y = tile.warp.read %x[%lane] : f32
    ```
  }];
  let arguments = (ins F32:$x, Index:$lane);
  let results = (outs F32:$result);
  let assemblyFormat = "$x `[` $lane `]` attr-dict `:` type($result)";
}

def Tile_WarpRowsOp : Tile_WarpOp<"rows", [Pure, AllTypesMatch<["head", "query"]>]> {
  let summary = "which head and which query each row is";
  let description = [{
    Row `r` of the fragment is row `first + r` of the tile: head `(first + r) floordiv N` and query `(first + r) mod N`,
    both counted from the tile's first, with `N` given by `queries`.

    ```mlir
    %head, %query = tile.warp.rows %first queries(%n) : !tile.fragment<16xindex>
    ```
  }];
  let arguments = (ins Index:$first, Index:$queries);
  let results = (outs Tile_RowIndex:$head, Tile_RowIndex:$query);
  let assemblyFormat = "$first `queries` `(` $queries `)` attr-dict `:` type($head)";
}

def Tile_WarpQueriesOp : Tile_WarpOp<"queries", [AllTypesMatch<["head", "query"]>]> {
  let summary = "a warp's queries, as the left operand of a product";
  let description = [{
    Row `r` is `source[head[r], query[r]]`, with zeros behind its last column. Rows that the source does not have hold
    those of its first row. The source is as in `tile.load`. The fragment may be in `quads`. With `columns` it has some of
    the source's columns only, from one on that is a multiple of the fragment's: `source[head[r], query[r], column + d]`.

    Constraints:
    * (C1) source and fragment have the same element type.
    * (C2) the source has at most the fragment's columns, or with `columns` any number, a multiple of 8.

    ```mlir
    %q = tile.warp.queries %source[%head, %query] : memref<4x?x128xbf16>, !tile.fragment<16xindex>, !tile.fragment<16x128xbf16>
    ```
  }];
  let arguments = (ins Arg<MemRefRankOf<[F16, BF16], [3]>, "", [MemRead]>:$source, Tile_RowIndex:$head,
                       Tile_RowIndex:$query, Optional<Index>:$column);
  let results = (outs Tile_LeftOperand:$q);
  let assemblyFormat = [{
    $source `[` $head `,` $query `]` (`columns` `(` $column^ `)`)? attr-dict `:` type($source) `,` type($head) `,` type($q)
  }];
  let hasVerifier = 1;
}

def Tile_WarpInitOp : Tile_WarpOp<"init", [AttrSizedOperandSegments, AllTypesMatch<["m", "l"]>]> {
  let summary = "the state of an online softmax that has seen no key";
  let description = [{
    As `tile.init`, but `m` is a power of two, here and in all operations of warps: a maximum times scale times log2(e).
    `l` is spread over the four lanes of a row, whose sum it is; so a step needs no exchange for it.

    Constraints:
    * (C1) `head` is there exactly if there are sinks.

    ```mlir
    %o, %m, %l = tile.warp.init sinks(%sinks[%head] : memref<4xf32>, !tile.fragment<16xindex>)
      : !tile.fragment<16x128xf32>, !tile.fragment<16xf32>
    ```
  }];
  let arguments = (ins Arg<Optional<Tile_PerHead>, "", [MemRead]>:$sinks, Optional<Tile_RowIndex>:$head);
  let results = (outs Tile_Sums:$o, Tile_PerRow:$m, Tile_PerRow:$l);
  let assemblyFormat = [{
    (`sinks` `(` $sinks^ `[` $head `]` `:` type($sinks) `,` type($head) `)`)? attr-dict `:` type($o) `,` type($m)
  }];
  let hasVerifier = 1;
}

def Tile_WarpQKOp : Tile_WarpOp<"qk"> {
  let summary = "scores: q times the transpose of keys of a slot";
  let description = [{
    `s[r, c] = sum_d q[r, d] * k[row + c, d]` in f32, with `k` a slot of a ring or a channel that is full. Keys of 8 bits
    become numbers of q's type on the way, exactly; integers are signed unless the operation is `unsigned`. With `columns` q
    has some of the keys' columns only, from one on that is a multiple of 8, and s is their part of the scores:
    `sum_d q[r, d] * k[row + c, column + d]`.

    Constraints:
    * (C1) q and the slots have the same number of columns, a multiple of 16, and the same element type; or the slots' has
      8 bits, q is in quads, and the columns are a multiple of 32. With `columns` q has no more.
    * (C2) s has a multiple of 16 columns, at most the rows of a slot.
    * (C3) `unsigned` is there for integers only.
    * (C4) `columns` is there for rings of 16 bits only.

    ```mlir
    %s = tile.warp.qk %q, %keys[%slot, %row] : !tile.fragment<16x128xbf16>, !tile.ring<2x64x128xbf16>
       -> !tile.fragment<16x64xf32>
    ```
  }];
  let arguments = (ins Tile_LeftOperand:$q, Arg<Tile_Slots, "", [MemRead]>:$keys, Index:$slot, Index:$row,
                       Optional<Index>:$column, UnitAttr:$is_unsigned);
  let results = (outs Tile_Sums:$s);
  let assemblyFormat = [{
    $q `,` $keys `[` $slot `,` $row `]` (`columns` `(` $column^ `)`)? (`unsigned` $is_unsigned^)? attr-dict `:` type($q) `,` type($keys) `->` type($s)
  }];
  let hasVerifier = 1;
}

def Tile_WarpMultiplyOp : Tile_WarpOp<"multiply", [AllTypesMatch<["sums", "results"]>]> {
  let summary = "adds to sums a product of two matrices in slots";
  let description = [{
    Fragment `i` of the results is `sums[i][r, c] + sum_d left[row + 16 i + r, d] * right[column + c, d]` in f32, with slots of
    two rings that are full; with `across` the right one lies the other way, `right[d, column + c]`. What a lane loads of one matrix it
    multiplies with all that it has of the other: a warp reads an element of either once. Exists for products that are no scores, of
    tokens and the matrices of their experts.

    Constraints:
    * (C1) both slots have the same element type, of 16 bits.
    * (C2) the left one has a multiple of 16 columns, and the right one as many; with `across`, as many rows.
    * (C3) sums have the same number of columns, a multiple of 16.

    ```mlir
    %s0, %s1 = tile.warp.multiply %x[%slot, %row], %w[%slot, %column] onto %o0, %o1
      : !tile.ring<4x128x32xbf16>, !tile.ring<4x128x32xbf16>, !tile.fragment<16x32xf32>, !tile.fragment<16x32xf32>
    ```
  }];
  let arguments = (ins Arg<Tile_Ring, "", [MemRead]>:$left, Index:$left_slot, Index:$row, Arg<Tile_Ring, "", [MemRead]>:$right,
                       Index:$right_slot, Index:$column, Variadic<Tile_Sums>:$sums, UnitAttr:$across);
  let results = (outs Variadic<Tile_Sums>:$results);
  let assemblyFormat = [{
    $left `[` $left_slot `,` $row `]` `,` $right `[` $right_slot `,` $column `]` (`across` $across^)? `onto` $sums attr-dict
    `:` type($left) `,` type($right) `,` type($sums)
  }];
  let hasVerifier = 1;
}

def Tile_WarpWriteOp : Tile_WarpOp<"write"> {
  let summary = "writes sums to memory";
  let description = [{
    `result[row + r, column + c]` becomes `sums[r, c]`, rounded to the result's type; with `add`, what is there plus that, in f32.
    Only of rows in front of `end`, and of columns from `first` on that the result has. Columns are written in pairs: their number, `column` and
    `first` are even, and rows are contiguous and begin where such a pair may.

    ```mlir
    tile.warp.write %sums to %y[%row, %column] end(%rows) first(%first) : !tile.fragment<16x32xf32>, memref<?x4096xbf16>
    ```
  }];
  let arguments = (ins Tile_Sums:$sums, Arg<MemRefRankOf<[F16, BF16, F32], [2]>, "", [MemRead, MemWrite]>:$result, Index:$row,
                       Index:$column, Index:$end, Index:$first, UnitAttr:$add);
  let assemblyFormat = [{
    $sums `to` $result `[` $row `,` $column `]` `end` `(` $end `)` `first` `(` $first `)` (`add` $add^)? attr-dict
    `:` type($sums) `,` type($result)
  }];
}

def Tile_WarpShareOp : Tile_WarpOp<"share"> {
  let summary = "shows a fragment to other warps";
  let description = [{
    Its numbers become row `n` of a buffer of the task's, each lane's where a `tile.warp.total` looks for them: behind a barrier.

    Constraints:
    * (C1) a row of the buffer has as many numbers as the fragment.

    ```mlir
    tile.warp.share %s into %room[%n] : !tile.fragment<16x16xf32>, memref<8x256xf32>
    ```
  }];
  let arguments = (ins Tile_Sums:$s, Arg<MemRefRankOf<[F32], [2]>, "", [MemWrite]>:$room, Index:$n);
  let assemblyFormat = "$s `into` $room `[` $n `]` attr-dict `:` type($s) `,` type($room)";
  let hasVerifier = 1;
}

def Tile_WarpTotalOp : Tile_WarpOp<"total"> {
  let summary = "the sum of fragments that several warps have";
  let description = [{
    Of the `parts` ones that `tile.warp.share` has left in a buffer, from row `first` on. All warps add in the same order, so that
    all have the same numbers.

    Constraints:
    * (C1) a row of the buffer has as many numbers as the fragment.

    ```mlir
    %t = tile.warp.total %room[%first] parts = 4 : memref<8x256xf32> -> !tile.fragment<16x16xf32>
    ```
  }];
  let arguments = (ins Arg<MemRefRankOf<[F32], [2]>, "", [MemRead]>:$room, Index:$first,
                       ConfinedAttr<I64Attr, [IntPositive]>:$parts);
  let results = (outs Tile_Sums:$total);
  let assemblyFormat = "$room `[` $first `]` `parts` `=` $parts attr-dict `:` type($room) `->` type($total)";
  let hasVerifier = 1;
}

def Tile_WarpFillOp : Tile_WarpOp<"fill"> {
  let summary = "starts to fill the warp's rows of a slot";
  let description = [{
    Of `n` warps the `i`-th has the `i`-th `n`-th of the rows of each slot, which become those of a mapped tensor from `[b, h,
    s]` on, a box of as many; what lies outside of the tensor becomes zero. The warp has read what was there.

    Constraints:
    * (C1) the map and the channel have the same columns and element type.
    * (C2) the channel is `own`.

    ```mlir
    tile.warp.fill %keys[%slot] from %map[%b, %h, %s] : !tile.channel<2x64x128xbf16>, !tile.map<128xbf16>
    ```
  }];
  let arguments = (ins Arg<Tile_Channel, "", [MemWrite]>:$channel, Index:$slot, Tile_Map:$map, Index:$b, Index:$h, Index:$s);
  let assemblyFormat = [{
    $channel `[` $slot `]` `from` $map `[` $b `,` $h `,` $s `]` attr-dict `:` type($channel) `,` type($map)
  }];
  let hasVerifier = 1;
}

def Tile_WarpPrefetchOp : Tile_WarpOp<"prefetch", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "asks for the warp's rows of a slot";
  let description = [{
    What `tile.warp.fill` would fill the warp's rows of a slot with is in the device's second cache soon, whoever writes to it in the
    meantime.

    Constraints:
    * (C1) the map and the channel have the same columns and element type.
    * (C2) the channel is `own`.

    ```mlir
    tile.warp.prefetch %keys from %map[%b, %h, %s] : !tile.channel<2x64x128xbf16>, !tile.map<128xbf16>
    ```
  }];
  let arguments = (ins Tile_Channel:$channel, Tile_Map:$map, Index:$b, Index:$h, Index:$s);
  let assemblyFormat = [{
    $channel `from` $map `[` $b `,` $h `,` $s `]` attr-dict `:` type($channel) `,` type($map)
  }];
  let hasVerifier = 1;
}

def Tile_WarpWaitOp : Tile_WarpOp<"wait", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "waits until the warp's rows of a slot are full";
  let description = [{
    `phase` is 0 for what fills the slot first, and changes each time.

    Constraints:
    * (C1) the channel is `own`.

    ```mlir
    tile.warp.wait %keys[%slot, %phase] : !tile.channel<2x64x128xbf16>
    ```
  }];
  let arguments = (ins Tile_Channel:$channel, Index:$slot, Index:$phase);
  let assemblyFormat = "$channel `[` $slot `,` $phase `]` attr-dict `:` type($channel)";
  let hasVerifier = 1;
}

def Tile_WarpClearOp : Tile_WarpOp<"clear"> {
  let summary = "makes the last of the warp's rows of a slot zero";
  let description = [{
    Those from `count` on, where the slot is full and will not be filled again: what lies behind the last key must not reach
    a product of probabilities, as 0 times NaN is NaN.

    Constraints:
    * (C1) the channel is `own`.

    ```mlir
    tile.warp.clear %values[%slot] from(%count) : !tile.channel<2x64x128xbf16>
    ```
  }];
  let arguments = (ins Arg<Tile_Channel, "", [MemWrite]>:$channel, Index:$slot, Index:$count);
  let assemblyFormat = "$channel `[` $slot `]` `from` `(` $count `)` attr-dict `:` type($channel)";
  let hasVerifier = 1;
}

def Tile_WarpScoreOp : Tile_WarpOp<"score", [RecursiveMemoryEffects, AllTypesMatch<["s", "scores"]>,
    AllTypesMatch<["head", "query"]>]> {
  let summary = "score mathematics beyond a positive scale";
  let description = [{
    As `tile.score`, for the rows of a fragment: column `c` of row `r` is query `i + query[r]` of head `h + head[r]` and key
    `j + c`. `heads`, `queries` and `keys` count those that exist; elsewhere the region is given the last one. What reads
    memory, a bias or a mask, is in the region as well.

    Constraints:
    * (C1) the softcap is positive.
    * (C2) the region has the arguments (f32, index, index, index, index) and yields an f32 and optionally an i1.

    ```mlir
    %t = tile.warp.score %s at(%b, %h, %i, %j) rows(%head, %query) heads(%g) queries(%n) keys(%k) scale(%x) softcap = 50.0
       : !tile.fragment<16x64xf32>, !tile.fragment<16xindex>
    ```
  }];
  let arguments = (ins Tile_Sums:$s, Index:$b, Index:$h, Index:$i, Index:$j, Tile_RowIndex:$head, Tile_RowIndex:$query,
                       Index:$heads, Index:$queries, Index:$keys, F32:$scale, OptionalAttr<F64Attr>:$softcap);
  let results = (outs Tile_Sums:$scores);
  let regions = (region MaxSizedRegion<1>:$score);
  let assemblyFormat = [{
    $s `at` `(` $b `,` $h `,` $i `,` $j `)` `rows` `(` $head `,` $query `)` `heads` `(` $heads `)`
    `queries` `(` $queries `)` `keys` `(` $keys `)` `scale` `(` $scale `)` (`softcap` `=` $softcap^)?
    (`score` $score^)? attr-dict `:` type($s) `,` type($head)
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Tile_WarpMaskOp : Tile_WarpOp<"mask", [Pure, AttrSizedOperandSegments, AllTypesMatch<["s", "scores"]>]> {
  let summary = "hides the keys outside of a band";
  let description = [{
    As `tile.mask`: the row of query `i' = i + query[r]` keeps its score of key `j' = j + c` where
    `i' + first <= j' <= i' + last` and `c < keys`.

    ```mlir
    %t = tile.warp.mask %s at(%i, %j) rows(%query) keys(%n) last(%zero) : !tile.fragment<16x64xf32>, !tile.fragment<16xindex>
    ```
  }];
  let arguments = (ins Tile_Sums:$s, Index:$i, Index:$j, Tile_RowIndex:$query, Index:$keys, Optional<Index>:$first,
                       Optional<Index>:$last);
  let results = (outs Tile_Sums:$scores);
  let assemblyFormat = [{
    $s `at` `(` $i `,` $j `)` `rows` `(` $query `)` `keys` `(` $keys `)` (`first` `(` $first^ `)`)?
    (`last` `(` $last^ `)`)? attr-dict `:` type($s) `,` type($query)
  }];
}

def Tile_WarpSoftmaxStepOp : Tile_WarpOp<"softmax_step", [Pure, AllTypesMatch<["s", "p"]>,
    AllTypesMatch<["m", "l", "newM", "newL", "alpha"]>]> {
  let summary = "one step of an online softmax";
  let description = [{
    As `tile.softmax_step`, on values: the probabilities, the new maximum and sum, and what `o` has to be multiplied by.

    ```mlir
    %p, %m1, %l1, %alpha = tile.warp.softmax_step %s, %m, %l scale(%x) : !tile.fragment<16x64xf32>, !tile.fragment<16xf32>
    ```
  }];
  let arguments = (ins Tile_Sums:$s, Tile_PerRow:$m, Tile_PerRow:$l, F32:$scale);
  let results = (outs Tile_Sums:$p, Tile_PerRow:$newM, Tile_PerRow:$newL, Tile_PerRow:$alpha);
  let assemblyFormat = "$s `,` $m `,` $l `scale` `(` $scale `)` attr-dict `:` type($s) `,` type($m)";
}

def Tile_WarpToOperandOp : Tile_WarpOp<"to_operand", [Pure]> {
  let summary = "sums of one product as the left operand of the next";
  let description = [{
    Rounds to nearest even. The lanes keep what they have.

    Constraints:
    * (C1) both have the same shape, with a multiple of 16 columns.

    ```mlir
    %a = tile.warp.to_operand %p : !tile.fragment<16x64xf32> -> !tile.fragment<16x64xbf16>
    ```
  }];
  let arguments = (ins Tile_Sums:$sums);
  let results = (outs Tile_LeftOperand:$left);
  let assemblyFormat = "$sums attr-dict `:` type($sums) `->` type($left)";
  let hasVerifier = 1;
}

def Tile_WarpPVOp : Tile_WarpOp<"pv", [AllTypesMatch<["o", "newO"]>]> {
  let summary = "the output of a tile: rescaled, plus p times values of a slot";
  let description = [{
    `o'[r, d] = alpha[r] * o[r, d] + sum_c p[r, c] * v[row + c, d]`, with `v` a slot of a ring or a channel that is full.
    Values of 8 bits become numbers of p's type on the way, as keys do in `tile.warp.qk`. With `columns` o has some of the
    values' columns only, from one on that is a multiple of 8: `v[row + c, column + d]`.

    Constraints:
    * (C1) p and the slots have the same element type; or the slots' has 8 bits, o is in quads, and its columns are a
      multiple of 32.
    * (C2) p has a multiple of 16 columns, at most the rows of a slot; o has their columns, a multiple of 16, or with
      `columns` no more.
    * (C3) `unsigned` is there for integers only.
    * (C4) `columns` is there for rings of 16 bits only.

    ```mlir
    %o1 = tile.warp.pv %p, %values[%slot, %row], %o rescale(%alpha)
       : !tile.fragment<16x64xbf16>, !tile.ring<2x64x128xbf16>, !tile.fragment<16x128xf32>, !tile.fragment<16xf32>
    ```
  }];
  let arguments = (ins Tile_LeftOperand:$p, Arg<Tile_Slots, "", [MemRead]>:$values, Index:$slot, Index:$row,
                       Optional<Index>:$column, Tile_Sums:$o, Tile_PerRow:$alpha, UnitAttr:$is_unsigned);
  let results = (outs Tile_Sums:$newO);
  let assemblyFormat = [{
    $p `,` $values `[` $slot `,` $row `]` (`columns` `(` $column^ `)`)? `,` $o `rescale` `(` $alpha `)`
    (`unsigned` $is_unsigned^)? attr-dict
    `:` type($p) `,` type($values) `,` type($o) `,` type($alpha)
  }];
  let hasVerifier = 1;
}

def Tile_WarpRescaleOp : Tile_WarpOp<"rescale", [Pure, AllTypesMatch<["o", "newO"]>]> {
  let summary = "each row of a fragment times a number";
  let description = [{
    ```mlir
    %o1 = tile.warp.rescale %o, %alpha : !tile.fragment<16x128xf32>, !tile.fragment<16xf32>
    ```
  }];
  let arguments = (ins Tile_Sums:$o, Tile_PerRow:$alpha);
  let results = (outs Tile_Sums:$newO);
  let assemblyFormat = "$o `,` $alpha attr-dict `:` type($o) `,` type($alpha)";
}

def Tile_WarpColumnsOp : Tile_WarpOp<"columns"> {
  let summary = "a number for each column of a matrix";
  let description = [{
    Column `c` has `source[first + c]`, in f32, or 0 where `first + c` is not below `end`, which is at least 1.

    ```mlir
    %f = tile.warp.columns %scales[%key] end(%keys) : memref<?xf32, strided<[?], offset: ?>> -> !tile.fragment<1x32xf32>
    ```
  }];
  let arguments = (ins Arg<Tile_PerHead, "", [MemRead]>:$source, Index:$first, Index:$end);
  let results = (outs Tile_PerColumn:$columns);
  let assemblyFormat = "$source `[` $first `]` `end` `(` $end `)` attr-dict `:` type($source) `->` type($columns)";
}

def Tile_WarpScaleOp : Tile_WarpOp<"scale", [Pure, AllTypesMatch<["x", "scaled"]>]> {
  let summary = "each column of a fragment times a number";
  let description = [{
    In f32; of a left operand, rounded to its type.

    Constraints:
    * (C1) x and the factors have the same columns, and both or none are in quads.

    ```mlir
    %t = tile.warp.scale %s by %f : !tile.fragment<16x32xf32>, !tile.fragment<1x32xf32>
    ```
  }];
  let arguments = (ins AnyTypeOf<[Tile_Sums, Tile_LeftOperand]>:$x, Tile_PerColumn:$factors);
  let results = (outs AnyTypeOf<[Tile_Sums, Tile_LeftOperand]>:$scaled);
  let assemblyFormat = "$x `by` $factors attr-dict `:` type($x) `,` type($factors)";
  let hasVerifier = 1;
}

def Tile_WarpStoreOp : Tile_WarpOp<"store", [AllTypesMatch<["m", "l"]>]> {
  let summary = "stores a warp's state";
  let description = [{
    The rows of the state become those from `row` on of three buffers, which have them; with `end`, only rows in front of
    it. Those of `os` start at multiples of 8 bytes, or of 16 if o is in quads.

    Constraints:
    * (C1) the buffer of o has at least as many columns as o.

    ```mlir
    tile.warp.store %o, %m, %l into %os, %ms, %ls at(%row) end(%rows) : !tile.fragment<16x128xf32>,
      !tile.fragment<16xf32>, memref<64x128xf32>, memref<64xf32>, memref<64xf32>
    ```
  }];
  let arguments = (ins Tile_Sums:$o, Tile_PerRow:$m, Tile_PerRow:$l, Arg<MemRefRankOf<[F32], [2]>, "", [MemWrite]>:$os,
                       Arg<MemRefRankOf<[F32], [1]>, "", [MemWrite]>:$ms,
                       Arg<MemRefRankOf<[F32], [1]>, "", [MemWrite]>:$ls, Index:$row, Optional<Index>:$end);
  let assemblyFormat = [{
    $o `,` $m `,` $l `into` $os `,` $ms `,` $ls `at` `(` $row `)` (`end` `(` $end^ `)`)? attr-dict
    `:` type($o) `,` type($m) `,` type($os) `,` type($ms) `,` type($ls)
  }];
  let hasVerifier = 1;
}

def Tile_WarpMergeOp : Tile_WarpOp<"merge", [AllTypesMatch<["o", "newO"]>, AllTypesMatch<["m", "l", "newM", "newL"]>]> {
  let summary = "joins a warp's state with a stored one over other keys";
  let description = [{
    As `tile.merge`: the stored state is in the rows from `row` and the columns from `column` on of the buffers, which are
    as in `tile.warp.store`.

    ```mlir
    %o1, %m1, %l1 = tile.warp.merge %o, %m, %l with %os, %ms, %ls at(%row, %column)
      : !tile.fragment<16x128xf32>, !tile.fragment<16xf32>, memref<64x128xf32>, memref<64xf32>, memref<64xf32>
    ```
  }];
  let arguments = (ins Tile_Sums:$o, Tile_PerRow:$m, Tile_PerRow:$l, Arg<MemRefRankOf<[F32], [2]>, "", [MemRead]>:$os,
                       Arg<MemRefRankOf<[F32], [1]>, "", [MemRead]>:$ms, Arg<MemRefRankOf<[F32], [1]>, "", [MemRead]>:$ls,
                       Index:$row, Index:$column);
  let results = (outs Tile_Sums:$newO, Tile_PerRow:$newM, Tile_PerRow:$newL);
  let assemblyFormat = [{
    $o `,` $m `,` $l `with` $os `,` $ms `,` $ls `at` `(` $row `,` $column `)` attr-dict
    `:` type($o) `,` type($m) `,` type($os) `,` type($ms) `,` type($ls)
  }];
}

def Tile_WarpFinishOp : Tile_WarpOp<"finish", [AttrSizedOperandSegments, AllTypesMatch<["m", "l"]>,
    AllTypesMatch<["head", "query"]>]> {
  let summary = "normalises a warp's rows and stores them";
  let description = [{
    As `tile.finish`: row `r` is `out[head[r], query[r]]`, if there is one, from column `column` on. Columns that out does
    not have are left out.

    With `through` row `r` goes to row `row + r` of slot 0 of a channel instead, whether `out` has it or not: on its way
    to memory by `tile.group.store`.

    A product multiplies hidden values by 0, and where they are not finite that is NaN. With `marks` the operation also
    stores to `marks[mark]` whether the rows have to be computed another way: 1 where a number of o is not finite, where
    a row saw no key and `dead_row` is uniform, or where scores are so large that none was within reach of the rounded
    maximum (|s| beyond 2^30: fills that are no masks), else 0.

    Constraints:
    * (C1) `marks` and `mark` are both there, and are there if `dead_row` is uniform.
    * (C2) the channel has the element type of `out` and at least the columns of `o`, which is not in quads.

    ```mlir
    tile.warp.finish %o, %m, %l into %out[%head, %query, %c] dead_row = zero
      : !tile.fragment<16x128xf32>, !tile.fragment<16xf32>, !tile.fragment<16xindex>, memref<4x?x128xbf16>
    ```
  }];
  let arguments = (ins Tile_Sums:$o, Tile_PerRow:$m, Tile_PerRow:$l, Arg<Tile_Output, "", [MemWrite]>:$out,
                       Tile_RowIndex:$head, Tile_RowIndex:$query, Index:$column,
                       Arg<Optional<MemRefRankOf<[F32], [2]>>, "", [MemWrite]>:$lse,
                       Arg<Optional<MemRefRankOf<[I32], [1]>>, "", [MemWrite]>:$marks, Optional<Index>:$mark,
                       Arg<Optional<Tile_Channel>, "", [MemWrite]>:$channel, Optional<Index>:$row, GQA_DeadRowAttr:$dead_row);
  let assemblyFormat = [{
    $o `,` $m `,` $l `into` $out `[` $head `,` $query `,` $column `]`
    (`through` `(` $channel^ `[` $row `]` `:` type($channel) `)`)? (`lse` `(` $lse^ `:` type($lse) `)`)? (`marks` `(` $marks^ `[` $mark `]` `:` type($marks) `)`)?
    `dead_row` `=` custom<DeadRow>($dead_row) attr-dict `:` type($o) `,` type($m) `,` type($head) `,` type($out)
  }];
  let hasVerifier = 1;
}

#endif
