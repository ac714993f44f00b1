// One function for every constraint of TileOps.td, (C1) of an operation in @<operation>_c1_...
// RUN: gqa-opt %s --split-input-file --verify-diagnostics

func.func @kernel_c1_no_grid() {
  // expected-error @+1 {{'tile.kernel' op has an empty grid, expected at least one dimension}}
  tile.kernel grid() {
  }
  return
}

// -----

func.func @kernel_c2_points(%n: index) {
  // expected-error @+1 {{'tile.kernel' op has 1 grid dimensions, expected as many index arguments of its region, found 0}}
  "tile.kernel"(%n) <{operandSegmentSizes = array<i32: 1, 0, 0>}> ({
    tile.yield
  }) : (index) -> ()
  return
}

// -----

func.func @kernel_c2_point_types(%n: index) {
  // expected-error @+1 {{'tile.kernel' op has 1 grid dimensions, expected as many index arguments of its region, found 1}}
  "tile.kernel"(%n) <{operandSegmentSizes = array<i32: 1, 0, 0>}> ({
  ^bb0(%i: i64):
    tile.yield
  }) : (index) -> ()
  return
}

// -----

func.func @scratch_c1_sizes(%n: index) {
  tile.kernel grid(%t = %n) {
    // expected-error @+1 {{'tile.scratch' op has 0 sizes, expected one for each of the 1 dynamic dimensions}}
    %s = tile.scratch : memref<?x64xf32>
  }
  return
}

// -----

func.func @scratch_c2_layout(%n: index) {
  tile.kernel grid(%t = %n) {
    // expected-error @+1 {{'tile.scratch' op expects the identity layout, found strided<[128, 1]>}}
    %s = tile.scratch : memref<4x64xf32, strided<[128, 1]>>
  }
  return
}

// -----

func.func @scratch_outside() {
  // expected-error @+1 {{'tile.scratch' op expects parent op 'tile.kernel'}}
  %s = tile.scratch : memref<64xf32>
  return
}

// -----

func.func @pack_c1_types(%x: memref<4x16xf32>, %room: memref<4x16xf32>) {
  // expected-error @+1 {{'tile.pack' op expects one element type for storage and tile, found 'f32' and 'f64'}}
  %t = tile.pack %x into %room : memref<4x16xf32>, memref<4x16xf32> -> memref<4x16xf64>
  return
}

// -----

func.func @pack_c1_narrow(%x: memref<4x16xf64>, %room: memref<4x16xf32>) {
  // expected-error @+1 {{'tile.pack' op would narrow 'f64' to 'f32', expected a storage of at least the source's precision}}
  %t = tile.pack %x into %room : memref<4x16xf64>, memref<4x16xf32> -> memref<4x16xf32>
  return
}

// -----

func.func @pack_c2_tile_stride(%x: memref<4x16xf32>, %room: memref<4x16xf32>) {
  // expected-error @+1 {{'tile.pack' op expects stride 1 in the last dimension of storage and tile, found 'memref<4x16xf32, strided<[?, ?]>>'}}
  %t = tile.pack %x into %room : memref<4x16xf32>, memref<4x16xf32> -> memref<4x16xf32, strided<[?, ?]>>
  return
}

// -----

func.func @pack_c2_storage_stride(%x: memref<4x16xf32>, %room: memref<4x16xf32, strided<[1, 4]>>) {
  // expected-error @+1 {{'tile.pack' op expects stride 1 in the last dimension of storage and tile, found 'memref<4x16xf32, strided<[1, 4]>>'}}
  %t = tile.pack %x into %room : memref<4x16xf32>, memref<4x16xf32, strided<[1, 4]>> -> memref<4x16xf32>
  return
}

// -----

func.func @pack_c3_no_queries(%x: memref<2x2x16xf32>, %room: memref<4x16xf32>) {
  // expected-error @+1 {{'tile.pack' op has a source of rank 3, expected queries exactly for rank 3}}
  %t = tile.pack %x into %room : memref<2x2x16xf32>, memref<4x16xf32> -> memref<4x16xf32>
  return
}

// -----

func.func @pack_c3_queries_of_keys(%x: memref<4x16xf32>, %room: memref<4x16xf32>, %n: index) {
  // expected-error @+1 {{'tile.pack' op has a source of rank 2, expected queries exactly for rank 3}}
  %t = tile.pack %x into %room queries(%n) : memref<4x16xf32>, memref<4x16xf32> -> memref<4x16xf32>
  return
}

// -----

func.func @pack_c4_transposed_keys(%x: memref<4x16xf32>, %room: memref<16x4xf32>) {
  // expected-error @+1 {{'tile.pack' op expects panels, of rank 3, exactly for a transposed source of rank 2, found 'memref<16x4xf32>'}}
  %t = tile.pack %x into %room transposed : memref<4x16xf32>, memref<16x4xf32> -> memref<16x4xf32>
  return
}

// -----

func.func @pack_c4_panels(%x: memref<4x16xbf16>, %room: memref<1x16x32xbf16>) {
  // expected-error @+1 {{'tile.pack' op expects panels, of rank 3, exactly for a transposed source of rank 2, found 'memref<1x16x32xbf16>'}}
  %t = tile.pack %x into %room : memref<4x16xbf16>, memref<1x16x32xbf16> -> memref<1x16x32xbf16>
  return
}

// -----

