// Operations of the `tile` dialect for targets whose warps work in groups of four with roles of their own: one group
// moves data, the others multiply. Constraints are numbered as in TileOps.td.
#ifndef GQA_DIALECT_TILE_GROUP_OPS_TD
#define GQA_DIALECT_TILE_GROUP_OPS_TD

include "gqa/Dialect/Tile/WarpOps.td"

class Tile_GroupOp<string mnemonic, list<Trait> traits = []> : Tile_Op<"group." # mnemonic, traits>;

def Tile_GroupChannelOp : Tile_GroupOp<"channel", [MemoryEffects<[MemAlloc]>, HasParent<"KernelOp">]> {
  let summary = "memory that the copy engine fills";
  let description = [{
    Undefined at first, and the task's own; all slots are free. The producer hands tiles to the consumers through it, and
    it stands in front of the roles. With `own` there are no roles: each warp fills and reads rows of its own
    (tile.warp.fill), once a `tile.barrier` behind it has been passed.

    ```mlir
    %keys = tile.group.channel : !tile.channel<2x128x128xbf16>
    ```
  }];
  let arguments = (ins UnitAttr:$own);
  let results = (outs Tile_Channel:$channel);
  let assemblyFormat = "(`own` $own^)? attr-dict `:` type($channel)";
}

def Tile_GroupRolesOp : Tile_GroupOp<"roles", [RecursiveMemoryEffects, NoTerminator, HasParent<"KernelOp">]> {
  let summary = "who does what in a task";
  let description = [{
    The first warps of the task, four for each of `consumers` groups, run the second region, whose argument is the number of
    their group; one thread of the four warps behind them runs the first, so that its operations mean the whole task. The
    registers go to the consumers, if there are several groups of them. All regions see the values in front; nothing follows but
    the end of the kernel.

    Where channels are of 8 bits that no product takes, the warps that are left of the last four, `kConvertingWarps`, run a third
    region together: they `convert` what the producer brings before the consumers read it.

    Constraints:
    * (C1) the kernel has four warps for each consumer and four more.
    * (C2) the consumers' region has one index argument, the others none.

    ```mlir
    tile.group.roles consumers = 2 {
      tile.group.fill %keys[%slot, %phase] from %map[%b, %h, %s] bytes(%n) : ...
    }, {
    ^bb0(%group: index):
      tile.group.wait %keys[%slot, %phase] : !tile.channel<2x128x128xbf16>
      ...
    } convert {
      tile.group.widen %codes[%slot, %phase] into %keys[%slot, %phase] : ...
    }
    ```
  }];
  let arguments = (ins ConfinedAttr<I64Attr, [IntPositive]>:$consumers);
  let regions = (region SizedRegion<1>:$producer, SizedRegion<1>:$consumer, MaxSizedRegion<1>:$converter);
  let assemblyFormat = "`consumers` `=` $consumers $producer `,` $consumer (`convert` $converter^)? attr-dict";
  let hasRegionVerifier = 1;
}

def Tile_GroupFillOp : Tile_GroupOp<"fill"> {
  let summary = "waits until a slot is free, and starts to fill it";
  let description = [{
    The slot's rows become those of a mapped tensor from `[b, h, s]` on, a box as large as the map says; what lies outside
    of the tensor becomes zero. `bytes` is the size of the box. `phase` is 0 while the channel's slots are filled
    for the first time, and changes each time they have been filled.

    Constraints:
    * (C1) the map and the channel have the same columns and element type.

    ```mlir
    tile.group.fill %keys[%slot, %phase] from %map[%b, %h, %s] bytes(%n) : !tile.channel<2x128x128xbf16>, !tile.map<128xbf16>
    ```
  }];
  let arguments = (ins Arg<Tile_Channel, "", [MemWrite]>:$channel, I32:$slot, I32:$phase, Tile_Map:$map, Index:$b, Index:$h,
                       Index:$s, Index:$bytes);
  let assemblyFormat = [{
    $channel `[` $slot `,` $phase `]` `from` $map `[` $b `,` $h `,` $s `]` `bytes` `(` $bytes `)` attr-dict
    `:` type($channel) `,` type($map)
  }];
  let hasVerifier = 1;
}

