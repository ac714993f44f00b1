// RUN: gqa-opt %s --gqa-lower-tile-to-cpu=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

// Two states become one; where neither has seen a key, the difference of their maxima is not taken.
// CHECK-LABEL: func @merge
// CHECK: scf.for %[[R:.*]] = %c0 to %c4
// CHECK-DAG: %[[M:.*]] = memref.load %arg4[%[[R]]]
// CHECK-DAG: %[[M0:.*]] = memref.load %arg1[%[[R]]]
// CHECK: %[[LESS:.*]] = arith.cmpf olt, %[[M]], %[[M0]]
// CHECK: %[[MAX:.*]] = arith.select %[[LESS]], %[[M0]], %[[M]]
// CHECK: %[[NONE:.*]] = arith.cmpf oeq, %[[MAX]], %{{.*}}
// CHECK: %[[SHIFT:.*]] = arith.select %[[NONE]], %{{.*}}, %[[MAX]]
// CHECK-DAG: arith.subf %[[M]], %[[SHIFT]]
// CHECK-DAG: arith.subf %[[M0]], %[[SHIFT]]
// CHECK: memref.store %[[MAX]], %arg4[%[[R]]]
// CHECK: vector.load %arg0[%[[R]], %{{.*}}] : memref<4x16xf32>, vector<8xf32>
// CHECK: vector.store %{{.*}}, %arg3[%[[R]], %{{.*}}]
func.func @merge(%o0: memref<4x16xf32>, %m0: memref<4xf32>, %l0: memref<4xf32>, %o: memref<4x16xf32>, %m: memref<4xf32>,
                 %l: memref<4xf32>, %x: f32) {
  tile.merge %o0, %m0, %l0 into %o, %m, %l scale(%x)
    : memref<4x16xf32>, memref<4xf32>, memref<4xf32>, memref<4x16xf32>, memref<4xf32>, memref<4xf32>, f32
  return
}

// Vectors where the output's rows are contiguous, elements where they are not; rows of o follow the period.
// CHECK-LABEL: func @finish
// CHECK: %[[CONTIGUOUS:.*]] = arith.cmpi eq, %{{.*}}, %c1
// CHECK: scf.if %[[CONTIGUOUS]] {
// CHECK: %[[FIRST:.*]] = arith.muli %[[G:.*]], %arg4
// CHECK: %[[ROW:.*]] = arith.addi %[[FIRST]], %{{.*}}
// CHECK: arith.divf %{{.*}} : vector<8xf32>
// CHECK: vector.store %{{.*}} : memref<2x2x16xf16, {{.*}}>, vector<8xf16>
// CHECK: } else {
// CHECK-NOT: vector.store
// CHECK: memref.store
// lse = m * scale + ln(l)
// CHECK: %[[LN:.*]] = math.log
// CHECK: %[[M:.*]] = arith.mulf %{{.*}}, %arg5
// CHECK: arith.addf %[[M]], %[[LN]]
func.func @finish(%o: memref<4x16xf32>, %m: memref<4xf32>, %out: memref<2x2x16xf16, strided<[?, ?, ?], offset: ?>>,
                  %lse: memref<2x2xf32>, %n: index, %x: f32) {
  tile.finish %o, %m, %m into %out queries(%n) scale(%x) lse(%lse : memref<2x2xf32>) dead_row = zero
    : memref<4x16xf32>, memref<4xf32>, memref<4xf32>, memref<2x2x16xf16, strided<[?, ?, ?], offset: ?>>, f32
  return
}

// All values are added up, once, if there is a dead row.
// CHECK-LABEL: func @uniform
// CHECK: %[[FIRST:.*]] = scf.for {{.*}} iter_args(%{{.*}} = %c-1) -> (index) {
// CHECK: %[[ANY:.*]] = arith.cmpi sge, %[[FIRST]], %c0
// CHECK: scf.if %[[ANY]] {
// CHECK: memref.load %arg3
func.func @uniform(%o: memref<4x16xf32>, %m: memref<4xf32>, %out: memref<2x2x16xf32>, %v: memref<?x16xf32>, %n: index, %x: f32) {
  tile.finish %o, %m, %m into %out queries(%n) scale(%x) values(%v : memref<?x16xf32>) dead_row = uniform
    : memref<4x16xf32>, memref<4xf32>, memref<4xf32>, memref<2x2x16xf32>, f32
  return
}
