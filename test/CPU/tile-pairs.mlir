// Products of pairs of bf16 numbers in vectors.
// RUN: gqa-opt %s --gqa-lower-tile-to-cpu=target=cpu:znver4 --canonicalize --cse | FileCheck %s
// RUN: gqa-opt %s --gqa-lower-tile-to-cpu=target=cpu:x86-64-v3+emulate-pairs --canonicalize --cse | FileCheck %s --check-prefix=EMULATED

// Keys of few rows as they are, times rows whose pairs are neighbours as well.
// CHECK-LABEL: func @few_scores
// CHECK: vector.load %arg1[{{.*}}] : memref<?x64xbf16>, vector<32xbf16>
// CHECK: vector.load %arg0[{{.*}}] : memref<4x64xbf16>, vector<32xbf16>
// CHECK: x86vector.avx512.dot %{{.*}}, %{{.*}}, %{{.*}} : vector<32xbf16> -> vector<16xf32>
// EMULATED-LABEL: func @few_scores
// EMULATED-NOT: x86vector
// EMULATED: arith.shli
// EMULATED: vector.fma
func.func @few_scores(%q: memref<4x64xbf16>, %k: memref<?x64xbf16>, %s: memref<32x4xf32>) {
  tile.qk %q, %k, %s interleaved crossed : memref<4x64xbf16>, memref<?x64xbf16>, memref<32x4xf32>
  return
}

// A vector has four keys of four rows: of two vectors the keys with even numbers, and those with odd ones, become words.
// CHECK-LABEL: func @few_probabilities
// CHECK: vector.shuffle %[[A:.*]], %[[B:.*]] [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27]
// CHECK: vector.shuffle %[[A]], %[[B]] [4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31]
// CHECK: vector.store %{{.*}} : memref<128xbf16>, vector<32xbf16>
func.func @few_probabilities(%s: memref<32x4xf32>, %m: memref<4xf32>, %l: memref<4xf32>, %a: memref<4xf32>, %n: index,
                             %p: memref<16x8xbf16>, %x: f32) -> i1 {
  %h = tile.softmax_step %s, %m, %l, %a keys(%n) scale(%x) into(%p : memref<16x8xbf16>)
    : memref<32x4xf32>, memref<4xf32>, memref<4xf32>, memref<4xf32>, f32
  return %h : i1
}

// Two rows of values become pairs; the last row, if there is one without a partner, is its own: its weight is hidden.
// CHECK-LABEL: func @few_values
// CHECK: %[[NEXT:.*]] = arith.minsi
// CHECK: %[[FIRST:.*]] = vector.load %arg1[%[[KEY:.*]], %[[D:.*]]] : memref<?x64xbf16>, vector<32xbf16>
// CHECK: %[[SECOND:.*]] = vector.load %arg1[%[[NEXT]], %[[D]]] : memref<?x64xbf16>, vector<32xbf16>
// CHECK: %[[PAIR:.*]] = vector.load %arg0{{.*}} : memref<16x8xbf16>, vector<2xbf16>
// CHECK: x86vector.avx512.dot
func.func @few_values(%p: memref<16x8xbf16>, %v: memref<?x64xbf16>, %o: memref<4x64xf32>, %a: memref<4xf32>, %h: i1) {
  tile.pv %p, %v, %o rescale(%a) hidden(%h) interleaved paired = 16
    : memref<16x8xbf16>, memref<?x64xbf16>, memref<4x64xf32>, memref<4xf32>
  return
}

// Of many rows blocks of 6 x 4 vectors: 24 sums, and a pair of a key for 4 of them.
// CHECK-LABEL: func @many_scores
// CHECK: scf.for {{.*}} -> (vector<16xf32>
// CHECK: %[[KEY:.*]] = vector.load %arg1{{.*}} : memref<?x64xbf16>, vector<2xbf16>
// CHECK: %[[WORD:.*]] = vector.bitcast %[[KEY]] : vector<2xbf16> to vector<1xi32>
// CHECK-COUNT-24: x86vector.avx512.dot
// CHECK: scf.yield
func.func @many_scores(%q: memref<32x128xbf16>, %k: memref<?x64xbf16>, %s: memref<128x64xf32>) {
  tile.qk %q, %k, %s transposed interleaved : memref<32x128xbf16>, memref<?x64xbf16>, memref<128x64xf32>
  return
}

// Sixteen queries of a head are sixteen vectors of words, transposed; what is left of them goes pair by pair.
// CHECK-LABEL: func @queries
// CHECK: vector.load {{.*}} vector<32xbf16>
// CHECK-COUNT-64: vector.shuffle
// CHECK-NOT: vector.shuffle
// CHECK: vector.store %{{.*}}, %arg1[{{.*}}] : memref<32x128xbf16>, vector<32xbf16>
// CHECK: vector.from_elements
func.func @queries(%x: memref<4x?x64xbf16>, %room: memref<32x128xbf16>, %n: index) -> memref<32x128xbf16> {
  %t = tile.pack %x into %room queries(%n) transposed interleaved : memref<4x?x64xbf16>, memref<32x128xbf16> -> memref<32x128xbf16>
  return %t : memref<32x128xbf16>
}