func.func @pack_c4_width(%x: memref<4x16xbf16>, %room: memref<1x16x16xbf16>) {
  // expected-error @+1 {{'tile.pack' op expects panels of 32 keys, in the source's type of 16 bits, found 'memref<1x16x16xbf16>'}}
  %t = tile.pack %x into %room transposed : memref<4x16xbf16>, memref<1x16x16xbf16> -> memref<1x16x16xbf16>
  return
}

// -----

func.func @pack_c4_type(%x: memref<4x16xbf16>, %room: memref<1x16x32xf32>) {
  // expected-error @+1 {{'tile.pack' op expects panels of 32 keys, in the source's type of 16 bits, found 'memref<1x16x32xf32>'}}
  %t = tile.pack %x into %room transposed : memref<4x16xbf16>, memref<1x16x32xf32> -> memref<1x16x32xf32>
  return
}

// -----

func.func @pack_c5_rows(%x: memref<2x2x16xbf16>, %room: memref<8x8xbf16>, %n: index) {
  // expected-error @+1 {{'tile.pack' op is interleaved, expected a transposed tile of queries in bf16}}
  %t = tile.pack %x into %room queries(%n) interleaved : memref<2x2x16xbf16>, memref<8x8xbf16> -> memref<8x8xbf16>
  return
}

// -----

func.func @pack_c9_keys(%x: memref<4x16xf32>, %room: memref<4x16xf32>) {
  // expected-error @+1 {{'tile.pack' op is crossed, expected a tile of queries in f32 or bf16 that is not transposed}}
  %t = tile.pack %x into %room crossed : memref<4x16xf32>, memref<4x16xf32> -> memref<4x16xf32>
  return
}

// -----

func.func @pack_c9_transposed(%x: memref<2x2x16xf32>, %room: memref<16x8xf32>, %n: index) {
  // expected-error @+1 {{'tile.pack' op is crossed, expected a tile of queries in f32 or bf16 that is not transposed}}
  %t = tile.pack %x into %room queries(%n) transposed crossed : memref<2x2x16xf32>, memref<16x8xf32> -> memref<16x8xf32>
  return
}

// -----

func.func @pack_c9_type(%x: memref<2x2x16xf64>, %room: memref<4x16xf64>, %n: index) {
  // expected-error @+1 {{'tile.pack' op is crossed, expected a tile of queries in f32 or bf16 that is not transposed}}
  %t = tile.pack %x into %room queries(%n) crossed : memref<2x2x16xf64>, memref<4x16xf64> -> memref<4x16xf64>
  return
}

// -----

func.func @pack_c6_queries(%x: memref<2x2x16xbf16>, %room: memref<4x16xbf16>, %n: index) {
  // expected-error @+1 {{'tile.pack' op has a multiple of 32, expected a positive one, of rows of keys or values}}
  %t = tile.pack %x into %room queries(%n) multiple = 32 : memref<2x2x16xbf16>, memref<4x16xbf16> -> memref<4x16xbf16>
  return
}

// -----

func.func @pack_c6_zero(%x: memref<4x16xbf16>, %room: memref<4x16xbf16>) {
  // expected-error @+1 {{'tile.pack' op has a multiple of 0, expected a positive one, of rows of keys or values}}
  %t = tile.pack %x into %room multiple = 0 : memref<4x16xbf16>, memref<4x16xbf16> -> memref<4x16xbf16>
  return
}

// -----

func.func @pack_c7_width(%x: memref<?x16xf32>, %y: memref<?x8xf32>, %room: memref<4x16xf32>) {
  // expected-error @+1 {{'tile.pack' op has more rows in 'memref<?x8xf32>', expected those of keys or values, as in the source, 'memref<?x16xf32>'}}
  %t = tile.pack %x into %room then(%y : memref<?x8xf32>) : memref<?x16xf32>, memref<4x16xf32> -> memref<4x16xf32>
  return
}

// -----

func.func @pack_c7_type(%x: memref<?x16xf32>, %y: memref<?x16xbf16>, %room: memref<4x16xf32>) {
  // expected-error @+1 {{'tile.pack' op has more rows in 'memref<?x16xbf16>', expected those of keys or values, as in the source, 'memref<?x16xf32>'}}
  %t = tile.pack %x into %room then(%y : memref<?x16xbf16>) : memref<?x16xf32>, memref<4x16xf32> -> memref<4x16xf32>
  return
}

// -----

func.func @pack_c7_queries(%x: memref<2x2x16xf32>, %y: memref<?x16xf32>, %room: memref<4x16xf32>, %n: index) {
  // expected-error @+1 {{'tile.pack' op has more rows in 'memref<?x16xf32>', expected those of keys or values, as in the source, 'memref<2x2x16xf32>'}}
  %t = tile.pack %x into %room then(%y : memref<?x16xf32>) queries(%n) : memref<2x2x16xf32>, memref<4x16xf32> -> memref<4x16xf32>
  return
}

// -----

func.func @pack_c7_panels(%x: memref<?x16xbf16>, %room: memref<1x16x32xbf16>) {
  // expected-error @+1 {{'tile.pack' op has more rows in 'memref<?x16xbf16>', expected those of keys or values, as in the source, 'memref<?x16xbf16>'}}
  %t = tile.pack %x into %room then(%x : memref<?x16xbf16>) transposed : memref<?x16xbf16>, memref<1x16x32xbf16> -> memref<1x16x32xbf16>
  return
}

