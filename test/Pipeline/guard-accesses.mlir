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
