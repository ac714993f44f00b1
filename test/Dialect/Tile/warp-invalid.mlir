// One function for every constraint of WarpOps.td, (C1) of an operation in @<operation>_c1_..., and for the types.
// RUN: gqa-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{expects a fragment of 16 rows, or of that many rows and some columns, found 2 dimensions of which the first is 8}}
func.func private @fragment_rows(!tile.fragment<8x64xf32>)

// -----

// expected-error @+1 {{expects a multiple of 16 columns in a fragment of 'bf16', found 8}}
func.func private @fragment_columns(!tile.fragment<16x8xbf16>)

// -----

// expected-error @+1 {{expects a fragment of f32, f16 or bf16, or with one dimension of f32 or index, found 'f64'}}
func.func private @fragment_element(!tile.fragment<16x8xf64>)

// -----

// expected-error @+1 {{expects a ring of slots x rows x columns, found 2 dimensions}}
func.func private @ring_rank(!tile.ring<64x128xbf16>)

// -----

// expected-error @+1 {{expects multiples of 16 rows and 16 columns in a ring, found 64 x 24}}
func.func private @ring_columns(!tile.ring<2x64x24xbf16>)

// -----

// expected-error @+1 {{expects a ring of f16, bf16, i8, f8E4M3FN or f8E5M2, found 'f32'}}
func.func private @ring_element(!tile.ring<2x64x32xf32>)

// -----

// expected-error @+1 {{expects multiples of 16 rows and 32 columns in a ring, found 64 x 48}}
func.func private @ring_bytes(!tile.ring<2x64x48xi8>)

// -----

// expected-error @+1 {{expects quads of a fragment with columns}}
func.func private @fragment_quads(!tile.fragment<16xf32, quads>)

// -----

func.func @kernel_c3_warps(%n: index) {
  // expected-error @+1 {{'tile.kernel' op has 33 warps, expected 1 to 32}}
  tile.kernel warps = 33 grid(%t = %n) {
  }
  return
}

// -----

func.func @ring_c1_filled(%n: index, %q: !tile.fragment<16x32xf16>) {
  tile.kernel warps = 4 grid(%t = %n) {
    // expected-error @+1 {{'tile.ring' op is read, expected a tile.load or a tile.widen that fills it}}
    %k = tile.ring : !tile.ring<2x64x32xf16>
    %s = tile.warp.qk %q, %k[%t, %t] : !tile.fragment<16x32xf16>, !tile.ring<2x64x32xf16> -> !tile.fragment<16x64xf32>
  }
  return
}

// -----

func.func @ring_c1_awaited(%n: index, %q: !tile.fragment<16x32xf16>, %rows: memref<?x32xf16>) {
  tile.kernel warps = 4 grid(%t = %n) {
    // expected-error @+1 {{'tile.ring' op is read, expected a tile.acquire that waits for it}}
    %k = tile.ring : !tile.ring<2x64x32xf16>
    tile.load %rows into %k[%t] : memref<?x32xf16>, !tile.ring<2x64x32xf16>
    %s = tile.warp.qk %q, %k[%t, %t] : !tile.fragment<16x32xf16>, !tile.ring<2x64x32xf16> -> !tile.fragment<16x64xf32>
  }
  return
}

// -----

func.func @ring_c2_own(%n: index, %rows: memref<?x32xf16>) {
  tile.kernel warps = 4 grid(%t = %n) {
    // expected-error @+1 {{'tile.ring' op expects all of its loads and acquires to be own, or none}}
    %k = tile.ring : !tile.ring<2x64x32xf16>
    tile.load %rows into %k[%t] own : memref<?x32xf16>, !tile.ring<2x64x32xf16>
    tile.acquire %k younger = 0 : !tile.ring<2x64x32xf16>
  }
  return
}

// -----

