// One function for every constraint of GroupOps.td, (C1) of an operation in @<operation>_c1_..., for those of
// tile.device.map_tensor and of warps that fill a channel, and for the types.
// RUN: gqa-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{expects a channel of slots x rows x columns, found 2 dimensions}}
func.func private @channel_rank(!tile.channel<64x128xbf16>)

// -----

// expected-error @+1 {{expects a channel of at least one slot, found 0}}
func.func private @channel_slots(!tile.channel<0x64x128xbf16>)

// -----

// expected-error @+1 {{expects a channel of f16, bf16, i8, f8E4M3FN or f8E5M2, found 'f32'}}
func.func private @channel_element(!tile.channel<2x64x128xf32>)

// -----

// expected-error @+1 {{expects a multiple of 16 rows and of 32 columns in a channel, at most 256 of each, found 64 x 80}}
func.func private @channel_columns(!tile.channel<2x64x80xbf16>)

// -----

// expected-error @+1 {{expects a multiple of 16 rows and of 32 columns in a channel, at most 256 of each, found 512 x 64}}
func.func private @channel_rows(!tile.channel<2x512x64xbf16>)

// -----

// expected-error @+1 {{expects a map of so many columns, found 2 dimensions}}
func.func private @map_rank(!tile.map<64x64xbf16>)

// -----

// expected-error @+1 {{expects a map of a multiple of 32 columns, found 80}}
func.func private @map_columns(!tile.map<80xbf16>)

// -----

// expected-error @+1 {{expects a map of f16, bf16, i8, f8E4M3FN or f8E5M2, found 'f32'}}
func.func private @map_element(!tile.map<64xf32>)

// -----

func.func @map_tensor_c1_columns(%k: memref<1x8x4x128xbf16>, %n: index) {
  // expected-error @+1 {{'tile.device.map_tensor' op expects a buffer with the map's columns, found 'memref<1x8x4x128xbf16>' and '!tile.map<64xbf16>'}}
  %map = tile.device.map_tensor %k box(%n, %n) : memref<1x8x4x128xbf16> -> !tile.map<64xbf16>
  return
}

// -----

func.func @store_c1_columns(%n: index, %rows: !tile.channel<1x128x64xbf16>, %map: !tile.map<128xbf16>) {
  // expected-error @+1 {{'tile.group.store' op expects a map of 16 bits with panels like the channel's and no more columns, found '!tile.channel<1x128x64xbf16>' and '!tile.map<128xbf16>'}}
  tile.group.store %n, %rows into %map[%n, %n, %n] : !tile.channel<1x128x64xbf16>, !tile.map<128xbf16>
  return
}

// -----

func.func @store_c1_panels(%n: index, %rows: !tile.channel<1x128x128xf16>, %map: !tile.map<96xf16>) {
  // expected-error @+1 {{'tile.group.store' op expects a map of 16 bits with panels like the channel's and no more columns, found '!tile.channel<1x128x128xf16>' and '!tile.map<96xf16>'}}
  tile.group.store %n, %rows into %map[%n, %n, %n] : !tile.channel<1x128x128xf16>, !tile.map<96xf16>
  return
}

// -----

func.func @store_c1_element(%n: index, %rows: !tile.channel<1x128x64xi8>, %map: !tile.map<64xi8>) {
  // expected-error @+1 {{'tile.group.store' op expects a map of 16 bits with panels like the channel's and no more columns, found '!tile.channel<1x128x64xi8>' and '!tile.map<64xi8>'}}
  tile.group.store %n, %rows into %map[%n, %n, %n] : !tile.channel<1x128x64xi8>, !tile.map<64xi8>
  return
}

// -----

func.func @roles_c1_warps(%n: index) {
  tile.kernel warps = 8 grid(%t = %n) {
    // expected-error @+1 {{'tile.group.roles' op expects a kernel of 12 warps, found 8}}
    tile.group.roles consumers = 2 {
      tile.barrier
    }, {
    ^bb0(%group: index):
      tile.barrier
    }
  }
  return
}

// -----

func.func @roles_c2_arguments(%n: index) {
  tile.kernel warps = 12 grid(%t = %n) {
    // expected-error @+1 {{'tile.group.roles' op expects one index as argument of the consumers' region and none of the others}}
    tile.group.roles consumers = 2 {
      tile.barrier
    }, {
    ^bb0(%group: i32):
      tile.barrier
    }
  }
  return
}

// -----

func.func @fill_c1_columns(%c: !tile.channel<2x64x128xbf16>, %map: !tile.map<64xbf16>, %i: i32, %n: index) {
  // expected-error @+1 {{'tile.group.fill' op expects a map of the channel's columns, found '!tile.channel<2x64x128xbf16>' and '!tile.map<64xbf16>'}}
  tile.group.fill %c[%i, %i] from %map[%n, %n, %n] bytes(%n) : !tile.channel<2x64x128xbf16>, !tile.map<64xbf16>
  return
}

// -----

