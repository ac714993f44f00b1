// RUN: gqa-opt %s --gqa-pool-heads="kv-heads=2 method=mean groups=adjacent report=%t.json" --remarks-filter=gqa-pool-heads -verify-diagnostics | FileCheck %s
// RUN: FileCheck %s --check-prefix=JSON --input-file=%t.json

// Four heads of two elements become two: the means of neighbours. Queries and the output stay as they are.
!T = tensor<1x3x4x2xf32>

// CHECK-LABEL: @mean(
// CHECK: %[[WK:.*]] = arith.constant dense<{{\[}}[2.000000e+00, 3.000000e+00, 6.000000e+00, 7.000000e+00], [1.000000e+00, 1.000000e+00, 2.000000e+00, 2.000000e+00], [1.000000e+00, 0.000000e+00, 0.000000e+00, 1.000000e+00], [0.000000e+00, 0.000000e+00, 0.000000e+00, 0.000000e+00]]> : tensor<4x4xf32>
// CHECK: %[[K:.*]] = linalg.matmul ins(%{{.*}}, %[[WK]] :
// CHECK: %[[KH:.*]] = tensor.expand_shape %[[K]] {{.*}} output_shape [1, 3, 2, 2]
// CHECK: gqa.attention {{.*}} : (tensor<1x3x4x2xf32>, tensor<1x3x2x2xf32>, tensor<1x3x2x2xf32>) -> tensor<1x3x4x2xf32>
func.func @mean(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %wq = arith.constant dense<[[0.25, 0.75, 0.25, -1.25, 1.0, 0.5, -0.5, 0.5], [0.25, 0.25, 0.0, 0.5, -0.75, -0.25, -0.5, 0.5], [0.0, -0.25, -0.75, -0.25, 0.0, -0.25, 1.25, 1.0], [-2.75, -2.0, -0.25, -0.5, 0.25, 0.25, 2.0, -1.0]]> : tensor<4x8xf32>
  %wk = arith.constant dense<[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [0.0, 0.0, 2.0, 2.0, 1.0, 1.0, 3.0, 3.0], [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0], [-1.0, -1.0, 1.0, 1.0, -2.0, -2.0, 2.0, 2.0]]> : tensor<4x8xf32>
  %wv = arith.constant dense<[[0.25, -0.5, 0.25, 0.75, -1.75, 0.25, 1.25, -0.25], [-0.75, 0.75, 0.25, 1.0, -0.25, -1.5, -0.0, -0.5], [0.75, 0.25, -1.75, -1.25, 1.0, 0.75, -0.75, -0.0], [0.5, 0.5, 1.0, 0.25, -0.0, -0.25, 1.0, -2.25]]> : tensor<4x8xf32>
  %wo = arith.constant dense<[[-0.25, 0.0, -1.5, 0.25], [-0.75, 0.75, -0.25, 0.75], [1.25, 0.5, -1.0, -1.5], [1.75, -0.0, -0.75, 0.25], [-0.25, 0.75, 0.0, 0.0], [-0.75, 0.5, -1.0, 0.75], [1.5, -1.5, -2.5, 0.5], [2.5, -1.0, -1.25, 0.5]]> : tensor<8x4xf32>
  %z = arith.constant dense<0.0> : tensor<3x8xf32>
  %y = arith.constant dense<0.0> : tensor<3x4xf32>
  %q0 = linalg.matmul ins(%x, %wq : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k0 = linalg.matmul ins(%x, %wk : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %v0 = linalg.matmul ins(%x, %wv : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %q = tensor.expand_shape %q0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %k = tensor.expand_shape %k0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %v = tensor.expand_shape %v0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  // expected-remark @below {{4 -> 2 key/value heads, 64 -> 32 bytes per token; relative error of K}}
  %o = gqa.attention %q, %k, %v layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd") : (!T, !T, !T) -> !T
  %p = tensor.collapse_shape %o [[0, 1], [2, 3]] : !T into tensor<3x8xf32>
  %r = linalg.matmul ins(%p, %wo : tensor<3x8xf32>, tensor<8x4xf32>) outs(%y : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}

// JSON: "layers": [
// JSON: "function": "mean"
// JSON: "groups": [
// JSON: "kv_bytes": 32
// JSON: "kv_bytes_before": 64
// JSON: "kv_heads": 2
// JSON: "kv_heads_before": 4
// JSON: "status": "pooled"
// JSON: "method": "mean"
// JSON: "total": {
// JSON: "pooled": 1