func.func @load_c1_elements(%n: index, %k: !tile.ring<2x64x32xf16>, %rows: memref<?x32xbf16>) {
  // expected-error @+1 {{'tile.load' op expects one element type for ring and source, found 'f16' and 'bf16'}}
  tile.load %rows into %k[%n] : memref<?x32xbf16>, !tile.ring<2x64x32xf16>
  return
}

// -----

func.func @load_c2_columns(%n: index, %k: !tile.ring<2x64x32xf16>, %rows: memref<?x20xf16>) {
  // expected-error @+1 {{'tile.load' op expects a source of at most 32 columns, a multiple of 8, found 'memref<?x20xf16>'}}
  tile.load %rows into %k[%n] : memref<?x20xf16>, !tile.ring<2x64x32xf16>
  return
}

// -----

func.func @load_c3_rows(%n: index, %k: !tile.ring<2x64x32xf16>, %rows: memref<65x32xf16>) {
  // expected-error @+1 {{'tile.load' op expects a source of at most the 64 rows of a slot, found 'memref<65x32xf16>'}}
  tile.load %rows into %k[%n] : memref<65x32xf16>, !tile.ring<2x64x32xf16>
  return
}

// -----

func.func @load_c4_warps(%n: index, %rows: memref<?x32xf16>) {
  tile.kernel warps = 3 grid(%t = %n) {
    %k = tile.ring : !tile.ring<2x64x32xf16>
    // expected-error @+1 {{'tile.load' op expects the rows of a slot to be a multiple of 3 warps, found '!tile.ring<2x64x32xf16>'}}
    tile.load %rows into %k[%t] own : memref<?x32xf16>, !tile.ring<2x64x32xf16>
  }
  return
}

// -----

func.func @queries_c1_elements(%q: memref<4x?x32xbf16>, %r: !tile.fragment<16xindex>) {
  // expected-error @+1 {{'tile.warp.queries' op expects one element type for fragment and source, found 'f16' and 'bf16'}}
  %a = tile.warp.queries %q[%r, %r] : memref<4x?x32xbf16>, !tile.fragment<16xindex>, !tile.fragment<16x32xf16>
  return
}

// -----

func.func @queries_c2_columns(%q: memref<4x?x64xf16>, %r: !tile.fragment<16xindex>) {
  // expected-error @+1 {{'tile.warp.queries' op expects a source of at most 32 columns, a multiple of 8}}
  %a = tile.warp.queries %q[%r, %r] : memref<4x?x64xf16>, !tile.fragment<16xindex>, !tile.fragment<16x32xf16>
  return
}

// -----

func.func @init_c1_heads(%sinks: memref<4xf32>) {
  // expected-error @+1 {{'tile.warp.init' op expects heads exactly if there are sinks}}
  %o, %m, %l = "tile.warp.init"(%sinks) <{operandSegmentSizes = array<i32: 1, 0>}>
    : (memref<4xf32>) -> (!tile.fragment<16x32xf32>, !tile.fragment<16xf32>, !tile.fragment<16xf32>)
  return
}

// -----

func.func @qk_c1_columns(%n: index, %q: !tile.fragment<16x64xf16>, %k: !tile.ring<2x64x32xf16>) {
  // expected-error @+1 {{'tile.warp.qk' op expects q with the 32 columns of the keys, found '!tile.fragment<16x64xf16>'}}
  %s = tile.warp.qk %q, %k[%n, %n] : !tile.fragment<16x64xf16>, !tile.ring<2x64x32xf16> -> !tile.fragment<16x64xf32>
  return
}

// -----

func.func @qk_c1_quads(%n: index, %q: !tile.fragment<16x32xf16>, %k: !tile.ring<2x64x32xi8>) {
  // expected-error @+1 {{'tile.warp.qk' op expects a fragment in quads exactly where slots have 8 bits, found '!tile.fragment<16x32xf16>' and 'i8'}}
  %s = tile.warp.qk %q, %k[%n, %n] : !tile.fragment<16x32xf16>, !tile.ring<2x64x32xi8> -> !tile.fragment<16x64xf32>
  return
}

