// The band is written where it is not visible; what is visible is neither read nor compared.
// RUN: gqa-opt %s --gqa-lower-tile-to-cpu=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

// The visible keys of a row are an interval: -inf before and behind it, up to the end of a vector.
// CHECK-LABEL: func @rows
// CHECK-SAME: %[[S:.*]]: memref<4x64xf32>
// CHECK: %[[NONE:.*]] = arith.constant 0xFF800000 : f32
// CHECK-NOT: load
// CHECK: scf.for %[[R:.*]] = %c0 to %c4
// CHECK: scf.for %[[C:.*]] = %c0 to %[[LOW:.*]] step %c1 {
// CHECK-NEXT: memref.store %[[NONE]], %[[S]][%[[R]], %[[C]]]
// CHECK: scf.for %[[D:.*]] = %[[HIGH:.*]] to %{{.*}} step %c1 {
// CHECK-NEXT: memref.store %[[NONE]], %[[S]][%[[R]], %[[D]]]
// CHECK-NOT: load
// CHECK: return
func.func @rows(%s: memref<4x64xf32>, %i: index, %j: index, %n: index, %k: index, %first: index, %last: index) {
  tile.mask %s at(%i, %j) queries(%n) keys(%k) first(%first) last(%last) : memref<4x64xf32>
  return
}

// With few keys only, one loop is left.
// CHECK-LABEL: func @end
// CHECK: memref.store
// CHECK-NOT: memref.store
// CHECK: return
func.func @end(%s: memref<4x64xf32>, %i: index, %n: index, %k: index) {
  tile.mask %s at(%i, %i) queries(%n) keys(%k) : memref<4x64xf32>
  return
}

// Transposed, the queries of a head that see a key are the interval.
// CHECK-LABEL: func @columns
// CHECK: scf.for %[[C:.*]] = %c0 to %arg4
// CHECK: scf.for
// CHECK: memref.store %cst, %arg0[%[[C]], %{{.*}}]
// CHECK-NOT: load
// CHECK: return
func.func @columns(%s: memref<64x8xf32>, %i: index, %j: index, %n: index, %k: index, %last: index) {
  tile.mask %s at(%i, %j) queries(%n) keys(%k) last(%last) transposed : memref<64x8xf32>
  return
}
