// RUN: gqa-opt %s --gqa-absorb-transpose --canonicalize | FileCheck %s

// CHECK-DAG: #[[NK:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-DAG: #[[BKM:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d3, d1)>

// CHECK-LABEL: @weight
// CHECK-NOT: linalg.transpose
// CHECK: linalg.matmul indexing_maps = [#{{.*}}, #[[NK]], #{{.*}}]
// CHECK-SAME: tensor<2x4xf32>, tensor<8x4xf32>
func.func @weight(%a: tensor<2x4xf32>, %w: tensor<8x4xf32>, %z: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %t = linalg.transpose ins(%w : tensor<8x4xf32>) outs(%e : tensor<4x8xf32>) permutation = [1, 0]
  %c = linalg.matmul ins(%a, %t : tensor<2x4xf32>, tensor<4x8xf32>) outs(%z : tensor<2x8xf32>) -> tensor<2x8xf32>
  return %c : tensor<2x8xf32>
}

// CHECK-LABEL: @batch
// CHECK-NOT: linalg.transpose
// CHECK: linalg.batch_matmul indexing_maps = [#[[BKM]], #{{.*}}, #{{.*}}]
func.func @batch(%a: tensor<3x4x2xf32>, %b: tensor<3x4x8xf32>, %z: tensor<3x2x8xf32>) -> tensor<3x2x8xf32> {
  %e = tensor.empty() : tensor<3x2x4xf32>
  %t = linalg.transpose ins(%a : tensor<3x4x2xf32>) outs(%e : tensor<3x2x4xf32>) permutation = [0, 2, 1]
  %c = linalg.batch_matmul ins(%t, %b : tensor<3x2x4xf32>, tensor<3x4x8xf32>) outs(%z : tensor<3x2x8xf32>) -> tensor<3x2x8xf32>
  return %c : tensor<3x2x8xf32>
}

// The batch dimension moves: that is no transposed matrix.
// CHECK-LABEL: @no_batch_moves
// CHECK: linalg.transpose
func.func @no_batch_moves(%a: tensor<2x3x4xf32>, %b: tensor<3x4x8xf32>, %z: tensor<3x2x8xf32>) -> tensor<3x2x8xf32> {
  %e = tensor.empty() : tensor<3x2x4xf32>
  %t = linalg.transpose ins(%a : tensor<2x3x4xf32>) outs(%e : tensor<3x2x4xf32>) permutation = [1, 0, 2]
  %c = linalg.batch_matmul ins(%t, %b : tensor<3x2x4xf32>, tensor<3x4x8xf32>) outs(%z : tensor<3x2x8xf32>) -> tensor<3x2x8xf32>
  return %c : tensor<3x2x8xf32>
}
