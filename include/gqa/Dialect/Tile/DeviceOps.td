// Operations of the `tile` dialect around kernels that run on a device with memory of its own.
#ifndef GQA_DIALECT_TILE_DEVICE_OPS_TD
#define GQA_DIALECT_TILE_DEVICE_OPS_TD

include "gqa/Dialect/Tile/TileTypes.td"

def Tile_DeviceMapOp : Tile_Op<"device.map", [MemoryEffects<[MemRead, MemWrite]>, AllTypesMatch<["buffer", "mapped"]>]> {
  let summary = "where kernels find a buffer";
  let description = [{
    The buffer itself, if it is in the device's memory, else one there of the same sizes and strides: a copy of it, or,
    with `write`, one that kernels fill and `tile.device.unmap` copies back. A buffer that is written has no holes; with
    `update`, which is both, what kernels leave alone is as it was.

    ```mlir
    %k1 = tile.device.map %k : memref<1x8x?x128xbf16, strided<[?, ?, ?, ?], offset: ?>>
    ```
  }];
  let arguments = (ins AnyMemRef:$buffer, UnitAttr:$write, UnitAttr:$update);
  let results = (outs AnyMemRef:$mapped);
  let assemblyFormat = "$buffer (`write` $write^)? (`update` $update^)? attr-dict `:` type($buffer)";
}

def Tile_DeviceUnmapOp : Tile_Op<"device.unmap", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "the end of all mappings";
  let description = [{
    What kernels have written is in the host's buffers afterwards.

    ```mlir
    tile.device.unmap
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_DeviceAllocOp : Tile_Op<"device.alloc", [MemoryEffects<[MemAlloc]>]> {
  let summary = "memory of the device for kernels of this call";
  let description = [{
    Undefined at first; it lives until it is freed or the call ends.

    ```mlir
    %p = tile.device.alloc(%n) : memref<?x16x128xf32>
    ```
  }];
  let arguments = (ins Variadic<Index>:$sizes);
  let results = (outs AnyMemRef:$memory);
  let assemblyFormat = "(`(` $sizes^ `)`)? attr-dict `:` type($memory)";
}

def Tile_DeviceFreeOp : Tile_Op<"device.free"> {
  let summary = "the end of memory of the device";
  let description = [{
    In the order of the stream: kernels that have been launched may still use it.

    ```mlir
    tile.device.free %p : memref<?x16x128xf32>
    ```
  }];
  let arguments = (ins Arg<AnyMemRef, "", [MemFree]>:$memory);
  let assemblyFormat = "$memory attr-dict `:` type($memory)";
}

def Tile_DeviceMatmulOp : Tile_Op<"device.matmul", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "a matrix product by a library of the device";
  let description = [{
    C = A B, or C += A B with `accumulate`, of buffers in the device's memory whose rows are contiguous, behind a batch dimension
    if they have one. With `transpose_a` the buffer holds the transpose of A.

    ```mlir
    tile.device.matmul transpose_b %x, %w, %y : memref<14x48xf32>, memref<96x48xf32>, memref<14x96xf32>
    ```
  }];
  let arguments = (ins UnitAttr:$transpose_a, UnitAttr:$transpose_b, UnitAttr:$accumulate, AnyMemRef:$a,
                       AnyMemRef:$b, AnyMemRef:$c);
  let assemblyFormat = [{
    (`transpose_a` $transpose_a^)? (`transpose_b` $transpose_b^)? (`accumulate` $accumulate^)? $a `,` $b `,` $c attr-dict
    `:` type($a) `,` type($b) `,` type($c)
  }];
}

def Tile_DeviceConstantOp : Tile_Op<"device.constant", [Pure, AllTypesMatch<["buffer", "memory"]>]> {
  let summary = "a constant of the host on the device";
  let description = [{
    A copy that the first call on a device makes, and all later ones find there.

    ```mlir
    %c = tile.device.constant %frequencies : memref<64xf32>
    ```
  }];
  let arguments = (ins AnyMemRef:$buffer);
  let results = (outs AnyMemRef:$memory);
  let assemblyFormat = "$buffer attr-dict `:` type($buffer)";
}

def Tile_DeviceResultOp : Tile_Op<"device.result", [MemoryEffects<[MemAlloc]>]> {
  let summary = "memory for a result of the function";
  let description = [{
    Where the caller wants result `index`: on the device, or on the host. Undefined at first. Only kernels work on it.

    ```mlir
    %o = tile.device.result 0(%n) : memref<?x8x64x64xf16>
    ```
  }];
  let arguments = (ins Variadic<Index>:$sizes, I64Attr:$index);
  let results = (outs AnyMemRef:$memory);
  let assemblyFormat = "$index (`(` $sizes^ `)`)? attr-dict `:` type($memory)";
}

def Tile_DeviceProcessorsOp : Tile_Op<"device.processors", [Pure]> {
  let summary = "how many multiprocessors the device has";
  let description = [{
    ```mlir
    %n = tile.device.processors
    ```
  }];
  let results = (outs Index:$count);
  let assemblyFormat = "attr-dict";
}

def Tile_DeviceClustersOp : Tile_Op<"device.clusters", [Pure]> {
  let summary = "how many clusters the device runs at a time";
  let description = [{
    Of `tasks` tasks each, of which a multiprocessor has room for `resident`. A cluster runs on multiprocessors of one group, and
    chips have groups of unequal sizes: of 132 multiprocessors an H100 may have room for 15 clusters of 8, not 16. 0 where there are
    no clusters of that size.

    ```mlir
    %n = tile.device.clusters %tasks resident = 1
    ```
  }];
  let arguments = (ins Index:$tasks, ConfinedAttr<I64Attr, [IntPositive]>:$resident);
  let results = (outs Index:$count);
  let assemblyFormat = "$tasks `resident` `=` $resident attr-dict";
}

def Tile_DeviceChipOp : Tile_Op<"device.chip", [Pure]> {
  let summary = "which chip the device is";
  let description = [{
    80 for sm_80, 90 for sm_90, and so on.

    ```mlir
    %n = tile.device.chip
    ```
  }];
  let results = (outs Index:$chip);
  let assemblyFormat = "attr-dict";
}

def Tile_DeviceMapTensorOp : Tile_Op<"device.map_tensor", [Pure]> {
  let summary = "how the copy engine finds boxes of a tensor";
  let description = [{
    Of `heads` heads by `rows` rows of a buffer B x H x S x D in the device's memory that has no empty dimension and whose
    rows are contiguous and start at multiples of 16 bytes.

    Constraints:
    * (C1) the buffer has the map's columns and its element type.

    ```mlir
    %m = tile.device.map_tensor %k box(%heads, %rows) : memref<1x8x?x128xbf16, strided<[?, ?, ?, 1], offset: ?>> -> !tile.map<128xbf16>
    ```
  }];
  let arguments = (ins Tile_Mapped:$buffer, Index:$heads, Index:$rows);
  let results = (outs Tile_Map:$map);
  let assemblyFormat = "$buffer `box` `(` $heads `,` $rows `)` attr-dict `:` type($buffer) `->` type($map)";
  let hasVerifier = 1;
}

#endif