// -----

func.func @qk_c1_more_columns(%n: index, %q: !tile.fragment<16x64xf16>, %k: !tile.ring<2x64x32xf16>) {
  // expected-error @+1 {{'tile.warp.qk' op expects q with at most the 32 columns of the keys, found '!tile.fragment<16x64xf16>'}}
  %s = tile.warp.qk %q, %k[%n, %n] columns(%n) : !tile.fragment<16x64xf16>, !tile.ring<2x64x32xf16> -> !tile.fragment<16x64xf32>
  return
}

// -----

func.func @qk_c4_ring(%n: index, %q: !tile.fragment<16x32xf16>, %k: !tile.channel<2x64x64xf16>) {
  // expected-error @+1 {{'tile.warp.qk' op expects a ring of 16 bits, of which it takes some columns, found '!tile.channel<2x64x64xf16>'}}
  %s = tile.warp.qk %q, %k[%n, %n] columns(%n) : !tile.fragment<16x32xf16>, !tile.channel<2x64x64xf16> -> !tile.fragment<16x64xf32>
  return
}

// -----

func.func @share_c1_numbers(%n: index, %s: !tile.fragment<16x16xf32>, %room: memref<4x128xf32>) {
  // expected-error @+1 {{'tile.warp.share' op expects a buffer with rows of 256 numbers, found 'memref<4x128xf32>'}}
  tile.warp.share %s into %room[%n] : !tile.fragment<16x16xf32>, memref<4x128xf32>
  return
}

// -----

func.func @total_c1_numbers(%n: index, %room: memref<4x128xf32>) {
  // expected-error @+1 {{'tile.warp.total' op expects a buffer with rows of 256 numbers, found 'memref<4x128xf32>'}}
  %s = tile.warp.total %room[%n] parts = 4 : memref<4x128xf32> -> !tile.fragment<16x16xf32>
  return
}

// -----

func.func @qk_c3_unsigned(%n: index, %q: !tile.fragment<16x32xf16, quads>, %k: !tile.ring<2x64x32xf8E5M2>) {
  // expected-error @+1 {{'tile.warp.qk' op expects unsigned of integers only, found 'f8E5M2'}}
  %s = tile.warp.qk %q, %k[%n, %n] unsigned : !tile.fragment<16x32xf16, quads>, !tile.ring<2x64x32xf8E5M2> -> !tile.fragment<16x64xf32>
  return
}

// -----

func.func @scale_c1_columns(%s: !tile.fragment<16x32xf32>, %f: !tile.fragment<1x32xf32, quads>) {
  // expected-error @+1 {{'tile.warp.scale' op expects factors for the columns of x, found '!tile.fragment<16x32xf32>' and '!tile.fragment<1x32xf32, quads>'}}
  %t = tile.warp.scale %s by %f : !tile.fragment<16x32xf32>, !tile.fragment<1x32xf32, quads>
  return
}

// -----

func.func @load_c2_bytes(%n: index, %k: !tile.ring<2x64x32xi8>, %rows: memref<?x24xi8>) {
  // expected-error @+1 {{'tile.load' op expects a source of at most 32 columns, a multiple of 16, found 'memref<?x24xi8>'}}
  tile.load %rows into %k[%n] : memref<?x24xi8>, !tile.ring<2x64x32xi8>
  return
}

// -----

func.func @pv_c3_unsigned(%n: index, %p: !tile.fragment<16x64xf16>, %v: !tile.ring<2x64x32xf16>, %o: !tile.fragment<16x32xf32>,
                          %a: !tile.fragment<16xf32>) {
  // expected-error @+1 {{'tile.warp.pv' op expects unsigned of integers only, found 'f16'}}
  %o1 = tile.warp.pv %p, %v[%n, %n], %o rescale(%a) unsigned
    : !tile.fragment<16x64xf16>, !tile.ring<2x64x32xf16>, !tile.fragment<16x32xf32>, !tile.fragment<16xf32>
  return
}

