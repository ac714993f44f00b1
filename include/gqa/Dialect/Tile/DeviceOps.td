// Operations of the `tile` dialect around kernels that run on a device with memory of its own.
#ifndef GQA_DIALECT_TILE_DEVICE_OPS_TD
#define GQA_DIALECT_TILE_DEVICE_OPS_TD

include "gqa/Dialect/Tile/TileTypes.td"

def Tile_DeviceMapOp : Tile_Op<"device.map", [MemoryEffects<[MemRead, MemWrite]>, AllTypesMatch<["buffer", "mapped"]>]> {
  let summary = "where kernels find a buffer";
  let description = [{
    The buffer itself, if it is in the device's memory, else one there of the same sizes and strides: a copy of it, or,
    with `write`, one that kernels fill and `tile.device.unmap` copies back. A buffer that is written has no holes.

    ```mlir
    %k1 = tile.device.map %k : memref<1x8x?x128xbf16, strided<[?, ?, ?, ?], offset: ?>>
    ```
  }];
  let arguments = (ins AnyMemRef:$buffer, UnitAttr:$write);
  let results = (outs AnyMemRef:$mapped);
  let assemblyFormat = "$buffer (`write` $write^)? attr-dict `:` type($buffer)";
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
    Undefined at first; it lives until the call ends.

    ```mlir
    %p = tile.device.alloc(%n) : memref<?x16x128xf32>
    ```
  }];
  let arguments = (ins Variadic<Index>:$sizes);
  let results = (outs AnyMemRef:$memory);
  let assemblyFormat = "(`(` $sizes^ `)`)? attr-dict `:` type($memory)";
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
  let arguments = (ins MemRefRankOf<[F16, BF16], [4]>:$buffer, Index:$heads, Index:$rows);
  let results = (outs Tile_Map:$map);
  let assemblyFormat = "$buffer `box` `(` $heads `,` $rows `)` attr-dict `:` type($buffer) `->` type($map)";
  let hasVerifier = 1;
}

#endif