// -----

func.func @pack_c8_rank(%x: memref<2x2x16xi8>, %room: memref<4x16xf32>, %n: index) {
  // expected-error @+1 {{'tile.pack' op widens 'memref<2x2x16xi8>', expected rows of keys or values}}
  %t = tile.pack %x into %room queries(%n) : memref<2x2x16xi8>, memref<4x16xf32> -> memref<4x16xf32>
  return
}

// -----

func.func @pack_c8_columns(%x: memref<?x16xi8>, %s: memref<?x8xf32>, %room: memref<4x16xf32>) {
  // expected-error @+1 {{'tile.pack' op scale is 'memref<?x8xf32>', expected the rows of 'memref<?x16xi8>', and its columns or one}}
  %t = tile.pack %x into %room scale(%s : memref<?x8xf32>) : memref<?x16xi8>, memref<4x16xf32> -> memref<4x16xf32>
  return
}

// -----

func.func @pack_c8_rows(%x: memref<3x16xi8>, %z: memref<4x1xf32>, %room: memref<4x16xf32>) {
  // expected-error @+1 {{'tile.pack' op zero is 'memref<4x1xf32>', expected the rows of 'memref<3x16xi8>', and its columns or one}}
  %t = tile.pack %x into %room zero(%z : memref<4x1xf32>) : memref<3x16xi8>, memref<4x16xf32> -> memref<?x16xf32>
  return
}

// -----

func.func @rotate_c1_shape(%x: memref<2x2x16xf32>, %c: memref<2x2x8xf32>, %y: memref<2x3x16xf32>) {
  // expected-error @+1 {{'tile.rotate' op rotates 'memref<2x2x16xf32>', expected a result of the same shape and precision, found 'memref<2x3x16xf32>'}}
  tile.rotate %x by %c, %c half into %y : memref<2x2x16xf32>, memref<2x2x8xf32>, memref<2x2x8xf32>, memref<2x3x16xf32>
  return
}

// -----

func.func @rotate_c1_narrow(%x: memref<2x2x16xf32>, %c: memref<2x2x8xf32>, %y: memref<2x2x16xbf16>) {
  // expected-error @+1 {{'tile.rotate' op rotates 'memref<2x2x16xf32>', expected a result of the same shape and precision, found 'memref<2x2x16xbf16>'}}
  tile.rotate %x by %c, %c half into %y : memref<2x2x16xf32>, memref<2x2x8xf32>, memref<2x2x8xf32>, memref<2x2x16xbf16>
  return
}

// -----

func.func @rotate_c2_too_many(%x: memref<2x2x16xf32>, %c: memref<2x2x9xf32>) {
  // expected-error @+1 {{'tile.rotate' op has angles in 'memref<2x2x9xf32>', expected heads x queries x half of at most the head dimension of 'memref<2x2x16xf32>'}}
  tile.rotate %x by %c, %c half into %x : memref<2x2x16xf32>, memref<2x2x9xf32>, memref<2x2x9xf32>, memref<2x2x16xf32>
  return
}

// -----

func.func @rotate_c2_unknown(%x: memref<2x2x16xf32>, %c: memref<2x2x?xf32>) {
  // expected-error @+1 {{'tile.rotate' op has angles in 'memref<2x2x?xf32>', expected heads x queries x half of at most the head dimension of 'memref<2x2x16xf32>'}}
  tile.rotate %x by %c, %c half into %x : memref<2x2x16xf32>, memref<2x2x?xf32>, memref<2x2x?xf32>, memref<2x2x16xf32>
  return
}

// -----

func.func @rotate_c2_queries(%x: memref<2x2x16xf32>, %c: memref<2x1x8xf32>) {
  // expected-error @+1 {{'tile.rotate' op has angles in 'memref<2x1x8xf32>', expected heads x queries x half of at most the head dimension of 'memref<2x2x16xf32>'}}
  tile.rotate %x by %c, %c half into %x : memref<2x2x16xf32>, memref<2x1x8xf32>, memref<2x1x8xf32>, memref<2x2x16xf32>
  return
}

// -----

func.func @rotate_c2_sin(%x: memref<2x2x16xf32>, %c: memref<2x2x8xf32>, %s: memref<2x2x8xf64>) {
  // expected-error @+1 {{'tile.rotate' op expects cos and sin of one type, found 'memref<2x2x8xf32>' and 'memref<2x2x8xf64>'}}
  tile.rotate %x by %c, %s half into %x : memref<2x2x16xf32>, memref<2x2x8xf32>, memref<2x2x8xf64>, memref<2x2x16xf32>
  return
}

// -----

func.func @rotate_c3_stride(%x: memref<2x2x16xf32>, %c: memref<2x2x8xf32>, %y: memref<2x2x16xf32, strided<[?, ?, ?]>>) {
  // expected-error @+1 {{'tile.rotate' op expects stride 1 in the last dimension of rotated, found 'memref<2x2x16xf32, strided<[?, ?, ?]>>'}}
  tile.rotate %x by %c, %c half into %y
    : memref<2x2x16xf32>, memref<2x2x8xf32>, memref<2x2x8xf32>, memref<2x2x16xf32, strided<[?, ?, ?]>>
  return
}

// -----