// -----

func.func @qk_c2_keys(%n: index, %q: !tile.fragment<16x32xf16>, %k: !tile.ring<2x64x32xf16>) {
  // expected-error @+1 {{'tile.warp.qk' op expects a multiple of 16 keys, at most the 64 of a slot, found 128}}
  %s = tile.warp.qk %q, %k[%n, %n] : !tile.fragment<16x32xf16>, !tile.ring<2x64x32xf16> -> !tile.fragment<16x128xf32>
  return
}

// -----

func.func @score_c1_softcap(%n: index, %s: !tile.fragment<16x64xf32>, %r: !tile.fragment<16xindex>, %x: f32) {
  // expected-error @+1 {{'tile.warp.score' op expects a positive softcap, found -1.000000e+00}}
  %t = tile.warp.score %s at(%n, %n, %n, %n) rows(%r, %r) heads(%n) queries(%n) keys(%n) scale(%x) softcap = -1.0
    : !tile.fragment<16x64xf32>, !tile.fragment<16xindex>
  return
}

// -----

func.func @score_c2_region(%n: index, %s: !tile.fragment<16x64xf32>, %r: !tile.fragment<16xindex>, %x: f32) {
  // expected-error @+1 {{'tile.warp.score' op expects a score region with the arguments ('f32', index, index, index, index), found ('f32')}}
  %t = tile.warp.score %s at(%n, %n, %n, %n) rows(%r, %r) heads(%n) queries(%n) keys(%n) scale(%x) score {
    ^bb0(%y: f32):
      tile.yield %y : f32
  } : !tile.fragment<16x64xf32>, !tile.fragment<16xindex>
  return
}

// -----

func.func @to_operand_c1_shape(%s: !tile.fragment<16x64xf32>) {
  // expected-error @+1 {{'tile.warp.to_operand' op expects one shape, found '!tile.fragment<16x64xf32>' and '!tile.fragment<16x32xf16>'}}
  %p = tile.warp.to_operand %s : !tile.fragment<16x64xf32> -> !tile.fragment<16x32xf16>
  return
}

// -----

func.func @pv_c1_elements(%n: index, %p: !tile.fragment<16x64xf16>, %v: !tile.ring<2x64x32xbf16>,
                          %o: !tile.fragment<16x32xf32>, %a: !tile.fragment<16xf32>) {
  // expected-error @+1 {{'tile.warp.pv' op expects one element type for values and p, found 'bf16' and 'f16'}}
  %o1 = tile.warp.pv %p, %v[%n, %n], %o rescale(%a)
    : !tile.fragment<16x64xf16>, !tile.ring<2x64x32xbf16>, !tile.fragment<16x32xf32>, !tile.fragment<16xf32>
  return
}

// -----

func.func @pv_c2_columns(%n: index, %p: !tile.fragment<16x64xf16>, %v: !tile.ring<2x64x64xf16>,
                         %o: !tile.fragment<16x32xf32>, %a: !tile.fragment<16xf32>) {
  // expected-error @+1 {{'tile.warp.pv' op expects o with the 64 columns of the values, found '!tile.fragment<16x32xf32>'}}
  %o1 = tile.warp.pv %p, %v[%n, %n], %o rescale(%a)
    : !tile.fragment<16x64xf16>, !tile.ring<2x64x64xf16>, !tile.fragment<16x32xf32>, !tile.fragment<16xf32>
  return
}

// -----

