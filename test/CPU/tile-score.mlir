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

// A key that the mask or the region hides gets -inf. Of 4 rows two keys share a vector, and each lane has its row's
// place in the mask, where the last vector may read its last key again.
// CHECK-LABEL: func @mask
// CHECK-DAG: %[[NONE:.*]] = arith.constant dense<0xFF800000> : vector<8xf32>
// CHECK: scf.for %[[KEY:.*]] = %c0 to %{{.*}} step %c2
// CHECK: %[[X:.*]] = arith.mulf %{{.*}} : vector<8xf32>
// CHECK-COUNT-8: memref.load %arg3[%{{.*}}] : memref<1x1x4x64xi1>
// CHECK-NOT: memref.load
// CHECK: %[[SEEN:.*]] = arith.cmpi ne, %{{.*}} : vector<8xi32>
// CHECK: arith.select %[[SEEN]], %[[X]], %[[NONE]]
func.func @mask(%s: memref<64x4xf32>, %n: index, %x: f32, %mask: memref<1x1x4x64xi1>) {
  tile.score %s at(%n, %n, %n, %n) heads(%n) queries(%n) period(%n) keys(%n) scale(%x) mask(%mask : memref<1x1x4x64xi1>)
    : memref<64x4xf32>, f32
  return
}

// Query n of head g is row g * period + n: a column of the scores. What depends on rows alone is in front of the loop over
// keys: the slope of each lane's head.
// CHECK-LABEL: func @region
// CHECK: %[[G:.*]] = arith.divsi %c0, %arg3
// CHECK: %[[IN:.*]] = arith.remsi %c0, %arg3
// CHECK-NOT: arith.divsi
// CHECK: %[[NEXT:.*]] = arith.addi %[[IN]], %c1
// CHECK: %[[WRAPS:.*]] = arith.cmpi eq, %[[NEXT]], %arg3
// CHECK: %[[ANOTHER:.*]] = arith.addi %[[G]], %c1
// CHECK: %[[G1:.*]] = arith.select %[[WRAPS]], %[[ANOTHER]], %[[G]]
// CHECK: %[[LAST:.*]] = arith.minsi %[[G1]], %{{.*}}
// CHECK: %[[H:.*]] = arith.addi %arg2, %[[LAST]]
// CHECK: memref.load %arg5[%[[H]]]
// CHECK: %[[SLOPES:.*]] = vector.from_elements {{.*}} : vector<8xf32>
// CHECK: scf.for
// CHECK-NOT: memref.load
// CHECK: arith.addf %{{.*}}, %[[SLOPES]] : vector<8xf32>
// CHECK-NOT: memref.store
// CHECK: return
func.func @region(%s: memref<64x8xf32>, %heads: index, %h: index, %period: index, %x: f32, %slopes: memref<8xf32>) {
  tile.score %s at(%h, %h, %h, %h) heads(%heads) queries(%h) period(%period) keys(%h) scale(%x) score {
    ^bb0(%v: f32, %b1: index, %h1: index, %i1: index, %j1: index):
      %slope = memref.load %slopes[%h1] : memref<8xf32>
      %y = arith.addf %v, %slope : f32
      tile.yield %y : f32
  } : memref<64x8xf32>, f32
  return
}

// A bias is read along its rows of keys, eight of them at a time, and those of the next block are brought near meanwhile. Eight
// keys of eight rows change places; keys that are left are read number by number, as all are where they are not neighbours.
// CHECK-LABEL: func @bias
// CHECK: scf.for %{{.*}} = %c0 to %c16 step %c8
// CHECK-COUNT-24: memref.prefetch %arg1[%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}], read, locality<2>, data
// CHECK-NOT: memref.prefetch
// CHECK: scf.for %{{.*}} = %c0 to %[[WHOLE:.*]] step %c8
// CHECK-NOT: memref.load
// CHECK-COUNT-8: vector.load %arg1[%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}]
// CHECK-COUNT-24: vector.shuffle
// CHECK-COUNT-8: vector.store
// CHECK: scf.for %{{.*}} = %[[WHOLE]] to %arg4
// CHECK-COUNT-8: memref.load %arg1[%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}]
// CHECK: %[[BIAS:.*]] = vector.from_elements
// CHECK: arith.addf %{{.*}}, %[[BIAS]] : vector<8xf32>
func.func @bias(%s: memref<48x16xf32>, %bias: memref<1x1x?x?xf32>, %at: index, %queries: index, %keys: index, %x: f32) {
  %one = arith.constant 1 : index
  tile.score %s at(%at, %at, %at, %at) heads(%one) queries(%queries) period(%queries) keys(%keys) scale(%x)
    bias(%bias : memref<1x1x?x?xf32>) : memref<48x16xf32>, f32
  return
}