func.func @rotate_kind(%x: memref<2x2x16xf32>, %c: memref<2x2x8xf32>) {
  // expected-error @+1 {{rotary 'quarter', expected half or interleaved}}
  tile.rotate %x by %c, %c quarter into %x : memref<2x2x16xf32>, memref<2x2x8xf32>, memref<2x2x8xf32>, memref<2x2x16xf32>
  return
}

// -----

func.func @init_c1_types(%o: memref<4x16xf32>, %m: memref<4xf64>) {
  // expected-error @+1 {{'tile.init' op expects one element type for o, m and l, found 'f32' and 'f64'}}
  tile.init %o, %m, %m : memref<4x16xf32>, memref<4xf64>, memref<4xf64>
  return
}

// -----

func.func @init_c1_scale(%o: memref<4x16xf32>, %m: memref<4xf32>, %sinks: memref<2xf32>, %n: index, %scale: f64) {
  // expected-error @+1 {{'tile.init' op expects a scale of the type of o, 'f32', found 'f64'}}
  tile.init %o, %m, %m sinks(%sinks : memref<2xf32>) queries(%n) scale(%scale : f64)
    : memref<4x16xf32>, memref<4xf32>, memref<4xf32>
  return
}

// -----

func.func @init_c2_queries(%o: memref<4x16xf32>, %m: memref<4xf32>, %n: index) {
  // expected-error @+1 {{'tile.init' op expects queries and scale exactly if there are sinks}}
  tile.init %o, %m, %m queries(%n) : memref<4x16xf32>, memref<4xf32>, memref<4xf32>
  return
}

// -----

func.func @init_c2_no_scale(%o: memref<4x16xf32>, %m: memref<4xf32>, %sinks: memref<2xf32>, %n: index) {
  // expected-error @+1 {{'tile.init' op expects queries and scale exactly if there are sinks}}
  tile.init %o, %m, %m sinks(%sinks : memref<2xf32>) queries(%n) : memref<4x16xf32>, memref<4xf32>, memref<4xf32>
  return
}

// -----

func.func @qk_c1_types(%q: memref<4x16xf32>, %s: memref<4x64xf64>) {
  // expected-error @+1 {{'tile.qk' op expects one element type for q and s, found 'f32' and 'f64'}}
  tile.qk %q, %q, %s : memref<4x16xf32>, memref<4x16xf32>, memref<4x64xf64>
  return
}

// -----

func.func @qk_c1_wide_keys(%q: memref<4x16xf32>, %k: memref<64x16xf64>, %s: memref<4x64xf32>) {
  // expected-error @+1 {{'tile.qk' op expects k of type 'f32' or narrower, found 'f64'}}
  tile.qk %q, %k, %s : memref<4x16xf32>, memref<64x16xf64>, memref<4x64xf32>
  return
}

// -----

func.func @qk_c1_narrow_keys_transposed(%q: memref<16x48xf32>, %k: memref<96x16xbf16>, %s: memref<96x48xf32>) {
  // expected-error @+1 {{'tile.qk' op expects k of type 'f32', found 'bf16'}}
  tile.qk %q, %k, %s transposed : memref<16x48xf32>, memref<96x16xbf16>, memref<96x48xf32>
  return
}

// -----

func.func @qk_c2_stride(%q: memref<4x16xf32>, %k: memref<4x16xf32, strided<[1, 4]>>, %s: memref<4x64xf32>) {
  // expected-error @+1 {{'tile.qk' op expects stride 1 in the last dimension of q, k and s, found 'memref<4x16xf32, strided<[1, 4]>>'}}
  tile.qk %q, %k, %s : memref<4x16xf32>, memref<4x16xf32, strided<[1, 4]>>, memref<4x64xf32>
  return
}

// -----

func.func @qk_c3_type(%q: memref<4x16xf32>, %k: memref<64x16xf16>, %s: memref<4x64xf32>) {
  // expected-error @+1 {{'tile.qk' op is paired, expected k of type bf16, found 'f16'}}
  tile.qk %q, %k, %s paired = 8 : memref<4x16xf32>, memref<64x16xf16>, memref<4x64xf32>
  return
}

// -----

func.func @qk_c3_columns(%q: memref<4x24xf32>, %k: memref<64x24xbf16>, %s: memref<4x64xf32>) {
  // expected-error @+1 {{'tile.qk' op is paired for vectors of 8, expected a multiple of 16 columns}}
  tile.qk %q, %k, %s paired = 8 : memref<4x24xf32>, memref<64x24xbf16>, memref<4x64xf32>
  return
}

// -----

func.func @qk_c3_transposed(%q: memref<16x48xf32>, %k: memref<64x16xf32>, %s: memref<64x48xf32>) {
  // expected-error @+1 {{'tile.qk' op is paired, expected no transposed q}}
  tile.qk %q, %k, %s transposed paired = 8 : memref<16x48xf32>, memref<64x16xf32>, memref<64x48xf32>
  return
}

// -----

func.func @qk_c7_transposed(%q: memref<16x48xf32>, %k: memref<64x16xf32>, %s: memref<64x48xf32>) {
  // expected-error @+1 {{'tile.qk' op is crossed, expected no transposed q, and scores of f32}}
  tile.qk %q, %k, %s transposed crossed : memref<16x48xf32>, memref<64x16xf32>, memref<64x48xf32>
  return
}

// -----

func.func @qk_c7_type(%q: memref<4x16xf64>, %k: memref<64x16xf64>, %s: memref<64x4xf64>) {
  // expected-error @+1 {{'tile.qk' op is crossed, expected no transposed q, and scores of f32}}
  tile.qk %q, %k, %s crossed : memref<4x16xf64>, memref<64x16xf64>, memref<64x4xf64>
  return
}