func.func @qk_c1_columns(%q: !tile.channel<1x128x64xbf16>, %k: !tile.channel<2x64x128xbf16>, %i: i32, %n: index) {
  // expected-error @+1 {{'tile.group.qk' op expects queries and keys of the same columns, found '!tile.channel<1x128x64xbf16>' and '!tile.channel<2x64x128xbf16>'}}
  %s = tile.group.qk %q[%n], %k[%i] : !tile.channel<1x128x64xbf16>, !tile.channel<2x64x128xbf16> -> !tile.fragment<16x64xf32>
  return
}

// -----

func.func @qk_c2_scores(%q: !tile.channel<1x128x64xbf16>, %k: !tile.channel<2x64x64xbf16>, %i: i32, %n: index) {
  // expected-error @+1 {{'tile.group.qk' op expects a column of s for each of the 64 rows of a slot, found '!tile.fragment<16x128xf32>'}}
  %s = tile.group.qk %q[%n], %k[%i] : !tile.channel<1x128x64xbf16>, !tile.channel<2x64x64xbf16> -> !tile.fragment<16x128xf32>
  return
}

// -----

func.func @qk_c3_awaited(%q: !tile.channel<1x128x64xbf16>, %k: !tile.channel<2x64x64xbf16>, %i: i32, %n: index) {
  // expected-error @+1 {{'tile.group.qk' op expects one use of its result, a tile.group.await}}
  %s = tile.group.qk %q[%n], %k[%i] : !tile.channel<1x128x64xbf16>, !tile.channel<2x64x64xbf16> -> !tile.fragment<16x64xf32>
  %p = tile.warp.to_operand %s : !tile.fragment<16x64xf32> -> !tile.fragment<16x64xbf16>
  return
}

// -----

func.func @pv_c1_columns(%p: !tile.fragment<16x64xbf16>, %v: !tile.channel<2x128x64xbf16>, %o: !tile.fragment<16x64xf32>, %i: i32) {
  // expected-error @+1 {{'tile.group.pv' op expects p with a column for each row of a slot and o with the columns of one, found '!tile.fragment<16x64xbf16>', '!tile.fragment<16x64xf32>' and '!tile.channel<2x128x64xbf16>'}}
  %o1 = tile.group.pv %p, %v[%i], %o : !tile.fragment<16x64xbf16>, !tile.channel<2x128x64xbf16>, !tile.fragment<16x64xf32>
  return
}

// -----

func.func @pv_c1_more_columns(%p: !tile.fragment<16x64xbf16>, %v: !tile.channel<2x64x64xbf16>, %o: !tile.fragment<16x128xf32>, %i: i32, %n: index) {
  // expected-error @+1 {{'tile.group.pv' op expects p with a column for each row of a slot and o with the columns of one, found '!tile.fragment<16x64xbf16>', '!tile.fragment<16x128xf32>' and '!tile.channel<2x64x64xbf16>'}}
  %o1 = tile.group.pv %p, %v[%i] columns(%n), %o : !tile.fragment<16x64xbf16>, !tile.channel<2x64x64xbf16>, !tile.fragment<16x128xf32>
  return
}

// -----

func.func @pv_c2_awaited(%p: !tile.fragment<16x64xbf16>, %v: !tile.channel<2x64x64xbf16>, %o: !tile.fragment<16x64xf32>, %i: i32) {
  // expected-error @+1 {{'tile.group.pv' op expects one use of its result, a tile.group.await}}
  %o1 = tile.group.pv %p, %v[%i], %o : !tile.fragment<16x64xbf16>, !tile.channel<2x64x64xbf16>, !tile.fragment<16x64xf32>
  return
}

// -----

func.func @warp_fill_c1_columns(%map: !tile.map<64xbf16>, %n: index) {
  tile.kernel warps = 4 grid(%t = %n) {
    %c = tile.group.channel own : !tile.channel<2x64x128xbf16>
    // expected-error @+1 {{'tile.warp.fill' op expects a map of the channel's columns, found '!tile.channel<2x64x128xbf16>' and '!tile.map<64xbf16>'}}
    tile.warp.fill %c[%n] from %map[%n, %n, %n] : !tile.channel<2x64x128xbf16>, !tile.map<64xbf16>
  }
  return
}

// -----

func.func @warp_fill_c2_own(%map: !tile.map<128xbf16>, %n: index) {
  tile.kernel warps = 4 grid(%t = %n) {
    %c = tile.group.channel : !tile.channel<2x64x128xbf16>
    // expected-error @+1 {{'tile.warp.fill' op expects a channel that is own}}
    tile.warp.fill %c[%n] from %map[%n, %n, %n] : !tile.channel<2x64x128xbf16>, !tile.map<128xbf16>
  }
  return
}

// -----

