// RUN: gqa-opt %s --gqa-lower-tile-to-cpu=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

// Two keys of four rows share a vector: their maxima and sums are joined by a rotation, and the last keys get hidden ones
// beside them, so that none is left behind four vectors. The exponential is arithmetic, not a call; the least score says
// whether one was hidden.
// CHECK-LABEL: func @few_rows
// CHECK-DAG: %[[HIDDEN:.*]] = arith.constant dense<-0.0{{.*}}> : vector<8xf32>
// CHECK-DAG: %[[NONE:.*]] = arith.constant dense<0xFF800000> : vector<4xf32>
// CHECK-NOT: math.exp
// CHECK: %[[SCORES:.*]] = memref.reinterpret_cast %arg0 to offset: [0], sizes: [256], strides: [1]
// CHECK: vector.store %[[NONE]], %[[SCORES]]
// CHECK: %[[MAX:.*]]:2 = scf.for {{.*}} step %c8 iter_args
// CHECK-COUNT-4: vector.load %[[SCORES]][%{{.*}}] : memref<256xf32>, vector<8xf32>
// CHECK: %[[OLD:.*]] = vector.load %arg1[%{{.*}}] : memref<4xf32>, vector<4xf32>
// CHECK: vector.shuffle %[[OLD]], %[[OLD]] [0, 1, 2, 3, 0, 1, 2, 3]
// CHECK: vector.shuffle %[[MAX]]#0, %[[MAX]]#0 [4, 5, 6, 7, 0, 1, 2, 3]
// CHECK: vector.store %{{.*}}, %arg1[%{{.*}}] : memref<4xf32>, vector<4xf32>
// Exponentials of four vectors are woven into each other.
// CHECK: scf.for {{.*}} step %c8 iter_args
// CHECK-COUNT-24: vector.fma {{.*}} : vector<8xf32>
// CHECK-COUNT-4: arith.select %{{.*}}, %[[HIDDEN]], %{{.*}} : vector<8xi1>, vector<8xf32>
// CHECK-NOT: step %c2
// CHECK: %[[IS_HIDDEN:.*]] = arith.cmpf oeq, %{{.*}} : vector<8xf32>
// CHECK: %[[ANY:.*]] = vector.reduction <or>, %[[IS_HIDDEN]]
// CHECK: return %[[ANY]]
func.func @few_rows(%s: memref<64x4xf32>, %m: memref<4xf32>, %l: memref<4xf32>, %a: memref<4xf32>, %n: index, %x: f32) -> i1 {
  %h = tile.softmax_step %s, %m, %l, %a keys(%n) scale(%x)
    : memref<64x4xf32>, memref<4xf32>, memref<4xf32>, memref<4xf32>, f32
  return %h : i1
}

// CHECK-LABEL: func @f64
// CHECK: math.exp %{{.*}} : vector<4xf64>
func.func @f64(%s: memref<64x4xf64>, %m: memref<4xf64>, %l: memref<4xf64>, %a: memref<4xf64>, %n: index, %x: f64) {
  %h = tile.softmax_step %s, %m, %l, %a keys(%n) scale(%x)
    : memref<64x4xf64>, memref<4xf64>, memref<4xf64>, memref<4xf64>, f64
  return
}

// Lanes are rows: no maximum and no sum goes across them, and only rows and keys that exist are visited, these in fours.
// CHECK-LABEL: func @many_rows
// CHECK-NOT: vector.reduction <maxnumf>
// CHECK-NOT: vector.reduction <add>
// CHECK: %[[FOURS:.*]] = arith.ceildivsi %arg4, %c4
// CHECK: %[[WHOLE:.*]] = arith.muli %[[FOURS]], %c4
// CHECK: %[[VECTORS:.*]] = arith.ceildivsi %arg6, %c8
// CHECK: scf.for %{{.*}} = %c0 to %[[VECTORS]] step %c1 iter_args
// CHECK: scf.for %[[C:.*]] = %c0 to %[[WHOLE]] step %c4 iter_args
// CHECK: arith.muli %[[C]], %c16
// CHECK: vector.load %{{.*}} : memref<1024xf32>, vector<8xf32>
// CHECK: vector.store %{{.*}}, %arg1[%{{.*}}] : memref<16xf32>, vector<8xf32>
// CHECK: vector.store %{{.*}}, %arg3[%{{.*}}] : memref<16xf32>, vector<8xf32>
// CHECK: vector.reduction <or>
// CHECK: return
func.func @many_rows(%s: memref<64x16xf32>, %m: memref<16xf32>, %l: memref<16xf32>, %a: memref<16xf32>, %n: index, %x: f32, %r: index) -> i1 {
  %h = tile.softmax_step %s, %m, %l, %a keys(%n) scale(%x) rows(%r)
    : memref<64x16xf32>, memref<16xf32>, memref<16xf32>, memref<16xf32>, f32
  return %h : i1
}

// A sink is a key with a value of zero, in units of the scale; one of -inf is none.
// CHECK-LABEL: func @init
// CHECK: scf.for %[[G:.*]] = %c0 to %c2
// CHECK: %[[SINK:.*]] = memref.load %arg2[%[[G]]]
// CHECK: %[[NONE:.*]] = arith.cmpf oeq, %[[SINK]], %cst
// CHECK: %[[L:.*]] = arith.select %[[NONE]]
// CHECK: %[[M:.*]] = arith.divf %[[SINK]], %arg3
// CHECK: memref.store %[[M]], %arg1
// CHECK: memref.store %[[L]], %arg1
func.func @init(%o: memref<4x16xf32>, %m: memref<4xf32>, %sinks: memref<2xf32>, %x: f32, %n: index) {
  tile.init %o, %m, %m sinks(%sinks : memref<2xf32>) queries(%n) scale(%x : f32)
    : memref<4x16xf32>, memref<4xf32>, memref<4xf32>
  return
}
