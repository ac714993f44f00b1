// One empty tensor, and one fill, for each operation that writes to them: a model's layers are no aliases of each other.
// RUN: gqa-opt %s --gqa-separate-destinations --split-input-file | FileCheck %s

// CHECK-LABEL: @empty
// CHECK: %[[A:.*]] = tensor.empty() : tensor<4xf32>
// CHECK: linalg.exp {{.*}} outs(%[[A]] :
// CHECK: %[[B:.*]] = tensor.empty() : tensor<4xf32>
// CHECK: linalg.exp {{.*}} outs(%[[B]] :
func.func @empty(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %1 = linalg.exp ins(%0 : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// -----

// CHECK-LABEL: @fill
// CHECK: %[[A:.*]] = tensor.empty() : tensor<8x8xf32>
// CHECK: %[[ZERO:.*]] = linalg.fill {{.*}} outs(%[[A]] :
// CHECK: linalg.matmul {{.*}} outs(%[[ZERO]] :
// CHECK: %[[B:.*]] = tensor.empty() : tensor<8x8xf32>
// CHECK: %[[ANOTHER:.*]] = linalg.fill {{.*}} outs(%[[B]] :
// CHECK: linalg.matmul {{.*}} outs(%[[ANOTHER]] :
func.func @fill(%a: tensor<8x8xf32>, %b: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %z = linalg.fill ins(%c0 : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %0 = linalg.matmul ins(%a, %b : tensor<8x8xf32>, tensor<8x8xf32>) outs(%z : tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = linalg.matmul ins(%a, %0 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%z : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %1 : tensor<8x8xf32>
}

// -----

// What only reads a fill shares it.
// CHECK-LABEL: @readers
// CHECK-COUNT-1: linalg.fill
// CHECK-NOT: linalg.fill
// CHECK: return
func.func @readers() -> (tensor<4xf32>, tensor<4xf32>) {
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %z = linalg.fill ins(%c0 : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %0 = linalg.exp ins(%z : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %z, %0 : tensor<4xf32>, tensor<4xf32>
}
