// A step over keys and values of 8 bits: what lies in quads, and the scales of tokens and channels.
// RUN: gqa-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func @step
// CHECK: tile.warp.columns %{{.*}}[%{{.*}}] end(%{{.*}}) : memref<?xf32> -> <1x32xf32, quads>
// CHECK: tile.warp.scale %{{.*}} by %{{.*}} : !tile.fragment<16x32xbf16, quads>, <1x32xf32, quads>
// CHECK: tile.warp.qk %{{.*}}, %{{.*}}[%{{.*}}, %{{.*}}] : <16x32xbf16, quads>, !tile.ring<2x64x32xf8E4M3FN> -> <16x16xf32>
// CHECK: tile.warp.scale %{{.*}} by %{{.*}} : !tile.fragment<16x16xf32>, <1x16xf32>
// CHECK: tile.warp.pv %{{.*}} rescale(%{{.*}}) unsigned : <16x16xbf16>, !tile.channel<2x64x64xi8>, <16x64xf32, quads>, <16xf32>
func.func @step(%n: index, %q: !tile.fragment<16x32xbf16, quads>, %k: !tile.ring<2x64x32xf8E4M3FN>, %v: !tile.channel<2x64x64xi8>,
                %o: !tile.fragment<16x64xf32, quads>, %a: !tile.fragment<16xf32>, %scales: memref<?xf32>) {
  %channels = tile.warp.columns %scales[%n] end(%n) : memref<?xf32> -> !tile.fragment<1x32xf32, quads>
  %tokens = tile.warp.columns %scales[%n] end(%n) : memref<?xf32> -> !tile.fragment<1x16xf32>
  %q1 = tile.warp.scale %q by %channels : !tile.fragment<16x32xbf16, quads>, !tile.fragment<1x32xf32, quads>
  %s = tile.warp.qk %q1, %k[%n, %n] : !tile.fragment<16x32xbf16, quads>, !tile.ring<2x64x32xf8E4M3FN> -> !tile.fragment<16x16xf32>
  %s1 = tile.warp.scale %s by %tokens : !tile.fragment<16x16xf32>, !tile.fragment<1x16xf32>
  %p = tile.warp.to_operand %s1 : !tile.fragment<16x16xf32> -> !tile.fragment<16x16xbf16>
  %o1 = tile.warp.pv %p, %v[%n, %n], %o rescale(%a) unsigned
    : !tile.fragment<16x16xbf16>, !tile.channel<2x64x64xi8>, !tile.fragment<16x64xf32, quads>, !tile.fragment<16xf32>
  return
}

// In a prompt all warps read numbers that were widened once, times a scale for each token.
// CHECK-LABEL: func @prompt
// CHECK: tile.widen %{{.*}}[%{{.*}}] into %{{.*}}[%{{.*}}] : <2x64x32xf8E4M3FN>, <1x64x32xbf16>
// CHECK: tile.warp.scale %{{.*}} by %{{.*}} : !tile.fragment<16x32xbf16>, <1x32xf32>
// CHECK: tile.widen {{.*}} scales(%{{.*}}[%{{.*}}] end(%{{.*}}) : memref<?xf16>) unsigned : <2x64x32xi8>, <1x64x32xf16>
func.func @prompt(%n: index, %rows: memref<?x32xf8E4M3FN>, %codes: !tile.ring<2x64x32xi8>, %numbers: !tile.ring<1x64x32xf16>,
                  %scales: memref<?xf16>, %q: !tile.fragment<16x32xbf16>, %f: !tile.fragment<1x32xf32>) {
  tile.kernel warps = 4 grid(%t = %n) {
    %k = tile.ring : !tile.ring<2x64x32xf8E4M3FN>
    %wide = tile.ring : !tile.ring<1x64x32xbf16>
    tile.load %rows into %k[%t] : memref<?x32xf8E4M3FN>, !tile.ring<2x64x32xf8E4M3FN>
    tile.acquire %k younger = 0 : !tile.ring<2x64x32xf8E4M3FN>
    tile.widen %k[%t] into %wide[%t] : !tile.ring<2x64x32xf8E4M3FN>, !tile.ring<1x64x32xbf16>
    tile.barrier
    %q1 = tile.warp.scale %q by %f : !tile.fragment<16x32xbf16>, !tile.fragment<1x32xf32>
    %s = tile.warp.qk %q1, %wide[%t, %t] : !tile.fragment<16x32xbf16>, !tile.ring<1x64x32xbf16> -> !tile.fragment<16x64xf32>
    tile.widen %codes[%t] into %numbers[%t] scales(%scales[%t] end(%n) : memref<?xf16>) unsigned
      : !tile.ring<2x64x32xi8>, !tile.ring<1x64x32xf16>
  }
  return
}
