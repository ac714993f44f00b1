// Reductions that look for a point, such as an argmax: threads have parts of it, if what is found cannot depend on the order.
// RUN: gqa-opt %s --split-input-file --verify-diagnostics --gqa-offload --canonicalize --cse | FileCheck %s

#x = affine_map<(i, j) -> (i, j)>
#y = affine_map<(i, j) -> (i)>

// torch's: the first of equal numbers. A vocabulary is one block of threads, 16 bytes each; of what they have found, the number, its
// place and whether there was a NaN are exchanged. Where there was one, a loop goes through all points.
// CHECK-LABEL: func.func @argmax
// CHECK: tile.kernel warps = 32 grid(%{{.*}} = %c4)
// CHECK: vector.load {{.*}} vector<4xf32>
// CHECK: arith.cmpf ogt
// CHECK: arith.cmpf oeq
// CHECK: arith.cmpi slt
// CHECK-COUNT-4: nvvm.shfl.sync bfly
// CHECK-DAG: tile.scratch : memref<32xf32>
// CHECK-DAG: tile.scratch : memref<32xi64>
// CHECK-DAG: tile.scratch : memref<32xi8>
// CHECK: %[[PLACE:.*]] = arith.index_cast %{{.*}} : i64 to index
// CHECK: scf.if
// CHECK: memref.load %{{.*}}[%{{.*}}, %[[PLACE]]]
// CHECK: else
// CHECK: scf.for %{{.*}} = %c0 to %c32000 step %c1
// CHECK: arith.maximumf
// CHECK: tile.device.unmap
// CHECK-NOT: tile.kernel
func.func @argmax(%x: memref<4x32000xf32>, %best: memref<4xf32>, %place: memref<4xi64>) {
  %worst = arith.constant 0xFF800000 : f32
  %first = arith.constant 0 : i64
  linalg.fill ins(%worst : f32) outs(%best : memref<4xf32>)
  linalg.fill ins(%first : i64) outs(%place : memref<4xi64>)
  linalg.generic {indexing_maps = [#x, #y, #y], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4x32000xf32>) outs(%best, %place : memref<4xf32>, memref<4xi64>) {
  ^bb0(%a: f32, %b: f32, %p: i64):
    %j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i64
    %m = arith.maximumf %a, %b : f32
    %is = arith.cmpf ogt, %a, %b : f32
    %q = arith.select %is, %n, %p : i64
    linalg.yield %m, %q : f32, i64
  }
  return
}

// -----

#x = affine_map<(i, j) -> (i, j)>
#y = affine_map<(i, j) -> (i)>

// JAX's, in which what was found is the first operand: of equal numbers the smaller place.
// CHECK-LABEL: func.func @argmax_of_jax
// CHECK: tile.kernel warps = 2
// CHECK: arith.cmpf ogt
// CHECK: arith.cmpf oeq
// CHECK: arith.cmpi slt
func.func @argmax_of_jax(%x: memref<4x512xf32>, %best: memref<4xf32>, %place: memref<4xi32>) {
  linalg.generic {indexing_maps = [#x, #y, #y], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4x512xf32>) outs(%best, %place : memref<4xf32>, memref<4xi32>) {
  ^bb0(%a: f32, %b: f32, %p: i32):
    %j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i32
    %more = arith.cmpf ogt, %b, %a : f32
    %nan = arith.cmpf une, %b, %b : f32
    %keep = arith.ori %more, %nan : i1
    %same = arith.cmpf oeq, %b, %a : f32
    %before = arith.cmpi slt, %p, %n : i32
    %tie = arith.andi %same, %before : i1
    %keepPlace = arith.ori %keep, %tie : i1
    %m = arith.select %keep, %b, %a : f32
    %q = arith.select %keepPlace, %p, %n : i32
    linalg.yield %m, %q : f32, i32
  }
  return
}

// -----

#x = affine_map<(i, j) -> (i, j)>
#y = affine_map<(i, j) -> (i)>

// The last of the smallest unsigned bytes.
// CHECK-LABEL: func.func @last_argmin
// CHECK: tile.kernel
// CHECK: arith.cmpi ult
// CHECK: arith.cmpi eq
// CHECK: arith.cmpi sgt
func.func @last_argmin(%x: memref<4x512xi8>, %best: memref<4xi8>, %place: memref<4xi64>) {
  linalg.generic {indexing_maps = [#x, #y, #y], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4x512xi8>) outs(%best, %place : memref<4xi8>, memref<4xi64>) {
  ^bb0(%a: i8, %b: i8, %p: i64):
    %j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i64
    %m = arith.minui %a, %b : i8
    %is = arith.cmpi ule, %a, %b : i8
    %q = arith.select %is, %n, %p : i64
    linalg.yield %m, %q : i8, i64
  }
  return
}

// -----

#x = affine_map<(j, i) -> (j, i)>
#y = affine_map<(j, i) -> (i)>

// Along the other loop: lanes have neighbouring columns, and warps parts of them.
// CHECK-LABEL: func.func @argmax_of_columns
// CHECK: tile.kernel warps = 32 grid(%{{.*}} = %c2)
// CHECK: scf.for
// CHECK-DAG: tile.scratch : memref<32x32xf32>
// CHECK-DAG: tile.scratch : memref<32x32xi64>
// CHECK: tile.barrier
func.func @argmax_of_columns(%x: memref<512x40xf32>, %best: memref<40xf32>, %place: memref<40xi64>) {
  linalg.generic {indexing_maps = [#x, #y, #y], iterator_types = ["reduction", "parallel"]} ins(%x : memref<512x40xf32>) outs(%best, %place : memref<40xf32>, memref<40xi64>) {
  ^bb0(%a: f32, %b: f32, %p: i64):
    %j = linalg.index 0 : index
    %n = arith.index_cast %j : index to i64
    %m = arith.maximumf %a, %b : f32
    %is = arith.cmpf ogt, %a, %b : f32
    %q = arith.select %is, %n, %p : i64
    linalg.yield %m, %q : f32, i64
  }
  return
}

// -----

#x = affine_map<(i, j) -> (i, j)>
#y = affine_map<(i, j) -> (i)>

// Differences depend on the order, and so does a choice by them.
// CHECK-LABEL: func.func @negative_order
func.func @negative_order(%x: memref<4x512xf32>, %a: memref<4xf32>, %b: memref<4xi64>) {
  // expected-remark @below {{reduces by one thread, not a block of them: 512 elements for each point; expected sums, products, minima or maxima, or the place of one of these}}
  linalg.generic {indexing_maps = [#x, #y], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4x512xf32>) outs(%a : memref<4xf32>) {
  ^bb0(%in: f32, %so: f32):
    %0 = arith.subf %in, %so : f32
    linalg.yield %0 : f32
  }
  // A larger number keeps the place that there was.
  // expected-remark @below {{reduces by one thread}}
  linalg.generic {indexing_maps = [#x, #y, #y], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4x512xf32>) outs(%a, %b : memref<4xf32>, memref<4xi64>) {
  ^bb0(%in: f32, %so: f32, %p: i64):
    %j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i64
    %m = arith.maximumf %in, %so : f32
    %is = arith.cmpf olt, %in, %so : f32
    %q = arith.select %is, %n, %p : i64
    linalg.yield %m, %q : f32, i64
  }
  // Of equal numbers one result takes the first, the other one the last.
  // expected-remark @below {{reduces by one thread}}
  linalg.generic {indexing_maps = [#x, #y, #y, #y], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4x512xf32>) outs(%a, %b, %b : memref<4xf32>, memref<4xi64>, memref<4xi64>) {
  ^bb0(%in: f32, %so: f32, %p: i64, %l: i64):
    %j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i64
    %m = arith.maximumf %in, %so : f32
    %is = arith.cmpf ogt, %in, %so : f32
    %q = arith.select %is, %n, %p : i64
    %or = arith.cmpf oge, %in, %so : f32
    %r = arith.select %or, %n, %l : i64
    linalg.yield %m, %q, %r : f32, i64, i64
  }
  return
}

// -----

#x = affine_map<(i, j) -> (i, j)>
#y = affine_map<(i, j) -> (i)>

// Compared with signs here and without there.
// CHECK-LABEL: func.func @negative_signs
func.func @negative_signs(%x: memref<4x512xi32>, %a: memref<4xi32>, %b: memref<4xi64>) {
  // expected-remark @below {{reduces by one thread}}
  linalg.generic {indexing_maps = [#x, #y, #y], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4x512xi32>) outs(%a, %b : memref<4xi32>, memref<4xi64>) {
  ^bb0(%in: i32, %so: i32, %p: i64):
    %j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i64
    %m = arith.maxui %in, %so : i32
    %is = arith.cmpi sgt, %in, %so : i32
    %q = arith.select %is, %n, %p : i64
    linalg.yield %m, %q : i32, i64
  }
  return
}