// -----

func.func @qk_c5(%q: memref<4x16xf32>, %k: memref<24x16xf32>, %s: memref<24x2xf32>) {
  // expected-error @+1 {{'tile.qk' op expects a column of s for each of the 4 rows of q, found 'memref<24x2xf32>'}}
  tile.qk %q, %k, %s : memref<4x16xf32>, memref<24x16xf32>, memref<24x2xf32>
  return
}

// -----

func.func @qk_c6_rows(%q: memref<4x16xf32>, %k: memref<24x16xf32>, %s: memref<24x4xf32>, %n: index) {
  // expected-error @+1 {{'tile.qk' op leaves out rows or a diagonal, expected rows in lanes and no interleaved operands}}
  tile.qk %q, %k, %s rows(%n) : memref<4x16xf32>, memref<24x16xf32>, memref<24x4xf32>
  return
}

// -----

func.func @qk_c6_diagonal(%q: memref<16x8xf32>, %k: memref<24x16xf32>, %s: memref<24x8xf32>, %n: index) {
  // expected-error @+1 {{'tile.qk' op has half a diagonal, expected a period and the last key of its first row}}
  "tile.qk"(%q, %k, %s, %n) <{transposed, operandSegmentSizes = array<i32: 1, 1, 1, 0, 1, 0, 0>}>
    : (memref<16x8xf32>, memref<24x16xf32>, memref<24x8xf32>, index) -> ()
  return
}

// -----

func.func @pv_c6(%p: memref<32x32xbf16>, %v: memref<2x16x32xbf16>, %o: memref<16x16xf32>, %a: memref<16xf32>, %h: i1, %n: index) {
  // expected-error @+1 {{'tile.pv' op leaves out rows or a diagonal, expected rows in lanes and no interleaved operands}}
  tile.pv %p, %v, %o rescale(%a) hidden(%h) interleaved diagonal(%n, %n)
    : memref<32x32xbf16>, memref<2x16x32xbf16>, memref<16x16xf32>, memref<16xf32>
  return
}

// -----

func.func @qk_c4_paired(%q: memref<16x32xbf16>, %k: memref<32x32xbf16>, %s: memref<32x16xf32>) {
  // expected-error @+1 {{'tile.qk' op is interleaved, expected columns of q that are not paired}}
  tile.qk %q, %k, %s interleaved paired = 16 : memref<16x32xbf16>, memref<32x32xbf16>, memref<32x16xf32>
  return
}

// -----

func.func @qk_c4_keys(%q: memref<16x32xbf16>, %k: memref<32x32xf16>, %s: memref<32x16xf32>) {
  // expected-error @+1 {{'tile.qk' op is interleaved, expected operands of bf16, found 'f16'}}
  tile.qk %q, %k, %s transposed interleaved : memref<16x32xbf16>, memref<32x32xf16>, memref<32x16xf32>
  return
}

// -----

func.func @qk_c4_scores(%q: memref<16x32xbf16>, %k: memref<32x32xbf16>, %s: memref<32x16xf64>) {
  // expected-error @+1 {{'tile.qk' op is interleaved, expected results of f32, found 'f64'}}
  tile.qk %q, %k, %s transposed interleaved : memref<16x32xbf16>, memref<32x32xbf16>, memref<32x16xf64>
  return
}

// -----

func.func @qk_c4_dim(%q: memref<24x32xbf16>, %k: memref<32x47xbf16>, %s: memref<32x16xf32>) {
  // expected-error @+1 {{'tile.qk' op expects a multiple of 2 in dimension 1 of k, found 'memref<32x47xbf16>'}}
  tile.qk %q, %k, %s transposed interleaved : memref<24x32xbf16>, memref<32x47xbf16>, memref<32x16xf32>
  return
}

// -----

func.func @qk_c4_keys_of_few_rows(%q: memref<4x32xbf16>, %k: memref<32x48xbf16>, %s: memref<32x4xf32>) {
  // expected-error @+1 {{'tile.qk' op expects a multiple of 32 in dimension 1 of k, found 'memref<32x48xbf16>'}}
  tile.qk %q, %k, %s interleaved : memref<4x32xbf16>, memref<32x48xbf16>, memref<32x4xf32>
  return
}

// -----

func.func @qk_c4_queries(%q: memref<16x24xbf16>, %k: memref<32x32xbf16>, %s: memref<32x12xf32>) {
  // expected-error @+1 {{'tile.qk' op expects a multiple of 32 in dimension 1 of q, found 'memref<16x24xbf16>'}}
  tile.qk %q, %k, %s transposed interleaved : memref<16x24xbf16>, memref<32x32xbf16>, memref<32x12xf32>
  return
}

// -----

func.func @score_c1_scale(%s: memref<4x64xf32>, %n: index, %scale: f64) {
  // expected-error @+1 {{'tile.score' op expects a scale of the type of s, 'f32', found 'f64'}}
  tile.score %s at(%n, %n, %n, %n) heads(%n) queries(%n) period(%n) keys(%n) scale(%scale) : memref<4x64xf32>, f64
  return
}

// -----