func.func @warp_prefetch_c1_columns(%map: !tile.map<64xbf16>, %n: index) {
  tile.kernel warps = 4 grid(%t = %n) {
    %c = tile.group.channel own : !tile.channel<2x64x128xbf16>
    // expected-error @+1 {{'tile.warp.prefetch' op expects a map of the channel's columns, found '!tile.channel<2x64x128xbf16>' and '!tile.map<64xbf16>'}}
    tile.warp.prefetch %c from %map[%n, %n, %n] : !tile.channel<2x64x128xbf16>, !tile.map<64xbf16>
  }
  return
}

// -----

func.func @warp_prefetch_c2_own(%map: !tile.map<128xbf16>, %n: index) {
  tile.kernel warps = 4 grid(%t = %n) {
    %c = tile.group.channel : !tile.channel<2x64x128xbf16>
    // expected-error @+1 {{'tile.warp.prefetch' op expects a channel that is own}}
    tile.warp.prefetch %c from %map[%n, %n, %n] : !tile.channel<2x64x128xbf16>, !tile.map<128xbf16>
  }
  return
}

// -----

func.func @warp_wait_c1_own(%n: index) {
  tile.kernel warps = 4 grid(%t = %n) {
    %c = tile.group.channel : !tile.channel<2x64x128xbf16>
    // expected-error @+1 {{'tile.warp.wait' op expects a channel that is own}}
    tile.warp.wait %c[%n, %n] : !tile.channel<2x64x128xbf16>
  }
  return
}

// -----

func.func @warp_clear_c1_own(%c: !tile.channel<2x64x128xbf16>, %n: index) {
  // expected-error @+1 {{'tile.warp.clear' op expects a channel that is own}}
  tile.warp.clear %c[%n] from(%n) : !tile.channel<2x64x128xbf16>
  return
}

// -----

func.func @kernel_c4_warps(%n: index) {
  // expected-error @+1 {{'tile.kernel' op has clusters of tasks without warps, expected a number of warps}}
  tile.kernel cluster(%n) grid(%t = %n) {
  }
  return
}

// -----

func.func @kernel_c4_size(%n: index) {
  %c = arith.constant 9 : index
  // expected-error @+1 {{'tile.kernel' op has clusters of 9 tasks, expected 1 to 8}}
  tile.kernel warps = 4 cluster(%c) grid(%t = %n) {
  }
  return
}

// -----

func.func @cluster_barrier_c1(%n: index) {
  tile.kernel warps = 4 grid(%t = %n) {
    // expected-error @+1 {{'tile.cluster.barrier' op expects a kernel with clusters around it}}
    tile.cluster.barrier
  }
  return
}

// -----

func.func @cluster_peer_c1(%n: index) {
  tile.kernel warps = 4 grid(%t = %n) {
    %own = tile.scratch() : memref<4xf32>
    // expected-error @+1 {{'tile.cluster.peer' op expects a kernel with clusters around it}}
    %other = tile.cluster.peer %own[%t] : memref<4xf32>
  }
  return
}

// -----

func.func @cluster_peer_c2(%n: index, %own: memref<4xf32>) {
  tile.kernel warps = 4 cluster(%n) grid(%t = %n) {
    // expected-error @+1 {{'tile.cluster.peer' op expects memory of a tile.scratch}}
    %other = tile.cluster.peer %own[%t] : memref<4xf32>
  }
  return
}

// -----

func.func @roles_c2_converter(%n: index) {
  tile.kernel warps = 12 grid(%t = %n) {
    // expected-error @+1 {{'tile.group.roles' op expects one index as argument of the consumers' region and none of the others}}
    tile.group.roles consumers = 2 {
      tile.barrier
    }, {
    ^bb0(%group: index):
      tile.barrier
    } convert {
    ^bb0(%other: index):
      tile.barrier
    }
  }
  return
}

// -----

func.func @qk_c1_integers(%q: !tile.channel<1x128x64xi8>, %k: !tile.channel<2x64x64xi8>, %i: i32, %n: index) {
  // expected-error @+1 {{'tile.group.qk' op expects queries and keys of a float, found 'i8'}}
  %s = tile.group.qk %q[%n], %k[%i] : !tile.channel<1x128x64xi8>, !tile.channel<2x64x64xi8> -> !tile.fragment<16x64xf32>
  return
}

// -----

func.func @widen_c1_rows(%k: !tile.channel<1x64x64xi8>, %wide: !tile.channel<2x128x64xf16>, %i: i32) {
  // expected-error @+1 {{'tile.group.widen' op expects numbers of 16 bits in place of codes of 8, found '!tile.channel<1x64x64xi8>' and '!tile.channel<2x128x64xf16>'}}
  tile.group.widen %k[%i, %i] into %wide[%i, %i] : !tile.channel<1x64x64xi8>, !tile.channel<2x128x64xf16>
  return
}

// -----

func.func @widen_c4_region(%k: !tile.channel<1x64x64xi8>, %wide: !tile.channel<2x64x64xf16>, %i: i32) {
  // expected-error @+1 {{'tile.group.widen' op expects the region that converts around it}}
  tile.group.widen %k[%i, %i] into %wide[%i, %i] : !tile.channel<1x64x64xi8>, !tile.channel<2x64x64xf16>
  return
}
