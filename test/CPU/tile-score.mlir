// RUN: gqa-opt %s --gqa-lower-tile-to-cpu=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

// Without bias, mask and region nothing is done element by element.
// CHECK-LABEL: func @scale
// CHECK: arith.mulf %{{.*}} : vector<8xf32>
// CHECK-NOT: memref.load
// CHECK: return
func.func @scale(%s: memref<64x4xf32>, %n: index, %x: f32) {
  tile.score %s at(%n, %n, %n, %n) heads(%n) queries(%n) period(%n) keys(%n) scale(%x) : memref<64x4xf32>, f32
  return
}

// A key that the mask or the region hides gets -inf.
// CHECK-LABEL: func @mask
// CHECK-DAG: %[[NONE:.*]] = arith.constant 0xFF800000 : f32
// CHECK: %[[SEEN:.*]] = memref.load %{{.*}} : memref<1x1x4x64xi1>
// CHECK: arith.select %[[SEEN]], %{{.*}}, %[[NONE]]
func.func @mask(%s: memref<64x4xf32>, %n: index, %x: f32, %mask: memref<1x1x4x64xi1>) {
  tile.score %s at(%n, %n, %n, %n) heads(%n) queries(%n) period(%n) keys(%n) scale(%x) mask(%mask : memref<1x1x4x64xi1>)
    : memref<64x4xf32>, f32
  return
}

// Query n of head g is row g * period + n: a column of the scores.
// CHECK-LABEL: func @region
// CHECK: scf.for %[[G:.*]] = %c0 to %arg1
// CHECK-DAG: %[[H:.*]] = arith.addi %arg2, %[[G]]
// CHECK-DAG: %[[FIRST:.*]] = arith.muli %[[G]], %arg3
// CHECK: %[[ROW:.*]] = arith.addi %[[FIRST]], %{{.*}}
// CHECK: memref.load %arg0[%[[C:.*]], %[[ROW]]]
// CHECK: memref.load %arg5[%[[H]]]
// CHECK: memref.store %{{.*}}, %arg0[%[[C]], %[[ROW]]]
func.func @region(%s: memref<64x8xf32>, %heads: index, %h: index, %period: index, %x: f32, %slopes: memref<8xf32>) {
  tile.score %s at(%h, %h, %h, %h) heads(%heads) queries(%h) period(%period) keys(%h) scale(%x) score {
    ^bb0(%v: f32, %b1: index, %h1: index, %i1: index, %j1: index):
      %slope = memref.load %slopes[%h1] : memref<8xf32>
      %y = arith.addf %v, %slope : f32
      tile.yield %y : f32
  } : memref<64x8xf32>, f32
  return
}

// A bias is read along its rows of keys, and those of the next block are brought near meanwhile.
// CHECK-LABEL: func @bias
// CHECK: scf.for %[[I:.*]] = %c0 to %arg3
// CHECK-COUNT-3: memref.prefetch %arg1[%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}], read, locality<2>, data
// CHECK-NOT: memref.prefetch
// CHECK: scf.for %[[J:.*]] = %c0 to %arg4
// CHECK: %[[BIAS:.*]] = memref.load %arg1[%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}]
// CHECK: arith.addf %{{.*}}, %[[BIAS]]
func.func @bias(%s: memref<48x16xf32>, %bias: memref<1x1x?x?xf32>, %at: index, %queries: index, %keys: index, %x: f32) {
  %one = arith.constant 1 : index
  tile.score %s at(%at, %at, %at, %at) heads(%one) queries(%queries) period(%queries) keys(%keys) scale(%x)
    bias(%bias : memref<1x1x?x?xf32>) : memref<48x16xf32>, f32
  return
}