func.func @score_c2_softcap(%s: memref<4x64xf32>, %n: index, %scale: f32) {
  // expected-error @+1 {{'tile.score' op expects a positive softcap, found -1.0}}
  tile.score %s at(%n, %n, %n, %n) heads(%n) queries(%n) period(%n) keys(%n) scale(%scale) softcap = -1.0
    : memref<4x64xf32>, f32
  return
}

// -----

func.func @score_c3_arguments(%s: memref<4x64xf32>, %n: index, %scale: f32) {
  // expected-error @+1 {{'tile.score' op expects a score region with the arguments ('f32', index, index, index, index), found ('f32')}}
  tile.score %s at(%n, %n, %n, %n) heads(%n) queries(%n) period(%n) keys(%n) scale(%scale) score {
    ^bb0(%x: f32):
      tile.yield %x : f32
  } : memref<4x64xf32>, f32
  return
}

// -----

func.func @score_c3_yield(%s: memref<4x64xf32>, %n: index, %scale: f32) {
  // expected-error @+1 {{'tile.score' op expects its region to yield 'f32' and optionally an i1, found ('f32', 'f32')}}
  tile.score %s at(%n, %n, %n, %n) heads(%n) queries(%n) period(%n) keys(%n) scale(%scale) score {
    ^bb0(%x: f32, %b: index, %h: index, %i: index, %j: index):
      tile.yield %x, %x : f32, f32
  } : memref<4x64xf32>, f32
  return
}

// -----

func.func @score_c4_stride(%s: memref<4x64xf32, strided<[1, 4]>>, %n: index, %scale: f32) {
  // expected-error @+1 {{'tile.score' op expects the identity layout of s, found 'memref<4x64xf32, strided<[1, 4]>>'}}
  tile.score %s at(%n, %n, %n, %n) heads(%n) queries(%n) period(%n) keys(%n) scale(%scale)
    : memref<4x64xf32, strided<[1, 4]>>, f32
  return
}

// -----

func.func @mask_c1_stride(%s: memref<4x64xf32, strided<[1, 4]>>, %n: index) {
  // expected-error @+1 {{'tile.mask' op expects stride 1 in the last dimension of s, found 'memref<4x64xf32, strided<[1, 4]>>'}}
  tile.mask %s at(%n, %n) queries(%n) keys(%n) last(%n) : memref<4x64xf32, strided<[1, 4]>>
  return
}

// -----

func.func @softmax_step_c1_types(%s: memref<4x64xf32>, %m: memref<4xf64>, %n: index, %scale: f32) {
  // expected-error @+1 {{'tile.softmax_step' op expects one element type for s, m, l and alpha, found 'f32' and 'f64'}}
  %h = tile.softmax_step %s, %m, %m, %m keys(%n) scale(%scale)
    : memref<4x64xf32>, memref<4xf64>, memref<4xf64>, memref<4xf64>, f32
  return
}

// -----

func.func @softmax_step_c1_scale(%s: memref<4x64xf32>, %m: memref<4xf32>, %n: index, %scale: f64) {
  // expected-error @+1 {{'tile.softmax_step' op expects a scale of the type of s, 'f32', found 'f64'}}
  %h = tile.softmax_step %s, %m, %m, %m keys(%n) scale(%scale)
    : memref<4x64xf32>, memref<4xf32>, memref<4xf32>, memref<4xf32>, f64
  return
}

// -----

func.func @softmax_step_c2_stride(%s: memref<4x64xf32, strided<[1, 4]>>, %m: memref<4xf32>, %n: index, %scale: f32) {
  // expected-error @+1 {{'tile.softmax_step' op expects the identity layout of s, found 'memref<4x64xf32, strided<[1, 4]>>'}}
  %h = tile.softmax_step %s, %m, %m, %m keys(%n) scale(%scale)
    : memref<4x64xf32, strided<[1, 4]>>, memref<4xf32>, memref<4xf32>, memref<4xf32>, f32
  return
}

// -----

func.func @softmax_step_c2_operand(%s: memref<64x16xf32>, %m: memref<16xf32>, %n: index, %scale: f32,
                                   %p: memref<32x32xbf16, strided<[1, 32]>>) {
  // expected-error @+1 {{'tile.softmax_step' op expects stride 1 in the last dimension of p, found 'memref<32x32xbf16, strided<[1, 32]>>'}}
  %h = tile.softmax_step %s, %m, %m, %m keys(%n) scale(%scale) into(%p : memref<32x32xbf16, strided<[1, 32]>>)
    : memref<64x16xf32>, memref<16xf32>, memref<16xf32>, memref<16xf32>, f32
  return
}

// -----

func.func @softmax_step_c3(%s: memref<64x16xf64>, %m: memref<16xf64>, %n: index, %scale: f64, %p: memref<32x32xbf16>) {
  // expected-error @+1 {{'tile.softmax_step' op stores into p, expected an s of f32, found 'f64'}}
  %h = tile.softmax_step %s, %m, %m, %m keys(%n) scale(%scale) into(%p : memref<32x32xbf16>)
    : memref<64x16xf64>, memref<16xf64>, memref<16xf64>, memref<16xf64>, f64
  return
}

// -----

func.func @pv_c1_types(%p: memref<4x64xf32>, %v: memref<64x16xf32>, %o: memref<4x16xf32>, %a: memref<4xf64>, %h: i1) {
  // expected-error @+1 {{'tile.pv' op expects one element type for p, o and alpha, found 'f32' and 'f64'}}
  tile.pv %p, %v, %o rescale(%a) hidden(%h) : memref<4x64xf32>, memref<64x16xf32>, memref<4x16xf32>, memref<4xf64>
  return
}