def Tile_GroupWidenOp : Tile_Widens<"group.widen", [AttrSizedOperandSegments]> {
  let summary = "the numbers of a slot of codes, in a slot of their own, for the consumers";
  let description = [{
    As `tile.widen`, by the warps that convert. Waits until the first slot is full and the second one free; afterwards the first
    is free and the second full. Phases are those of `tile.group.wait` and `tile.group.fill`.

    Constraints:
    * (C1) both channels have the same rows and columns; codes have 8 bits, numbers 16.
    * (C2) `unsigned` is there for integers only.
    * (C3) `scales` have a first one and an end.
    * (C4) it is in the region that converts.

    ```mlir
    tile.group.widen %codes[%one, %phase0] into %keys[%slot, %phase] scales(%s[%first] end(%end) : memref<?xf32>)
      : !tile.channel<1x128x128xf8E4M3FN>, !tile.channel<2x128x128xbf16>
    ```
  }];
  let arguments = (ins Arg<Tile_Channel, "", [MemRead]>:$codes, I32:$code_slot, I32:$code_phase,
                       Arg<Tile_Channel, "", [MemWrite]>:$numbers, I32:$number_slot, I32:$number_phase,
                       Arg<Optional<Tile_PerHead>, "", [MemRead]>:$scales, Optional<Index>:$first, Optional<Index>:$end,
                       UnitAttr:$is_unsigned);
  let assemblyFormat = [{
    $codes `[` $code_slot `,` $code_phase `]` `into` $numbers `[` $number_slot `,` $number_phase `]`
    (`scales` `(` $scales^ `[` $first `]` `end` `(` $end `)` `:` type($scales) `)`)? (`unsigned` $is_unsigned^)? attr-dict
    `:` type($codes) `,` type($numbers)
  }];
}

def Tile_GroupWaitOp : Tile_GroupOp<"wait", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "waits until a slot is full";
  let description = [{
    Products may read the slot behind it. It also ends a stretch of code that is scheduled as one: what is to go on
    beside a product belongs between the product and a wait.

    ```mlir
    tile.group.wait %keys[%slot, %phase] : !tile.channel<2x128x128xbf16>
    ```
  }];
  let arguments = (ins Tile_Channel:$channel, I32:$slot, I32:$phase);
  let assemblyFormat = "$channel `[` $slot `,` $phase `]` attr-dict `:` type($channel)";
}

def Tile_GroupReleaseOp : Tile_GroupOp<"release", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "this group has read a slot, which may be filled again";
  let description = [{
    Once all groups have said so. Products of the slot have been awaited.

    ```mlir
    tile.group.release %keys[%slot] : !tile.channel<2x128x128xbf16>
    ```
  }];
  let arguments = (ins Tile_Channel:$channel, I32:$slot);
  let assemblyFormat = "$channel `[` $slot `]` attr-dict `:` type($channel)";
}

def Tile_GroupTurnOp : Tile_GroupOp<"turn", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "two consumers take turns at the tensor cores";
  let description = [{
    While one multiplies, the other computes exponentials. Without `pass` the group waits for its turn, with it the turn is
    the other's. Group 0 begins: group 1 passes once in front. Both groups take as many turns.

    ```mlir
    tile.group.turn %group
    tile.group.turn pass %group
    ```
  }];
  let arguments = (ins Index:$group, UnitAttr:$pass);
  let assemblyFormat = "(`pass` $pass^)? $group attr-dict";
}

def Tile_GroupQKOp : Tile_GroupOp<"qk"> {
  let summary = "starts the product of a group's queries and a slot of keys";
  let description = [{
    As `tile.warp.qk`, for the 64 rows of a group: row `64 * group + r` of the queries, which lie in slot 0 of their channel.
    The result is there behind a `tile.group.await`.

    Constraints:
    * (C1) both channels have the same columns and the same element type, a float; of 8 bits, products are exact and sums
      are the tensor cores'.
    * (C2) s has as many columns as a slot of keys has rows.
    * (C3) the result is used by one tile.group.await and nothing else.

    ```mlir
    %s = tile.group.qk %queries[%group], %keys[%slot]
       : !tile.channel<1x128x128xbf16>, !tile.channel<2x128x128xbf16> -> !tile.fragment<16x128xf32>
    ```
  }];
  let arguments = (ins Arg<Tile_Channel, "", [MemRead]>:$queries, Index:$group, Arg<Tile_Channel, "", [MemRead]>:$keys,
                       I32:$slot);
  let results = (outs Tile_Sums:$s);
  let assemblyFormat = [{
    $queries `[` $group `]` `,` $keys `[` $slot `]` attr-dict `:` type($queries) `,` type($keys) `->` type($s)
  }];
  let hasVerifier = 1;
}

