// RUN: gqa-opt %s --gqa-guard-accesses | FileCheck %s

// CHECK-LABEL: func @read
// CHECK: cf.assert %{{.*}}, "ERROR: Runtime op verification failed{{.*}}out-of-bounds access{{.*}}guard-accesses.mlir
// CHECK: tensor.extract
func.func @read(%x: tensor<?xf32>, %i: index) -> f32 {
  %e = tensor.extract %x[%i] : tensor<?xf32>
  return %e : f32
}

// CHECK-LABEL: func @no_score_region
// CHECK-NOT: cf.assert
// CHECK: gqa.yield
func.func @no_score_region(%q: tensor<1x2x4x8xf32>, %table: tensor<?xf32>) -> tensor<1x2x4x8xf32> {
  %o = gqa.attention %q, %q, %q
    : (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<?xf32>) -> tensor<1x2x4x8xf32>
    score(%s, %b, %h, %i, %j, %t = %table) {
      %e = tensor.extract %t[%j] : tensor<?xf32>
      %r = arith.addf %s, %e : f32
      gqa.yield %r : f32
    }
  return %o : tensor<1x2x4x8xf32>
}

// CHECK-LABEL: func @shapes
// CHECK: cf.assert %{{.*}}, "{{.*}}the shape does not have as many elements as the source
// CHECK: tensor.expand_shape
// CHECK: cf.assert %{{.*}}, "{{.*}}the source does not have the slice's size
// CHECK: cf.assert %{{.*}}, "{{.*}}the slice is not inside the destination
// CHECK: tensor.insert_slice
// CHECK: cf.assert %{{.*}}, "{{.*}}the shape does not have as many elements as the source
// CHECK: tensor.reshape
// CHECK: cf.assert %{{.*}}, "{{.*}}the operands differ in a size other than that of dimension 0
// CHECK: tensor.concat
func.func @shapes(%x: tensor<?xf32>, %m: index, %n: index, %to: tensor<?x?xf32>, %s: tensor<2xi64>)
    -> (tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>) {
  %e = tensor.expand_shape %x [[0, 1]] output_shape [%m, %n] : tensor<?xf32> into tensor<?x?xf32>
  %i = tensor.insert_slice %e into %to[%n, 0] [%m, %n] [1, 1] : tensor<?x?xf32> into tensor<?x?xf32>
  %r = tensor.reshape %x(%s) : (tensor<?xf32>, tensor<2xi64>) -> tensor<?x?xf32>
  %c = tensor.concat dim(0) %r, %e : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  return %i, %r, %c : tensor<?x?xf32>, tensor<?x?xf32>, tensor<?x?xf32>
}

// CHECK-LABEL: func @no_check_of_static_shapes
// CHECK-NOT: cf.assert
// CHECK: return
func.func @no_check_of_static_shapes(%x: tensor<6xf32>, %to: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %e = tensor.expand_shape %x [[0, 1]] output_shape [2, 3] : tensor<6xf32> into tensor<2x3xf32>
  %i = tensor.insert_slice %e into %to[1, 0] [2, 3] [1, 1] : tensor<2x3xf32> into tensor<4x3xf32>
  return %i : tensor<4x3xf32>
}

// CHECK-LABEL: func @products
// CHECK: cf.assert
// CHECK: linalg.matmul {{.*}} : tensor<4x?xf32>
// CHECK-NOT: arith.cmpi
// CHECK: linalg.matmul {{.*}} : tensor<4x8xf32>
func.func @products(%x: tensor<4x?xf32>, %y: tensor<?x4xf32>, %a: tensor<4x8xf32>, %b: tensor<8x4xf32>, %c: tensor<4x4xf32>)
    -> tensor<4x4xf32> {
  %1 = linalg.matmul ins(%x, %y : tensor<4x?xf32>, tensor<?x4xf32>) outs(%c : tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = linalg.matmul ins(%a, %b : tensor<4x8xf32>, tensor<8x4xf32>) outs(%1 : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %2 : tensor<4x4xf32>
}

// CHECK-LABEL: func @no_check_of_what_is_clamped
// CHECK-NOT: "{{.*}}index is out of bounds
// CHECK: tensor.extract
func.func @no_check_of_what_is_clamped(%x: tensor<8xf32>, %i: index) -> f32 {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %low = arith.maxsi %i, %c0 : index
  %high = arith.minsi %low, %c3 : index
  %twice = arith.addi %high, %high : index
  %e = tensor.extract %x[%twice] : tensor<8xf32>
  return %e : f32
}

// Twice the most that is known of a size is no number of 64 bits.
// CHECK-LABEL: func @a_sum_of_sizes
// CHECK: %[[SUM:.*]] = arith.addi
// CHECK: arith.cmpi slt, %[[SUM]]
// CHECK: cf.assert
// CHECK: tensor.extract
func.func @a_sum_of_sizes(%x: tensor<?xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  %size = tensor.dim %x, %c0 : tensor<?xf32>
  %twice = arith.addi %size, %size : index
  %e = tensor.extract %x[%twice] : tensor<?xf32>
  return %e : f32
}

// CHECK-LABEL: func @a_sum_that_wraps_around
// CHECK: cf.assert %{{.*}}, "wrapped"
func.func @a_sum_that_wraps_around(%i: i32) {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %most = arith.constant 2147483647 : i32
  %all = arith.maxsi %i, %most : i32
  %next = arith.addi %all, %c1 : i32
  %is = arith.cmpi sge, %next, %c0 : i32
  cf.assert %is, "wrapped"
  return
}

// Of each of these sums there are two, of each of those four, and so on.
// CHECK-LABEL: func @sums_of_sums
// CHECK: cf.assert
// CHECK: tensor.extract
func.func @sums_of_sums(%x: tensor<?xf32>, %i: index) -> f32 {
  %1 = arith.addi %i, %i : index
  %2 = arith.addi %1, %1 : index
  %3 = arith.addi %2, %2 : index
  %4 = arith.addi %3, %3 : index
  %5 = arith.addi %4, %4 : index
  %6 = arith.addi %5, %5 : index
  %7 = arith.addi %6, %6 : index
  %8 = arith.addi %7, %7 : index
  %9 = arith.addi %8, %8 : index
  %10 = arith.addi %9, %9 : index
  %11 = arith.addi %10, %10 : index
  %12 = arith.addi %11, %11 : index
  %13 = arith.addi %12, %12 : index
  %14 = arith.addi %13, %13 : index
  %15 = arith.addi %14, %14 : index
  %16 = arith.addi %15, %15 : index
  %17 = arith.addi %16, %16 : index
  %18 = arith.addi %17, %17 : index
  %19 = arith.addi %18, %18 : index
  %20 = arith.addi %19, %19 : index
  %e = tensor.extract %x[%20] : tensor<?xf32>
  return %e : f32
}

// CHECK-LABEL: func @steps
// CHECK: cf.assert %{{.*}}, "{{.*}}the step of a loop is not positive
// CHECK: scf.for
// CHECK-NOT: cf.assert
// CHECK: scf.for
func.func @steps(%x: f32, %n: index, %step: index) -> (f32, f32) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %r = scf.for %i = %c0 to %n step %step iter_args(%y = %x) -> f32 {
    %z = arith.addf %y, %y : f32
    scf.yield %z : f32
  }
  %q = scf.for %i = %c0 to %n step %c2 iter_args(%y = %x) -> f32 {
    %z = arith.addf %y, %y : f32
    scf.yield %z : f32
  }
  return %r, %q : f32, f32
}