// -----

func.func @pv_c1_wide_values(%p: memref<4x64xf32>, %v: memref<64x16xf64>, %o: memref<4x16xf32>, %a: memref<4xf32>,
                             %h: i1) {
  // expected-error @+1 {{'tile.pv' op expects v of type 'f32' or narrower, found 'f64'}}
  tile.pv %p, %v, %o rescale(%a) hidden(%h) : memref<4x64xf32>, memref<64x16xf64>, memref<4x16xf32>, memref<4xf32>
  return
}

// -----

func.func @pv_c2_stride(%p: memref<4x64xf32>, %v: memref<64x16xf32, strided<[1, 64]>>, %o: memref<4x16xf32>,
                        %a: memref<4xf32>, %h: i1) {
  // expected-error @+1 {{'tile.pv' op expects stride 1 in the last dimension of p, v and o, found 'memref<64x16xf32, strided<[1, 64]>>'}}
  tile.pv %p, %v, %o rescale(%a) hidden(%h)
    : memref<4x64xf32>, memref<64x16xf32, strided<[1, 64]>>, memref<4x16xf32>, memref<4xf32>
  return
}

// -----

func.func @pv_c3(%p: memref<64x16xf32>, %v: memref<64x16xf32>, %o: memref<16x16xf32>, %a: memref<16xf32>, %h: i1) {
  // expected-error @+1 {{'tile.pv' op is paired, expected v of type bf16, found 'f32'}}
  tile.pv %p, %v, %o rescale(%a) hidden(%h) paired = 8
    : memref<64x16xf32>, memref<64x16xf32>, memref<16x16xf32>, memref<16xf32>
  return
}

// -----

func.func @pv_c3_columns(%p: memref<4x64xf32>, %v: memref<64x?xbf16>, %o: memref<4x?xf32>, %a: memref<4xf32>, %h: i1) {
  // expected-error @+1 {{'tile.pv' op is paired for vectors of 8, expected a multiple of 16 columns}}
  tile.pv %p, %v, %o rescale(%a) hidden(%h) paired = 8
    : memref<4x64xf32>, memref<64x?xbf16>, memref<4x?xf32>, memref<4xf32>
  return
}

// -----

func.func @pv_c4_probabilities(%p: memref<32x32xf32>, %v: memref<2x16x32xbf16>, %o: memref<16x16xf32>, %a: memref<16xf32>,
                               %h: i1) {
  // expected-error @+1 {{'tile.pv' op is interleaved, expected operands of bf16, found 'f32'}}
  tile.pv %p, %v, %o rescale(%a) hidden(%h) interleaved
    : memref<32x32xf32>, memref<2x16x32xbf16>, memref<16x16xf32>, memref<16xf32>
  return
}

// -----

func.func @pv_c4_dim(%p: memref<32x32xbf16>, %v: memref<2x24x32xbf16>, %o: memref<24x16xf32>, %a: memref<16xf32>, %h: i1) {
  // expected-error @+1 {{'tile.pv' op expects a multiple of 16 in dimension 0 of o, found 'memref<24x16xf32>'}}
  tile.pv %p, %v, %o rescale(%a) hidden(%h) interleaved
    : memref<32x32xbf16>, memref<2x24x32xbf16>, memref<24x16xf32>, memref<16xf32>
  return
}

// -----

func.func @pv_c5_values(%p: memref<32x32xbf16>, %v: memref<64x16xbf16>, %o: memref<16x16xf32>, %a: memref<16xf32>, %h: i1) {
  // expected-error @+1 {{'tile.pv' op is interleaved, expected either panels as v or columns of o that are paired, found 'memref<64x16xbf16>'}}
  tile.pv %p, %v, %o rescale(%a) hidden(%h) interleaved
    : memref<32x32xbf16>, memref<64x16xbf16>, memref<16x16xf32>, memref<16xf32>
  return
}

// -----

func.func @transpose_c1_types(%ot: memref<16x16xf32>, %o: memref<16x16xf64>) {
  // expected-error @+1 {{'tile.transpose' op expects one element type for ot and o, found 'f32' and 'f64'}}
  tile.transpose %ot into %o : memref<16x16xf32>, memref<16x16xf64>
  return
}

// -----

func.func @transpose_c2_stride(%ot: memref<16x16xf32, strided<[1, 16]>>, %o: memref<16x16xf32>) {
  // expected-error @+1 {{'tile.transpose' op expects stride 1 in the last dimension of ot and o, found 'memref<16x16xf32, strided<[1, 16]>>'}}
  tile.transpose %ot into %o : memref<16x16xf32, strided<[1, 16]>>, memref<16x16xf32>
  return
}

// -----

func.func @transpose_c3_rows(%ot: memref<16x8xf32>, %o: memref<8x16xf32>) {
  // expected-error @+1 {{'tile.transpose' op expects a multiple of 16 in dimension 0 of o, found 'memref<8x16xf32>'}}
  tile.transpose %ot into %o : memref<16x8xf32>, memref<8x16xf32>
  return
}

// -----