def Tile_GroupPVOp : Tile_GroupOp<"pv", [AllTypesMatch<["o", "newO"]>]> {
  let summary = "starts to add the product of probabilities and a slot of values";
  let description = [{
    `o' = o + p v`. The result is there behind a `tile.group.await`. With `columns` o has some of the values' columns only,
    as in `tile.warp.pv`, from the first one of a panel on.

    Constraints:
    * (C1) p and the channel have the same element type, p as many columns as a slot has rows, o those of the channel or with
      `columns` no more.
    * (C2) the result is used by one tile.group.await and nothing else.

    ```mlir
    %o1 = tile.group.pv %p, %values[%slot], %o
       : !tile.fragment<16x128xbf16>, !tile.channel<2x128x128xbf16>, !tile.fragment<16x128xf32>
    ```
  }];
  let arguments = (ins Tile_LeftOperand:$p, Arg<Tile_Channel, "", [MemRead]>:$values, I32:$slot, Optional<Index>:$column,
                       Tile_Sums:$o);
  let results = (outs Tile_Sums:$newO);
  let assemblyFormat = [{
    $p `,` $values `[` $slot `]` (`columns` `(` $column^ `)`)? `,` $o attr-dict `:` type($p) `,` type($values) `,` type($o)
  }];
  let hasVerifier = 1;
}

def Tile_GroupAwaitOp : Tile_GroupOp<"await", [MemoryEffects<[MemRead, MemWrite]>, AllTypesMatch<["pending", "done"]>]> {
  let summary = "the result of a product that was started";
  let description = [{
    Waits for all products of the group but the `younger` last ones, and has the value of one of those that are done.

    ```mlir
    %t = tile.group.await %s younger = 1 : !tile.fragment<16x128xf32>
    ```
  }];
  let arguments = (ins Tile_Sums:$pending, ConfinedAttr<I64Attr, [IntNonNegative]>:$younger);
  let results = (outs Tile_Sums:$done);
  let assemblyFormat = "$pending `younger` `=` $younger attr-dict `:` type($pending)";
}

def Tile_GroupStoreOp : Tile_GroupOp<"store", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "stores the rows that the groups have put into a channel";
  let description = [{
    Once all groups have come here, slot 0 becomes the box of a mapped tensor from `[b, h, s]` on, as large as the map says;
    what lies outside of the tensor is left out. It is the end of a task: all groups execute it, once, and nobody writes
    to the channel any more.

    Constraints:
    * (C1) the map has the channel's element type, of 16 bits, no more columns, and panels of the same width.

    ```mlir
    tile.group.store %group, %rows into %map[%b, %h, %s] : !tile.channel<1x128x192xbf16>, !tile.map<128xbf16>
    ```
  }];
  let arguments = (ins Index:$group, Tile_Channel:$rows, Tile_Map:$map, Index:$b, Index:$h, Index:$s);
  let assemblyFormat = [{
    $group `,` $rows `into` $map `[` $b `,` $h `,` $s `]` attr-dict `:` type($rows) `,` type($map)
  }];
  let hasVerifier = 1;
}

class Tile_ClusterOp<string mnemonic, list<Trait> traits = []> : Tile_Op<"cluster." # mnemonic, traits>;

def Tile_ClusterBarrierOp : Tile_ClusterOp<"barrier", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "waits for all warps of all tasks of the cluster";
  let description = [{
    What one of them wrote to its scratch memory in front of it, all see behind it. A task reads another's memory between
    two of them: behind the first the other has begun and has written, and until the second it does not end.

    Constraints:
    * (C1) the kernel has clusters.

    ```mlir
    tile.cluster.barrier
    ```
  }];
  let assemblyFormat = "attr-dict";
  let hasVerifier = 1;
}

def Tile_ClusterPeerOp : Tile_ClusterOp<"peer", [Pure, AllTypesMatch<["own", "peer"]>]> {
  let summary = "scratch memory of another task of the cluster";
  let description = [{
    What `own` is in the task `rank` of the cluster, to read. Lanes may name different ones.

    Constraints:
    * (C1) the kernel has clusters.
    * (C2) `own` is the memory of a tile.scratch.

    ```mlir
    %other = tile.cluster.peer %state[%rank] : memref<64x136xf32>
    ```
  }];
  let arguments = (ins AnyStaticShapeMemRef:$own, Index:$rank);
  let results = (outs AnyStaticShapeMemRef:$peer);
  let assemblyFormat = "$own `[` $rank `]` attr-dict `:` type($own)";
  let hasVerifier = 1;
}

#endif
