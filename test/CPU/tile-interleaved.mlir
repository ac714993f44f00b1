// RUN: gqa-opt %s --gqa-lower-tile-to-cpu=target=cpu:sapphirerapids --canonicalize --cse | FileCheck %s

// Blocks of 2 x 2 registers: keys as they are times interleaved queries.
// CHECK-LABEL: func @qk
// CHECK: scf.for %[[KEY:.*]] = %c0
// CHECK: scf.for %[[D:.*]] = %c0 to %c64 step %c32 iter_args(%{{.*}}) -> (!amx.tile<16x16xf32>, !amx.tile<16x16xf32>, !amx.tile<16x16xf32>, !amx.tile<16x16xf32>)
// CHECK: %[[A:.*]] = amx.tile_load %arg1[%{{.*}}, %[[D]]]
// CHECK: %[[HALF:.*]] = arith.divsi %[[D]], %c2
// CHECK: %[[B:.*]] = amx.tile_load %arg0[%[[HALF]], %{{.*}}]
// CHECK: amx.tile_mulf %[[A]], %[[B]]
// CHECK-COUNT-3: amx.tile_mulf
// CHECK: scf.yield
// CHECK-COUNT-4: amx.tile_store %arg2
// CHECK: return
func.func @qk(%q: memref<32x64xbf16>, %k: memref<?x64xbf16>, %s: memref<128x32xf32>) {
  tile.qk %q, %k, %s transposed interleaved : memref<32x64xbf16>, memref<?x64xbf16>, memref<128x32xf32>
  return
}

// Keys behind the last are hidden up to a whole register; two keys are rounded to the words of a row.
// CHECK-LABEL: func @softmax
// CHECK: %[[WHOLE:.*]] = arith.muli %{{.*}}, %c32
// CHECK: vector.store %cst{{.*}}
// CHECK: scf.for %[[KEY:.*]] = %c0 to %[[WHOLE]] step %c4 iter_args
// CHECK: %[[AT:.*]] = arith.divsi %[[KEY]], %c2
// CHECK: %[[PAIR:.*]] = vector.bitcast %{{.*}} : vector<16xi32> to vector<32xbf16>
// CHECK: vector.store %[[PAIR]], %arg5[%[[AT]], %{{.*}}]
func.func @softmax(%s: memref<64x16xf32>, %m: memref<16xf32>, %l: memref<16xf32>, %a: memref<16xf32>, %n: index,
                   %p: memref<32x32xbf16>, %x: f32) -> i1 {
  %h = tile.softmax_step %s, %m, %l, %a keys(%n) scale(%x) into(%p : memref<32x32xbf16>)
    : memref<64x16xf32>, memref<16xf32>, memref<16xf32>, memref<16xf32>, f32
  return %h : i1
}

// The output is rescaled only where a factor is not one; values that are not finite take the choice, as everywhere. Three
// registers of the head dimension are a pair and one.
// CHECK-LABEL: func @pv
// CHECK: %[[CHANGED:.*]] = scf.for {{.*}} -> (i1)
// CHECK: arith.cmpf une
// CHECK: scf.if %[[CHANGED]] {
// CHECK: %[[LEAKS:.*]] = scf.if %arg4 -> (i1)
// CHECK: arith.cmpf uno
// CHECK: scf.if %[[LEAKS]] {
// CHECK: arith.select
// CHECK: } else {
// CHECK-COUNT-4: amx.tile_load %arg2
// CHECK: amx.tile_load %arg1[%{{.*}}, %{{.*}}, %c0]
// CHECK-COUNT-4: amx.tile_mulf
// CHECK-COUNT-4: amx.tile_store %arg2
// CHECK-COUNT-2: amx.tile_mulf
// CHECK-NOT: amx.tile_mulf
func.func @pv(%p: memref<64x64xbf16>, %v: memref<?x48x32xbf16>, %o: memref<48x32xf32>, %a: memref<32xf32>, %h: i1) {
  tile.pv %p, %v, %o rescale(%a) hidden(%h) interleaved
    : memref<64x64xbf16>, memref<?x48x32xbf16>, memref<48x32xf32>, memref<32xf32>
  return
}

// Keys are used in place only if their rows fill registers.
// CHECK-LABEL: func @keys
// CHECK: %[[PADDED:.*]] = arith.muli %{{.*}}, %c32
// CHECK: %[[FULL:.*]] = arith.cmpi eq, %{{.*}}, %[[PADDED]]
// CHECK: scf.if
// CHECK: } else {
// CHECK: memref.subview %arg1[0, 0] [%[[PADDED]], 64]
func.func @keys(%x: memref<?x64xbf16, strided<[?, ?], offset: ?>>, %room: memref<128x64xbf16>)
    -> memref<?x64xbf16, strided<[?, 1], offset: ?>> {
  %t = tile.pack %x into %room multiple = 32 : memref<?x64xbf16, strided<[?, ?], offset: ?>>, memref<128x64xbf16>
    -> memref<?x64xbf16, strided<[?, 1], offset: ?>>
  return %t : memref<?x64xbf16, strided<[?, 1], offset: ?>>
}

// Sixteen pairs of keys are sixteen vectors of words: four steps of sixteen shuffles transpose them.
// CHECK-LABEL: func @panels
// CHECK-COUNT-64: vector.shuffle
// CHECK-NOT: vector.shuffle
// CHECK: vector.store %{{.*}}, %arg1[%{{.*}}, %{{.*}}, %{{.*}}] : memref<4x64x32xbf16>, vector<32xbf16>
// What does not fill a panel goes number by number, with zeros behind it.
// CHECK: memref.load %arg0
// CHECK: memref.store %cst, %arg1
func.func @panels(%x: memref<?x64xbf16, strided<[?, ?], offset: ?>>, %room: memref<4x64x32xbf16>) -> memref<4x64x32xbf16> {
  %t = tile.pack %x into %room transposed : memref<?x64xbf16, strided<[?, ?], offset: ?>>, memref<4x64x32xbf16>
    -> memref<4x64x32xbf16>
  return %t : memref<4x64x32xbf16>
}

// CHECK-LABEL: func @transpose
// CHECK-COUNT-16: vector.load %arg0
// CHECK-COUNT-64: vector.shuffle
// CHECK-COUNT-16: vector.store %{{.*}}, %arg1
func.func @transpose(%ot: memref<64x32xf32>, %o: memref<32x64xf32>) {
  tile.transpose %ot into %o : memref<64x32xf32>, memref<32x64xf32>
  return
}