func.func @merge_c1_types(%o: memref<4x16xf32>, %m: memref<4xf32>, %l: memref<4xf64>, %scale: f32) {
  // expected-error @+1 {{'tile.merge' op expects one element type for o, m, l, o0, m0 and l0, found 'f32' and 'f64'}}
  tile.merge %o, %m, %l into %o, %m, %m scale(%scale)
    : memref<4x16xf32>, memref<4xf32>, memref<4xf64>, memref<4x16xf32>, memref<4xf32>, memref<4xf32>, f32
  return
}

// -----

func.func @merge_c1_scale(%o: memref<4x16xf32>, %m: memref<4xf32>, %scale: f64) {
  // expected-error @+1 {{'tile.merge' op expects a scale of the type of o, 'f32', found 'f64'}}
  tile.merge %o, %m, %m into %o, %m, %m scale(%scale)
    : memref<4x16xf32>, memref<4xf32>, memref<4xf32>, memref<4x16xf32>, memref<4xf32>, memref<4xf32>, f64
  return
}

// -----

func.func @merge_c2_stride(%o: memref<4x16xf32>, %m: memref<4xf32>, %o0: memref<4x16xf32, strided<[1, 4]>>, %scale: f32) {
  // expected-error @+1 {{'tile.merge' op expects stride 1 in the last dimension of o and o0, found 'memref<4x16xf32, strided<[1, 4]>>'}}
  tile.merge %o0, %m, %m into %o, %m, %m scale(%scale)
    : memref<4x16xf32, strided<[1, 4]>>, memref<4xf32>, memref<4xf32>, memref<4x16xf32>, memref<4xf32>, memref<4xf32>, f32
  return
}

// -----

func.func @finish_c1_types(%o: memref<4x16xf32>, %m: memref<4xf64>, %out: memref<2x2x16xf32>, %n: index, %scale: f32) {
  // expected-error @+1 {{'tile.finish' op expects one element type for o, m, l and lse, found 'f32' and 'f64'}}
  tile.finish %o, %m, %m into %out queries(%n) scale(%scale) dead_row = zero
    : memref<4x16xf32>, memref<4xf64>, memref<4xf64>, memref<2x2x16xf32>, f32
  return
}

// -----

func.func @finish_c1_lse(%o: memref<4x16xf32>, %m: memref<4xf32>, %out: memref<2x2x16xf32>, %n: index, %scale: f32,
                         %lse: memref<2x2xf64>) {
  // expected-error @+1 {{'tile.finish' op expects one element type for o, m, l and lse, found 'f32' and 'f64'}}
  tile.finish %o, %m, %m into %out queries(%n) scale(%scale) lse(%lse : memref<2x2xf64>) dead_row = zero
    : memref<4x16xf32>, memref<4xf32>, memref<4xf32>, memref<2x2x16xf32>, f32
  return
}

// -----

func.func @finish_c1_scale(%o: memref<4x16xf32>, %m: memref<4xf32>, %out: memref<2x2x16xf32>, %n: index, %scale: f64) {
  // expected-error @+1 {{'tile.finish' op expects a scale of the type of o, 'f32', found 'f64'}}
  tile.finish %o, %m, %m into %out queries(%n) scale(%scale) dead_row = zero
    : memref<4x16xf32>, memref<4xf32>, memref<4xf32>, memref<2x2x16xf32>, f64
  return
}

// -----

func.func @finish_c2_no_values(%o: memref<4x16xf32>, %m: memref<4xf32>, %out: memref<2x2x16xf32>, %n: index, %scale: f32) {
  // expected-error @+1 {{'tile.finish' op has dead_row = uniform, expected values exactly if it is uniform}}
  tile.finish %o, %m, %m into %out queries(%n) scale(%scale) dead_row = uniform
    : memref<4x16xf32>, memref<4xf32>, memref<4xf32>, memref<2x2x16xf32>, f32
  return
}

// -----

func.func @finish_c2_values(%o: memref<4x16xf32>, %m: memref<4xf32>, %out: memref<2x2x16xf32>, %n: index, %scale: f32,
                            %v: memref<?x16xf32>) {
  // expected-error @+1 {{'tile.finish' op has dead_row = nan, expected values exactly if it is uniform}}
  tile.finish %o, %m, %m into %out queries(%n) scale(%scale) values(%v : memref<?x16xf32>) dead_row = nan
    : memref<4x16xf32>, memref<4xf32>, memref<4xf32>, memref<2x2x16xf32>, f32
  return
}

// -----

func.func @finish_c3_stride(%o: memref<4x16xf32, strided<[1, 4]>>, %m: memref<4xf32>, %out: memref<2x2x16xf32>,
                            %n: index, %scale: f32) {
  // expected-error @+1 {{'tile.finish' op expects stride 1 in the last dimension of o, found 'memref<4x16xf32, strided<[1, 4]>>'}}
  tile.finish %o, %m, %m into %out queries(%n) scale(%scale) dead_row = zero
    : memref<4x16xf32, strided<[1, 4]>>, memref<4xf32>, memref<4xf32>, memref<2x2x16xf32>, f32
  return
}

// -----

func.func @finish_keyword(%o: memref<4x16xf32>, %m: memref<4xf32>, %out: memref<2x2x16xf32>, %n: index, %scale: f32) {
  // expected-error @+1 {{dead_row 'none', expected zero, nan or uniform}}
  tile.finish %o, %m, %m into %out queries(%n) scale(%scale) dead_row = none
    : memref<4x16xf32>, memref<4xf32>, memref<4xf32>, memref<2x2x16xf32>, f32
  return
}