func.func @pv_c2_some_columns(%n: index, %p: !tile.fragment<16x64xf16>, %v: !tile.ring<2x64x32xf16>,
                              %o: !tile.fragment<16x64xf32>, %a: !tile.fragment<16xf32>) {
  // expected-error @+1 {{'tile.warp.pv' op expects o with at most the 32 columns of the values, found '!tile.fragment<16x64xf32>'}}
  %o1 = tile.warp.pv %p, %v[%n, %n] columns(%n), %o rescale(%a)
    : !tile.fragment<16x64xf16>, !tile.ring<2x64x32xf16>, !tile.fragment<16x64xf32>, !tile.fragment<16xf32>
  return
}

// -----

func.func @pv_c4(%n: index, %p: !tile.fragment<16x64xf16>, %v: !tile.channel<2x64x64xf16>,
                 %o: !tile.fragment<16x32xf32>, %a: !tile.fragment<16xf32>) {
  // expected-error @+1 {{'tile.warp.pv' op expects a ring of 16 bits, of which it takes some columns, found '!tile.channel<2x64x64xf16>'}}
  %o1 = tile.warp.pv %p, %v[%n, %n] columns(%n), %o rescale(%a)
    : !tile.fragment<16x64xf16>, !tile.channel<2x64x64xf16>, !tile.fragment<16x32xf32>, !tile.fragment<16xf32>
  return
}

// -----

func.func @store_c1_columns(%n: index, %o: !tile.fragment<16x32xf32>, %m: !tile.fragment<16xf32>, %os: memref<16x16xf32>,
                            %ms: memref<16xf32>) {
  // expected-error @+1 {{'tile.warp.store' op expects a buffer with at least the columns of o, found 'memref<16x16xf32>'}}
  tile.warp.store %o, %m, %m into %os, %ms, %ms at(%n)
    : !tile.fragment<16x32xf32>, !tile.fragment<16xf32>, memref<16x16xf32>, memref<16xf32>, memref<16xf32>
  return
}

// -----

func.func @finish_c1_marks(%n: index, %o: !tile.fragment<16x32xf32>, %m: !tile.fragment<16xf32>,
                           %r: !tile.fragment<16xindex>, %out: memref<4x?x32xf16>) {
  // expected-error @+1 {{'tile.warp.finish' op expects marks with the index of one, and needs them for dead_row = uniform}}
  tile.warp.finish %o, %m, %m into %out[%r, %r, %n] dead_row = uniform
    : !tile.fragment<16x32xf32>, !tile.fragment<16xf32>, !tile.fragment<16xindex>, memref<4x?x32xf16>
  return
}

// -----

func.func @finish_c2_columns(%n: index, %o: !tile.fragment<16x64xf32>, %m: !tile.fragment<16xf32>,
                             %r: !tile.fragment<16xindex>, %out: memref<4x?x64xf16>, %rows: !tile.channel<1x128x32xf16>) {
  // expected-error @+1 {{'tile.warp.finish' op expects a channel of 'f16' with the columns of o, which is not in quads, found '!tile.channel<1x128x32xf16>' and '!tile.fragment<16x64xf32>'}}
  tile.warp.finish %o, %m, %m into %out[%r, %r, %n] through(%rows[%n] : !tile.channel<1x128x32xf16>) dead_row = zero
    : !tile.fragment<16x64xf32>, !tile.fragment<16xf32>, !tile.fragment<16xindex>, memref<4x?x64xf16>
  return
}

// -----

func.func @widen_c1_columns(%n: index, %k: !tile.ring<2x64x32xi8>, %wide: !tile.ring<1x64x64xf16>) {
  // expected-error @+1 {{'tile.widen' op expects numbers of 16 bits in place of codes of 8, found '!tile.ring<2x64x32xi8>' and '!tile.ring<1x64x64xf16>'}}
  tile.widen %k[%n] into %wide[%n] : !tile.ring<2x64x32xi8>, !tile.ring<1x64x64xf16>
  return
}

// -----

