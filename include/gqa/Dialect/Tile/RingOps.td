// Operations of the `tile` dialect by which the warps of a task bring blocks to memory that they share, and wait for each other.
// Constraints are numbered as in TileOps.td.
#ifndef GQA_DIALECT_TILE_RING_OPS_TD
#define GQA_DIALECT_TILE_RING_OPS_TD

include "gqa/Dialect/Tile/TileTypes.td"

def Tile_RingOp : Tile_Op<"ring", [MemoryEffects<[MemAlloc]>, HasParent<"KernelOp">]> {
  let summary = "memory for a ring";
  let description = [{
    Undefined at first, and the task's own.

    Constraints:
    * (C1) a ring that is read by a product is filled by a `tile.widen`, or by a `tile.load` and awaited by a `tile.acquire`.
    * (C2) either all of its loads and acquires are `own` or none is.

    ```mlir
    %keys = tile.ring : !tile.ring<2x64x128xbf16>
    ```
  }];
  let results = (outs Tile_Ring:$ring);
  let assemblyFormat = "attr-dict `:` type($ring)";
  let hasVerifier = 1;
}

def Tile_LoadOp : Tile_Op<"load"> {
  let summary = "starts to fill a slot of a ring";
  let description = [{
    All warps together copy the rows of `source` to the first rows of a slot; the other rows, and columns that the source
    does not have, become zero. The copy goes on while the program does: `tile.acquire` waits for it. The source is a part
    of a tensor in the device's memory whose rows are contiguous and start at multiples of 16 bytes. Copies of nothing are
    legal: the slot becomes zeros. A source that is known to have all rows is copied without a test.

    With `own` each warp copies rows of its own, of `n` warps the `i`-th `n`-th of the slot, which no other may read: then
    warps need not wait for each other. A load that is `joined` counts as one with the next one.

    Constraints:
    * (C1) source and ring have the same element type, of 8 or 16 bits.
    * (C2) the source has at most the ring's columns, a multiple of 16 bytes.
    * (C3) the source has at most the rows of a slot, if they are known.
    * (C4) if it is `own`, the rows of a slot are a multiple of the task's warps.

    ```mlir
    tile.load %rows into %keys[%slot] : memref<?x128xbf16, strided<[?, ?], offset: ?>>, !tile.ring<2x64x128xbf16>
    ```
  }];
  let arguments = (ins Arg<Tile_Copied, "", [MemRead]>:$source,
                       Arg<Tile_Ring, "", [MemWrite]>:$ring, Index:$slot, UnitAttr:$own, UnitAttr:$joined);
  let assemblyFormat = "$source `into` $ring `[` $slot `]` (`own` $own^)? (`joined` $joined^)? attr-dict `:` type($source) `,` type($ring)";
  let hasVerifier = 1;
}

def Tile_AcquireOp : Tile_Op<"acquire", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "waits until a ring's next slot is full";
  let description = [{
    Afterwards every warp of the task sees the rows of all loads but the `younger` last ones, and has done everything in
    front of the acquire: slots that were read there may be filled again. With `own` that is said of each warp and its own
    rows alone.

    ```mlir
    tile.acquire %keys younger = 1 : !tile.ring<2x64x128xbf16>
    ```
  }];
  let arguments = (ins Tile_Ring:$ring, ConfinedAttr<I64Attr, [IntNonNegative]>:$younger,
                       UnitAttr:$own);
  let assemblyFormat = "$ring `younger` `=` $younger (`own` $own^)? attr-dict `:` type($ring)";
}

class Tile_Widens<string mnemonic, list<Trait> traits> : Tile_Op<mnemonic, traits> {
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    mlir::Type getCodeType() { return getCodes().getType().getElementType(); }
    mlir::Type getNumberType() { return getNumbers().getType().getElementType(); }
  }];
}

def Tile_WidenOp : Tile_Widens<"widen", [AttrSizedOperandSegments]> {
  let summary = "the numbers of a slot of a narrow cache, in a slot of their own";
  let description = [{
    All warps together turn the first slot, codes of 8 bits that `tile.acquire` has waited for, into numbers of the second
    ring's type, which holds all of them exactly; integers are signed unless the operation is `unsigned`. Products may
    read them behind a `tile.barrier`. Exists because in a prompt all warps read each key: widening it between matrix load and product
    (`tile.warp.qk`) each would do the same work.

    With `scales`, row `r` is multiplied by `scales[first + r]` in f32 and rounded once, and is zero where `first + r` is not
    below `end`, which is at least 1.

    Constraints:
    * (C1) both rings have the same rows and columns; codes have 8 bits, numbers 16.
    * (C2) `unsigned` is there for integers only.
    * (C3) `scales` have a first one and an end.

    ```mlir
    tile.widen %codes[%slot] into %keys[%one] : !tile.ring<2x64x128xf8E4M3FN>, !tile.ring<1x64x128xbf16>
    tile.widen %codes[%slot] into %keys[%one] scales(%s[%first] end(%end) : memref<?xf32>) unsigned
      : !tile.ring<2x64x128xi8>, !tile.ring<1x64x128xbf16>
    ```
  }];
  let arguments = (ins Arg<Tile_Ring, "", [MemRead]>:$codes, Index:$code_slot, Arg<Tile_Ring, "", [MemWrite]>:$numbers,
                       Index:$number_slot, Arg<Optional<Tile_PerHead>, "", [MemRead]>:$scales, Optional<Index>:$first,
                       Optional<Index>:$end, UnitAttr:$is_unsigned);
  let assemblyFormat = [{
    $codes `[` $code_slot `]` `into` $numbers `[` $number_slot `]`
    (`scales` `(` $scales^ `[` $first `]` `end` `(` $end `)` `:` type($scales) `)`)? (`unsigned` $is_unsigned^)? attr-dict
    `:` type($codes) `,` type($numbers)
  }];
}

def Tile_DrainOp : Tile_Op<"drain", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "the end of all rings of a task";
  let description = [{
    Waits for every load and every warp. No ring may be used afterwards, so that `tile.scratch` behind it can have their
    memory.

    ```mlir
    tile.drain
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_BarrierOp : Tile_Op<"barrier", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "waits for all warps of the task";
  let description = [{
    What a warp wrote in front of it, all see behind it.

    ```mlir
    tile.barrier
    ```
  }];
  let assemblyFormat = "attr-dict";
}

#endif // GQA_DIALECT_TILE_RING_OPS_TD
