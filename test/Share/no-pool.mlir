// RUN: gqa-opt %s --gqa-pool-heads=kv-heads=2 --split-input-file --remarks-filter-missed=gqa-pool-heads -verify-diagnostics | FileCheck %s

// What is left alone, and why.
!T = tensor<1x3x4x2xf32>
// CHECK-LABEL: @negative_unknown_weights(
// CHECK: gqa.attention {{.*}} : (tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>)
func.func @negative_unknown_weights(%x: tensor<3x4xf32>, %wk: tensor<4x8xf32>) -> tensor<3x4xf32> {
  %wq = arith.constant dense<[[0.25, 0.75, 0.25, -1.25, 1.0, 0.5, -0.5, 0.5], [0.25, 0.25, 0.0, 0.5, -0.75, -0.25, -0.5, 0.5], [0.0, -0.25, -0.75, -0.25, 0.0, -0.25, 1.25, 1.0], [-2.75, -2.0, -0.25, -0.5, 0.25, 0.25, 2.0, -1.0]]> : tensor<4x8xf32>
  %wv = arith.constant dense<[[0.25, -0.5, 0.25, 0.75, -1.75, 0.25, 1.25, -0.25], [-0.75, 0.75, 0.25, 1.0, -0.25, -1.5, -0.0, -0.5], [0.75, 0.25, -1.75, -1.25, 1.0, 0.75, -0.75, -0.0], [0.5, 0.5, 1.0, 0.25, -0.0, -0.25, 1.0, -2.25]]> : tensor<4x8xf32>
  %wo = arith.constant dense<[[-0.25, 0.0, -1.5, 0.25], [-0.75, 0.75, -0.25, 0.75], [1.25, 0.5, -1.0, -1.5], [1.75, -0.0, -0.75, 0.25], [-0.25, 0.75, 0.0, 0.0], [-0.75, 0.5, -1.0, 0.75], [1.5, -1.5, -2.5, 0.5], [2.5, -1.0, -1.25, 0.5]]> : tensor<8x4xf32>
  %z = arith.constant dense<0.0> : tensor<3x8xf32>
  %y = arith.constant dense<0.0> : tensor<3x4xf32>
  %q0 = linalg.matmul ins(%x, %wq : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  // expected-remark @below {{K: it is no product with weights that are known: they must be constants, or parameters in a file}}
  %k0 = linalg.matmul ins(%x, %wk : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %v0 = linalg.matmul ins(%x, %wv : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %q = tensor.expand_shape %q0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %k = tensor.expand_shape %k0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %v = tensor.expand_shape %v0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %o = gqa.attention %q, %k, %v layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd") : (!T, !T, !T) -> !T
  %p = tensor.collapse_shape %o [[0, 1], [2, 3]] : !T into tensor<3x8xf32>
  %r = linalg.matmul ins(%p, %wo : tensor<3x8xf32>, tensor<8x4xf32>) outs(%y : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}

// -----

// Each head is divided by its own length.
!T = tensor<1x3x4x2xf32>
#id = affine_map<(b, s, h, d) -> (b, s, h, d)>
#sum = affine_map<(b, s, h, d) -> (b, s, h)>
// CHECK-LABEL: @negative_norm(
// CHECK: gqa.attention {{.*}} : (tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>)
func.func @negative_norm(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %wq = arith.constant dense<[[0.25, 0.75, 0.25, -1.25, 1.0, 0.5, -0.5, 0.5], [0.25, 0.25, 0.0, 0.5, -0.75, -0.25, -0.5, 0.5], [0.0, -0.25, -0.75, -0.25, 0.0, -0.25, 1.25, 1.0], [-2.75, -2.0, -0.25, -0.5, 0.25, 0.25, 2.0, -1.0]]> : tensor<4x8xf32>
  %wk = arith.constant dense<[[-0.5, 2.0, 0.75, 0.75, -0.5, -1.75, 0.25, 0.0], [-1.25, -0.75, -0.0, -1.0, -0.0, 0.0, 0.0, -0.5], [0.5, 1.0, 0.25, -0.75, 0.75, -0.5, 1.0, -1.0], [1.0, -0.0, -1.25, -0.25, 0.0, 0.25, -1.0, -1.0]]> : tensor<4x8xf32>
  %wv = arith.constant dense<[[0.25, -0.5, 0.25, 0.75, -1.75, 0.25, 1.25, -0.25], [-0.75, 0.75, 0.25, 1.0, -0.25, -1.5, -0.0, -0.5], [0.75, 0.25, -1.75, -1.25, 1.0, 0.75, -0.75, -0.0], [0.5, 0.5, 1.0, 0.25, -0.0, -0.25, 1.0, -2.25]]> : tensor<4x8xf32>
  %wo = arith.constant dense<[[-0.25, 0.0, -1.5, 0.25], [-0.75, 0.75, -0.25, 0.75], [1.25, 0.5, -1.0, -1.5], [1.75, -0.0, -0.75, 0.25], [-0.25, 0.75, 0.0, 0.0], [-0.75, 0.5, -1.0, 0.75], [1.5, -1.5, -2.5, 0.5], [2.5, -1.0, -1.25, 0.5]]> : tensor<8x4xf32>
  %z = arith.constant dense<0.0> : tensor<3x8xf32>
  %y = arith.constant dense<0.0> : tensor<3x4xf32>
  %q0 = linalg.matmul ins(%x, %wq : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k0 = linalg.matmul ins(%x, %wk : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %v0 = linalg.matmul ins(%x, %wv : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %q = tensor.expand_shape %q0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %k1 = tensor.expand_shape %k0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %v = tensor.expand_shape %v0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %l = arith.constant dense<0.0> : tensor<1x3x4xf32>
  %square = linalg.generic {indexing_maps = [#id, #sum], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%k1 : !T) outs(%l : tensor<1x3x4xf32>) {
  ^bb0(%e: f32, %a: f32):
    %f = arith.mulf %e, %e : f32
    %g = arith.addf %f, %a : f32
    linalg.yield %g : f32
  } -> tensor<1x3x4xf32>
  %t = tensor.empty() : !T
  // expected-remark @below {{K: a norm of each head stands between the projection and the score; it is not linear}}
  %k = linalg.generic {indexing_maps = [#id, #sum, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%k1, %square : !T, tensor<1x3x4xf32>) outs(%t : !T) {
  ^bb0(%e: f32, %a: f32, %out: f32):
    %f = math.rsqrt %a : f32
    %g = arith.mulf %e, %f : f32
    linalg.yield %g : f32
  } -> !T
  %o = gqa.attention %q, %k, %v layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd") : (!T, !T, !T) -> !T
  %p = tensor.collapse_shape %o [[0, 1], [2, 3]] : !T into tensor<3x8xf32>
  %r = linalg.matmul ins(%p, %wo : tensor<3x8xf32>, tensor<8x4xf32>) outs(%y : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}

// -----

// The caller would see fewer keys.
!T = tensor<1x3x4x2xf32>
// CHECK-LABEL: @negative_returned(
// CHECK: gqa.attention {{.*}} : (tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>)
func.func @negative_returned(%x: tensor<3x4xf32>) -> (tensor<3x4xf32>, !T) {
  %wq = arith.constant dense<[[0.25, 0.75, 0.25, -1.25, 1.0, 0.5, -0.5, 0.5], [0.25, 0.25, 0.0, 0.5, -0.75, -0.25, -0.5, 0.5], [0.0, -0.25, -0.75, -0.25, 0.0, -0.25, 1.25, 1.0], [-2.75, -2.0, -0.25, -0.5, 0.25, 0.25, 2.0, -1.0]]> : tensor<4x8xf32>
  %wk = arith.constant dense<[[-0.5, 2.0, 0.75, 0.75, -0.5, -1.75, 0.25, 0.0], [-1.25, -0.75, -0.0, -1.0, -0.0, 0.0, 0.0, -0.5], [0.5, 1.0, 0.25, -0.75, 0.75, -0.5, 1.0, -1.0], [1.0, -0.0, -1.25, -0.25, 0.0, 0.25, -1.0, -1.0]]> : tensor<4x8xf32>
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
  %o = gqa.attention %q, %k, %v layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd") : (!T, !T, !T) -> !T
  %p = tensor.collapse_shape %o [[0, 1], [2, 3]] : !T into tensor<3x8xf32>
  %r = linalg.matmul ins(%p, %wo : tensor<3x8xf32>, tensor<8x4xf32>) outs(%y : tensor<3x4xf32>) -> tensor<3x4xf32>
  // expected-remark @below {{K or V is also read by func.return, which would see fewer heads}}
  return %r, %k : tensor<3x4xf32>, !T
}

// -----

// Nothing reads the output but the caller, into whose weights no map folds.
!T = tensor<1x3x4x2xf32>
// CHECK-LABEL: @negative_no_output_projection(
// CHECK: gqa.attention {{.*}} : (tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>)
func.func @negative_no_output_projection(%x: tensor<3x4xf32>) -> !T {
  %wq = arith.constant dense<[[0.25, 0.75, 0.25, -1.25, 1.0, 0.5, -0.5, 0.5], [0.25, 0.25, 0.0, 0.5, -0.75, -0.25, -0.5, 0.5], [0.0, -0.25, -0.75, -0.25, 0.0, -0.25, 1.25, 1.0], [-2.75, -2.0, -0.25, -0.5, 0.25, 0.25, 2.0, -1.0]]> : tensor<4x8xf32>
  %wk = arith.constant dense<[[-0.5, 2.0, 0.75, 0.75, -0.5, -1.75, 0.25, 0.0], [-1.25, -0.75, -0.0, -1.0, -0.0, 0.0, 0.0, -0.5], [0.5, 1.0, 0.25, -0.75, 0.75, -0.5, 1.0, -1.0], [1.0, -0.0, -1.25, -0.25, 0.0, 0.25, -1.0, -1.0]]> : tensor<4x8xf32>
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
  %o = gqa.attention %q, %k, %v layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd") : (!T, !T, !T) -> !T
  // expected-remark @below {{its output is read by func.return, not only by a projection}}
  return %o : !T
}

// -----

// Heads that a search reorders must not have a bias of their own.
!T = tensor<1x3x4x2xf32>
// CHECK-LABEL: @negative_bias_of_each_head(
// CHECK: gqa.attention {{.*}} : (tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>,
func.func @negative_bias_of_each_head(%x: tensor<3x4xf32>, %bias: tensor<1x4x1x3xf32>) -> tensor<3x4xf32> {
  %wq = arith.constant dense<[[0.25, 0.75, 0.25, -1.25, 1.0, 0.5, -0.5, 0.5], [0.25, 0.25, 0.0, 0.5, -0.75, -0.25, -0.5, 0.5], [0.0, -0.25, -0.75, -0.25, 0.0, -0.25, 1.25, 1.0], [-2.75, -2.0, -0.25, -0.5, 0.25, 0.25, 2.0, -1.0]]> : tensor<4x8xf32>
  %wk = arith.constant dense<[[-0.5, 2.0, 0.75, 0.75, -0.5, -1.75, 0.25, 0.0], [-1.25, -0.75, -0.0, -1.0, -0.0, 0.0, 0.0, -0.5], [0.5, 1.0, 0.25, -0.75, 0.75, -0.5, 1.0, -1.0], [1.0, -0.0, -1.25, -0.25, 0.0, 0.25, -1.0, -1.0]]> : tensor<4x8xf32>
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
  // expected-remark @below {{depends on the query head, which keeps heads in their order; use groups=adjacent}}
  %o = gqa.attention %q, %k, %v bias(%bias) layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd")
    : (!T, !T, !T, tensor<1x4x1x3xf32>) -> !T
  %p = tensor.collapse_shape %o [[0, 1], [2, 3]] : !T into tensor<3x8xf32>
  %r = linalg.matmul ins(%p, %wo : tensor<3x8xf32>, tensor<8x4xf32>) outs(%y : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}

// -----

// There is no subspace of numbers that are none.
!T = tensor<1x3x4x2xf32>
// CHECK-LABEL: @negative_nan(
// CHECK: gqa.attention {{.*}} : (tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>)
func.func @negative_nan(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %wq = arith.constant dense<[[0.25, 0.75, 0.25, -1.25, 1.0, 0.5, -0.5, 0.5], [0.25, 0.25, 0.0, 0.5, -0.75, -0.25, -0.5, 0.5], [0.0, -0.25, -0.75, -0.25, 0.0, -0.25, 1.25, 1.0], [-2.75, -2.0, -0.25, -0.5, 0.25, 0.25, 2.0, -1.0]]> : tensor<4x8xf32>
  %wk = arith.constant dense<[[0x7FC00000, 2.0, 0.75, 0.75, -0.5, -1.75, 0.25, 0.0], [-1.25, -0.75, -0.0, -1.0, -0.0, 0.0, 0.0, -0.5], [0.5, 1.0, 0.25, -0.75, 0.75, -0.5, 1.0, -1.0], [1.0, -0.0, -1.25, -0.25, 0.0, 0.25, -1.0, -1.0]]> : tensor<4x8xf32>
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
  // expected-remark @below {{its weights hold NaN or infinities}}
  %o = gqa.attention %q, %k, %v layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd") : (!T, !T, !T) -> !T
  %p = tensor.collapse_shape %o [[0, 1], [2, 3]] : !T into tensor<3x8xf32>
  %r = linalg.matmul ins(%p, %wo : tensor<3x8xf32>, tensor<8x4xf32>) outs(%y : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}
