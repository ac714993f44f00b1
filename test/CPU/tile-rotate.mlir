// RUN: gqa-opt %s --gqa-lower-tile-to-cpu=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

// Two halves of 20 pairs: two vectors of 8, and 4 elements one by one; then the elements that are not rotated.
// CHECK-LABEL: func @half
// CHECK-DAG: %[[HALF:.*]] = arith.constant 20 : index
// CHECK-DAG: %[[WHOLE:.*]] = arith.constant 16 : index
// CHECK-DAG: %[[ROTATED:.*]] = arith.constant 40 : index
// CHECK-DAG: %[[D:.*]] = arith.constant 56 : index
// CHECK: scf.for %{{.*}} = %c0 to %c4
// CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c1
// CHECK: scf.for %[[P:.*]] = %c0 to %[[WHOLE]] step %c8
// CHECK: vector.load %{{.*}}[%{{.*}}, %{{.*}}, %[[P]]] : {{.*}}, vector<8xbf16>
// CHECK: arith.extf
// CHECK: %[[Q:.*]] = arith.addi %[[P]], %[[HALF]]
// CHECK: vector.load %{{.*}}[%{{.*}}, %{{.*}}, %[[Q]]]
// CHECK: arith.subf %{{.*}} : vector<8xf32>
// CHECK: arith.addf %{{.*}} : vector<8xf32>
// CHECK: vector.store %{{.*}}[%{{.*}}, %{{.*}}, %[[P]]] : {{.*}}, vector<8xf32>
// CHECK: vector.store %{{.*}}[%{{.*}}, %{{.*}}, %[[Q]]]
// CHECK: scf.for %{{.*}} = %[[WHOLE]] to %[[HALF]] step %c1
// CHECK: scf.for %{{.*}} = %[[ROTATED]] to %[[D]] step %c8
func.func @half(%x: memref<4x?x56xbf16>, %c: memref<4x?x20xf32>, %s: memref<4x?x20xf32>, %out: memref<4x?x56xf32>) {
  tile.rotate %x by %c, %s half into %out : memref<4x?x56xbf16>, memref<4x?x20xf32>, memref<4x?x20xf32>, memref<4x?x56xf32>
  return
}

// Neighbours: two vectors taken apart and put together again. Angles of f64 are rounded, since f32 is computed in.
// CHECK-LABEL: func @interleaved
// CHECK: vector.shuffle %{{.*}}, %{{.*}} [0, 2, 4, 6, 8, 10, 12, 14]
// CHECK: vector.shuffle %{{.*}}, %{{.*}} [1, 3, 5, 7, 9, 11, 13, 15]
// CHECK: arith.truncf %{{.*}} : vector<8xf64> to vector<8xf32>
// CHECK: vector.interleave
func.func @interleaved(%x: memref<4x1x16xf32>, %c: memref<4x1x8xf64>, %out: memref<4x1x16xf32>) {
  tile.rotate %x by %c, %c interleaved into %out : memref<4x1x16xf32>, memref<4x1x8xf64>, memref<4x1x8xf64>, memref<4x1x16xf32>
  return
}