// A mask's bits are bytes, and become words.
// CHECK-LABEL: func @mask_of_rows
// CHECK: %[[STRIDES:strides.*]]:4 = memref.extract_strided_metadata %arg1
// CHECK: %[[NEXT:.*]] = arith.cmpi eq, %[[STRIDES]]#3, %c1
// CHECK: %[[WHOLE:.*]] = arith.select %[[NEXT]], %{{.*}}, %c0
// CHECK: scf.for %{{.*}} = %c0 to %[[WHOLE]] step %c8
// CHECK-COUNT-8: llvm.load %{{.*}} {alignment = 1 : i64} : !llvm.ptr -> vector<8xi8>
// CHECK-COUNT-24: vector.shuffle {{.*}} : vector<8xi32>, vector<8xi32>
// CHECK-COUNT-8: arith.select %{{.*}}, %{{.*}}, %{{.*}} : vector<8xi1>, vector<8xf32>
func.func @mask_of_rows(%s: memref<48x16xf32>, %mask: memref<1x1x?x?xi1, strided<[?, ?, ?, ?]>>, %at: index, %keys: index, %x: f32) {
  %one = arith.constant 1 : index
  tile.score %s at(%at, %at, %at, %at) heads(%one) queries(%at) period(%at) keys(%keys) scale(%x)
    mask(%mask : memref<1x1x?x?xi1, strided<[?, ?, ?, ?]>>) : memref<48x16xf32>, f32
  return
}

// Integers made of positions are words of 32 bits while they fit: the distance does, its square of 62 bits does not.
// CHECK-LABEL: func @narrow
// CHECK: %[[DISTANCE:.*]] = arith.subi %{{.*}}, %{{.*}} : vector<8xi32>
// CHECK: arith.sitofp %[[DISTANCE]] : vector<8xi32> to vector<8xf32>
// CHECK: %[[WIDE:.*]] = arith.extsi %[[DISTANCE]] : vector<8xi32> to vector<8xi64>
// CHECK: arith.muli %[[WIDE]], %[[WIDE]] : vector<8xi64>
func.func @narrow(%s: memref<48x16xf32>, %at: index, %queries: index, %keys: index, %x: f32) {
  %one = arith.constant 1 : index
  tile.score %s at(%at, %at, %at, %at) heads(%one) queries(%queries) period(%queries) keys(%keys) scale(%x) score {
    ^bb0(%v: f32, %b: index, %h: index, %i: index, %j: index):
      %distance = arith.subi %j, %i : index
      %wide = arith.index_cast %distance : index to i64
      %f = arith.sitofp %wide : i64 to f32
      %square = arith.muli %wide, %wide : i64
      %g = arith.sitofp %square : i64 to f32
      %y = arith.mulf %f, %g : f32
      tile.yield %y : f32
  } : memref<48x16xf32>, f32
  return
}

// Rows that are not a multiple of a vector, nor the other way round: element by element.
// CHECK-LABEL: func @odd
// CHECK: memref.load %arg0
// CHECK: memref.store %{{.*}}, %arg0
func.func @odd(%s: memref<48x12xf32>, %n: index, %x: f32, %mask: memref<1x1x4x64xi1>) {
  tile.score %s at(%n, %n, %n, %n) heads(%n) queries(%n) period(%n) keys(%n) scale(%x) mask(%mask : memref<1x1x4x64xi1>)
    : memref<48x12xf32>, f32
  return
}
