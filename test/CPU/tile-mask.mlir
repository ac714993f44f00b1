// The band is written where it is not visible; what is visible is neither read nor compared.
// RUN: gqa-opt %s --gqa-lower-tile-to-cpu=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

// The queries of a head that see a key are an interval: -inf before and behind it.
// CHECK-LABEL: func @band
// CHECK-SAME: %[[S:.*]]: memref<64x8xf32>
// CHECK: %[[NONE:.*]] = arith.constant 0xFF800000 : f32
// CHECK-NOT: load
// CHECK: scf.for %[[C:.*]] = %c0 to %arg4
// CHECK: scf.for
// CHECK: scf.for %[[R:.*]] = %[[FIRST:.*]] to %{{.*}} step %c1 {
// CHECK-NEXT: memref.store %[[NONE]], %[[S]][%[[C]], %[[R]]]
// CHECK: scf.for %[[R:.*]] = %{{.*}} to %{{.*}} step %c1 {
// CHECK-NEXT: memref.store %[[NONE]], %[[S]][%[[C]], %[[R]]]
// CHECK-NOT: load
// CHECK: return
func.func @band(%s: memref<64x8xf32>, %i: index, %j: index, %n: index, %k: index, %first: index, %last: index) {
  tile.mask %s at(%i, %j) queries(%n) keys(%k) first(%first) last(%last) : memref<64x8xf32>
  return
}

// With one end only, one loop is left.
// CHECK-LABEL: func @causal
// CHECK: memref.store
// CHECK: return
func.func @causal(%s: memref<64x8xf32>, %i: index, %j: index, %n: index, %k: index, %last: index) {
  tile.mask %s at(%i, %j) queries(%n) keys(%k) last(%last) : memref<64x8xf32>
  return
}