func.func @widen_c1_bits(%n: index, %k: !tile.ring<2x64x32xf16>, %wide: !tile.ring<1x64x32xf16>) {
  // expected-error @+1 {{'tile.widen' op expects numbers of 16 bits in place of codes of 8}}
  tile.widen %k[%n] into %wide[%n] : !tile.ring<2x64x32xf16>, !tile.ring<1x64x32xf16>
  return
}

// -----

func.func @widen_c2_unsigned(%n: index, %k: !tile.ring<2x64x32xf8E5M2>, %wide: !tile.ring<1x64x32xf16>) {
  // expected-error @+1 {{'tile.widen' op expects unsigned of integers only, found 'f8E5M2'}}
  tile.widen %k[%n] into %wide[%n] unsigned : !tile.ring<2x64x32xf8E5M2>, !tile.ring<1x64x32xf16>
  return
}

// -----

func.func @widen_c3_scales(%n: index, %k: !tile.ring<2x64x32xi8>, %wide: !tile.ring<1x64x32xf16>, %s: memref<?xf32>) {
  // expected-error @+1 {{'tile.widen' op expects the first one and the end of its scales, exactly if there are any}}
  "tile.widen"(%k, %n, %wide, %n, %s, %n) {operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1, 0>}
    : (!tile.ring<2x64x32xi8>, index, !tile.ring<1x64x32xf16>, index, memref<?xf32>, index) -> ()
  return
}

// -----

func.func @multiply_c1_bits(%n: index, %o: !tile.fragment<16x32xf32>) {
  tile.kernel warps = 8 grid(%t = %n) {
    %x = tile.ring : !tile.ring<2x64x32xi8>
    // expected-error @+1 {{'tile.warp.multiply' op expects elements of 16 bits, found 'i8'}}
    %s = tile.warp.multiply %x[%t, %t], %x[%t, %t] onto %o : !tile.ring<2x64x32xi8>, !tile.ring<2x64x32xi8>, !tile.fragment<16x32xf32>
  }
  return
}

// -----

func.func @multiply_c1_one_type(%n: index, %o: !tile.fragment<16x32xf32>) {
  tile.kernel warps = 8 grid(%t = %n) {
    %x = tile.ring : !tile.ring<2x64x32xf16>
    %w = tile.ring : !tile.ring<2x64x32xbf16>
    // expected-error @+1 {{'tile.warp.multiply' op expects one element type for both slots, found 'f16' and 'bf16'}}
    %s = tile.warp.multiply %x[%t, %t], %w[%t, %t] onto %o : !tile.ring<2x64x32xf16>, !tile.ring<2x64x32xbf16>, !tile.fragment<16x32xf32>
  }
  return
}

// -----

func.func @multiply_c2_depth(%n: index, %o: !tile.fragment<16x32xf32>) {
  tile.kernel warps = 8 grid(%t = %n) {
    %x = tile.ring : !tile.ring<2x64x32xf16>
    // expected-error @+1 {{'tile.warp.multiply' op expects sums over a multiple of 16 elements, as many of both slots, found 32 and 64}}
    %s = tile.warp.multiply %x[%t, %t], %x[%t, %t] across onto %o : !tile.ring<2x64x32xf16>, !tile.ring<2x64x32xf16>, !tile.fragment<16x32xf32>
  }
  return
}

// -----

func.func @multiply_c3_columns(%n: index, %o: !tile.fragment<16x32xf32>, %p: !tile.fragment<16x16xf32>) {
  tile.kernel warps = 8 grid(%t = %n) {
    %x = tile.ring : !tile.ring<2x64x32xf16>
    // expected-error @+1 {{'tile.warp.multiply' op expects sums of the same columns, a multiple of 16, found '!tile.fragment<16x16xf32>'}}
    %s:2 = tile.warp.multiply %x[%t, %t], %x[%t, %t] onto %o, %p : !tile.ring<2x64x32xf16>, !tile.ring<2x64x32xf16>, !tile.fragment<16x32xf32>, !tile.fragment<16x16xf32>
  }
  return
}
