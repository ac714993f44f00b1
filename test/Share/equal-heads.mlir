// RUN: gqa-opt %s --gqa-share-kv --remarks-filter-missed=gqa-share-kv -verify-diagnostics | FileCheck %s

// Heads whose weights are equal, or equal up to maps that fold. test/python/test_share_weights.py has the numbers.
#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (j)>
!T = tensor<1x3x4x2xf32>

// Neighbours: the weights of the query and of the output stay.
// CHECK-LABEL: @block(
// CHECK-NOT: gqa.repeat_heads
// CHECK: gqa.attention {{.*}} : (tensor<1x3x4x2xf32>, tensor<1x3x2x2xf32>, tensor<1x3x2x2xf32>) -> tensor<1x3x4x2xf32>
func.func @block(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %wq = arith.constant dense<[[0.125, -0.125, 0.625, 0.125, -0.5, 0.375, 1.25, 1.0], [-0.75, -1.25, -0.625, 0.0, -2.375, -0.25, -1.25, -0.75], [-0.5, -0.375, 0.375, 1.0, -0.125, 1.375, -0.625, 0.375], [0.875, 0.125, -0.75, -0.875, -0.5, 0.25, -1.0, -0.25]]> : tensor<4x8xf32>
  %wk = arith.constant dense<[[0.375, -0.25, 0.375, -0.25, 1.0, -0.625, 1.0, -0.625], [1.625, 1.375, 1.625, 1.375, 1.875, -1.375, 1.875, -1.375], [0.625, -2.25, 0.625, -2.25, -0.625, 0.875, -0.625, 0.875], [0.0, 0.625, 0.0, 0.625, 0.0, 2.0, 0.0, 2.0]]> : tensor<4x8xf32>
  %wv = arith.constant dense<[[0.25, -0.625, 0.25, -0.625, -0.75, 1.75, -0.75, 1.75], [-0.375, -1.125, -0.375, -1.125, -0.25, 1.625, -0.25, 1.625], [-1.25, 0.625, -1.25, 0.625, -0.375, -0.75, -0.375, -0.75], [0.625, 1.25, 0.625, 1.25, 0.25, 1.0, 0.25, 1.0]]> : tensor<4x8xf32>
  %wo = arith.constant dense<[[-0.125, 0.5, 0.25, 0.375], [-0.625, -0.125, 0.75, 1.5], [-1.25, 1.5, 1.375, 0.75], [0.25, -0.375, 1.5, 2.0], [1.75, 1.375, 0.375, -1.25], [-0.0, 0.625, -1.25, 0.375], [0.375, 0.75, -1.125, -0.625], [-0.375, -1.125, 1.75, -0.5]]> : tensor<8x4xf32>
  %b = arith.constant dense<[0.125, -0.625, 0.125, -0.625, -1.375, -1.375, -1.375, -1.375]> : tensor<8xf32>
  %z = arith.constant dense<0.0> : tensor<3x8xf32>
  %y = arith.constant dense<0.0> : tensor<3x4xf32>
  %q0 = linalg.matmul ins(%x, %wq : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k0 = linalg.matmul ins(%x, %wk : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %v0 = linalg.matmul ins(%x, %wv : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%k0, %b : tensor<3x8xf32>, tensor<8xf32>) outs(%z : tensor<3x8xf32>) {
  ^bb0(%e: f32, %f: f32, %out: f32):
    %g = arith.addf %e, %f : f32
    linalg.yield %g : f32
  } -> tensor<3x8xf32>
  %q = tensor.expand_shape %q0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %k = tensor.expand_shape %k1 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %v = tensor.expand_shape %v0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %o = gqa.attention %q, %k, %v layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd") : (!T, !T, !T) -> !T
  %p = tensor.collapse_shape %o [[0, 1], [2, 3]] : !T into tensor<3x8xf32>
  %r = linalg.matmul ins(%p, %wo : tensor<3x8xf32>, tensor<8x4xf32>) outs(%y : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}

// In tiled order: query heads are permuted.
// CHECK-LABEL: @tiled(
// CHECK-NOT: gqa.repeat_heads
// CHECK: gqa.attention {{.*}} : (tensor<1x3x4x2xf32>, tensor<1x3x2x2xf32>, tensor<1x3x2x2xf32>) -> tensor<1x3x4x2xf32>
func.func @tiled(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %wq = arith.constant dense<[[0.125, -0.125, 0.625, 0.125, -0.5, 0.375, 1.25, 1.0], [-0.75, -1.25, -0.625, 0.0, -2.375, -0.25, -1.25, -0.75], [-0.5, -0.375, 0.375, 1.0, -0.125, 1.375, -0.625, 0.375], [0.875, 0.125, -0.75, -0.875, -0.5, 0.25, -1.0, -0.25]]> : tensor<4x8xf32>
  %wk = arith.constant dense<[[0.375, -0.25, 1.0, -0.625, 0.375, -0.25, 1.0, -0.625], [1.625, 1.375, 1.875, -1.375, 1.625, 1.375, 1.875, -1.375], [0.625, -2.25, -0.625, 0.875, 0.625, -2.25, -0.625, 0.875], [0.0, 0.625, 0.0, 2.0, 0.0, 0.625, 0.0, 2.0]]> : tensor<4x8xf32>
  %wv = arith.constant dense<[[0.25, -0.625, -0.75, 1.75, 0.25, -0.625, -0.75, 1.75], [-0.375, -1.125, -0.25, 1.625, -0.375, -1.125, -0.25, 1.625], [-1.25, 0.625, -0.375, -0.75, -1.25, 0.625, -0.375, -0.75], [0.625, 1.25, 0.25, 1.0, 0.625, 1.25, 0.25, 1.0]]> : tensor<4x8xf32>
  %wo = arith.constant dense<[[-0.125, 0.5, 0.25, 0.375], [-0.625, -0.125, 0.75, 1.5], [-1.25, 1.5, 1.375, 0.75], [0.25, -0.375, 1.5, 2.0], [1.75, 1.375, 0.375, -1.25], [-0.0, 0.625, -1.25, 0.375], [0.375, 0.75, -1.125, -0.625], [-0.375, -1.125, 1.75, -0.5]]> : tensor<8x4xf32>
  %b = arith.constant dense<[0.125, -0.625, -1.375, -1.375, 0.125, -0.625, -1.375, -1.375]> : tensor<8xf32>
  %z = arith.constant dense<0.0> : tensor<3x8xf32>
  %y = arith.constant dense<0.0> : tensor<3x4xf32>
  %q0 = linalg.matmul ins(%x, %wq : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k0 = linalg.matmul ins(%x, %wk : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %v0 = linalg.matmul ins(%x, %wv : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%k0, %b : tensor<3x8xf32>, tensor<8xf32>) outs(%z : tensor<3x8xf32>) {
  ^bb0(%e: f32, %f: f32, %out: f32):
    %g = arith.addf %e, %f : f32
    linalg.yield %g : f32
  } -> tensor<3x8xf32>
  %q = tensor.expand_shape %q0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %k = tensor.expand_shape %k1 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %v = tensor.expand_shape %v0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %o = gqa.attention %q, %k, %v layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd") : (!T, !T, !T) -> !T
  %p = tensor.collapse_shape %o [[0, 1], [2, 3]] : !T into tensor<3x8xf32>
  %r = linalg.matmul ins(%p, %wo : tensor<3x8xf32>, tensor<8x4xf32>) outs(%y : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}

// In another order: the permutation folds into the weights.
// CHECK-LABEL: @any_order(
// CHECK-NOT: linalg.transpose
// CHECK: gqa.attention {{.*}} : (tensor<1x3x4x2xf32>, tensor<1x3x2x2xf32>, tensor<1x3x2x2xf32>) -> tensor<1x3x4x2xf32>
func.func @any_order(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %wq = arith.constant dense<[[0.125, -0.125, 0.625, 0.125, -0.5, 0.375, 1.25, 1.0], [-0.75, -1.25, -0.625, 0.0, -2.375, -0.25, -1.25, -0.75], [-0.5, -0.375, 0.375, 1.0, -0.125, 1.375, -0.625, 0.375], [0.875, 0.125, -0.75, -0.875, -0.5, 0.25, -1.0, -0.25]]> : tensor<4x8xf32>
  %wk = arith.constant dense<[[0.375, -0.25, 1.0, -0.625, 1.0, -0.625, 0.375, -0.25], [1.625, 1.375, 1.875, -1.375, 1.875, -1.375, 1.625, 1.375], [0.625, -2.25, -0.625, 0.875, -0.625, 0.875, 0.625, -2.25], [0.0, 0.625, 0.0, 2.0, 0.0, 2.0, 0.0, 0.625]]> : tensor<4x8xf32>
  %wv = arith.constant dense<[[0.25, -0.625, -0.75, 1.75, -0.75, 1.75, 0.25, -0.625], [-0.375, -1.125, -0.25, 1.625, -0.25, 1.625, -0.375, -1.125], [-1.25, 0.625, -0.375, -0.75, -0.375, -0.75, -1.25, 0.625], [0.625, 1.25, 0.25, 1.0, 0.25, 1.0, 0.625, 1.25]]> : tensor<4x8xf32>
  %wo = arith.constant dense<[[-0.125, 0.5, 0.25, 0.375], [-0.625, -0.125, 0.75, 1.5], [-1.25, 1.5, 1.375, 0.75], [0.25, -0.375, 1.5, 2.0], [1.75, 1.375, 0.375, -1.25], [-0.0, 0.625, -1.25, 0.375], [0.375, 0.75, -1.125, -0.625], [-0.375, -1.125, 1.75, -0.5]]> : tensor<8x4xf32>
  %b = arith.constant dense<[0.125, -0.625, -1.375, -1.375, -1.375, -1.375, 0.125, -0.625]> : tensor<8xf32>
  %z = arith.constant dense<0.0> : tensor<3x8xf32>
  %y = arith.constant dense<0.0> : tensor<3x4xf32>
  %q0 = linalg.matmul ins(%x, %wq : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k0 = linalg.matmul ins(%x, %wk : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %v0 = linalg.matmul ins(%x, %wv : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%k0, %b : tensor<3x8xf32>, tensor<8xf32>) outs(%z : tensor<3x8xf32>) {
  ^bb0(%e: f32, %f: f32, %out: f32):
    %g = arith.addf %e, %f : f32
    linalg.yield %g : f32
  } -> tensor<3x8xf32>
  %q = tensor.expand_shape %q0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %k = tensor.expand_shape %k1 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %v = tensor.expand_shape %v0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %o = gqa.attention %q, %k, %v layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd") : (!T, !T, !T) -> !T
  %p = tensor.collapse_shape %o [[0, 1], [2, 3]] : !T into tensor<3x8xf32>
  %r = linalg.matmul ins(%p, %wo : tensor<3x8xf32>, tensor<8x4xf32>) outs(%y : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}

// Up to a map of each head.
// CHECK-LABEL: @maps(
// CHECK: gqa.attention {{.*}} : (tensor<1x3x4x2xf32>, tensor<1x3x2x2xf32>, tensor<1x3x2x2xf32>) -> tensor<1x3x4x2xf32>
func.func @maps(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %wq = arith.constant dense<[[0.125, -0.125, 0.625, 0.125, -0.5, 0.375, 1.25, 1.0], [-0.75, -1.25, -0.625, 0.0, -2.375, -0.25, -1.25, -0.75], [-0.5, -0.375, 0.375, 1.0, -0.125, 1.375, -0.625, 0.375], [0.875, 0.125, -0.75, -0.875, -0.5, 0.25, -1.0, -0.25]]> : tensor<4x8xf32>
  %wk = arith.constant dense<[[0.375, -0.25, 0.375, -0.3125, 1.0, -0.625, 1.0, -0.75], [1.625, 1.375, 1.625, 3.5625, 1.875, -1.375, 1.875, -1.8125], [0.625, -2.25, 0.625, -4.1875, -0.625, 0.875, -0.625, 1.4375], [0.0, 0.625, 0.0, 1.25, 0.0, 2.0, 0.0, 4.0]]> : tensor<4x8xf32>
  %wv = arith.constant dense<[[0.25, -0.625, -0.5, -0.625, -0.75, 1.75, 1.375, 1.75], [-0.375, -1.125, -1.3125, -1.125, -0.25, 1.625, 1.5, 1.625], [-1.25, 0.625, 0.0, 0.625, -0.375, -0.75, -0.9375, -0.75], [0.625, 1.25, 1.5625, 1.25, 0.25, 1.0, 1.125, 1.0]]> : tensor<4x8xf32>
  %wo = arith.constant dense<[[-0.125, 0.5, 0.25, 0.375], [-0.625, -0.125, 0.75, 1.5], [-1.25, 1.5, 1.375, 0.75], [0.25, -0.375, 1.5, 2.0], [1.75, 1.375, 0.375, -1.25], [-0.0, 0.625, -1.25, 0.375], [0.375, 0.75, -1.125, -0.625], [-0.375, -1.125, 1.75, -0.5]]> : tensor<8x4xf32>
  %b = arith.constant dense<[0.125, -0.625, 0.125, -1.1875, -1.375, -1.375, -1.375, -3.4375]> : tensor<8xf32>
  %z = arith.constant dense<0.0> : tensor<3x8xf32>
  %y = arith.constant dense<0.0> : tensor<3x4xf32>
  %q0 = linalg.matmul ins(%x, %wq : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k0 = linalg.matmul ins(%x, %wk : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %v0 = linalg.matmul ins(%x, %wv : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%k0, %b : tensor<3x8xf32>, tensor<8xf32>) outs(%z : tensor<3x8xf32>) {
  ^bb0(%e: f32, %f: f32, %out: f32):
    %g = arith.addf %e, %f : f32
    linalg.yield %g : f32
  } -> tensor<3x8xf32>
  %q = tensor.expand_shape %q0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %k = tensor.expand_shape %k1 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %v = tensor.expand_shape %v0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %o = gqa.attention %q, %k, %v layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd") : (!T, !T, !T) -> !T
  %p = tensor.collapse_shape %o [[0, 1], [2, 3]] : !T into tensor<3x8xf32>
  %r = linalg.matmul ins(%p, %wo : tensor<3x8xf32>, tensor<8x4xf32>) outs(%y : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}

// Under a rotation the map must be a complex number for each pair.
// CHECK-LABEL: @rotary_maps(
// CHECK: gqa.rotary {{.*}} : tensor<1x3x2x2xf32>
// CHECK: gqa.attention {{.*}} : (tensor<1x3x4x2xf32>, tensor<1x3x2x2xf32>, tensor<1x3x2x2xf32>) -> tensor<1x3x4x2xf32>
func.func @rotary_maps(%x: tensor<3x4xf32>, %cos: tensor<3x1xf32>, %sin: tensor<3x1xf32>) -> tensor<3x4xf32> {
  %wq = arith.constant dense<[[0.125, -0.125, 0.625, 0.125, -0.5, 0.375, 1.25, 1.0], [-0.75, -1.25, -0.625, 0.0, -2.375, -0.25, -1.25, -0.75], [-0.5, -0.375, 0.375, 1.0, -0.125, 1.375, -0.625, 0.375], [0.875, 0.125, -0.75, -0.875, -0.5, 0.25, -1.0, -0.25]]> : tensor<4x8xf32>
  %wk = arith.constant dense<[[0.375, -0.25, 0.4375, 0.25, 1.0, -0.625, 1.125, 0.6875], [1.625, 1.375, -0.5625, 2.3125, 1.875, -1.375, 2.3125, 1.1875], [0.625, -2.25, 2.5625, -0.5, -0.625, 0.875, -1.1875, -0.1875], [0.0, 0.625, -0.625, 0.3125, 0.0, 2.0, -2.0, 1.0]]> : tensor<4x8xf32>
  %wv = arith.constant dense<[[0.25, -0.625, -0.5, -0.625, -0.75, 1.75, 1.375, 1.75], [-0.375, -1.125, -1.3125, -1.125, -0.25, 1.625, 1.5, 1.625], [-1.25, 0.625, 0.0, 0.625, -0.375, -0.75, -0.9375, -0.75], [0.625, 1.25, 1.5625, 1.25, 0.25, 1.0, 1.125, 1.0]]> : tensor<4x8xf32>
  %wo = arith.constant dense<[[-0.125, 0.5, 0.25, 0.375], [-0.625, -0.125, 0.75, 1.5], [-1.25, 1.5, 1.375, 0.75], [0.25, -0.375, 1.5, 2.0], [1.75, 1.375, 0.375, -1.25], [-0.0, 0.625, -1.25, 0.375], [0.375, 0.75, -1.125, -0.625], [-0.375, -1.125, 1.75, -0.5]]> : tensor<8x4xf32>
  %b = arith.constant dense<[0.125, -0.625, 0.6875, -0.1875, -1.375, -1.375, 0.6875, -2.0625]> : tensor<8xf32>
  %z = arith.constant dense<0.0> : tensor<3x8xf32>
  %y = arith.constant dense<0.0> : tensor<3x4xf32>
  %q0 = linalg.matmul ins(%x, %wq : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k0 = linalg.matmul ins(%x, %wk : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %v0 = linalg.matmul ins(%x, %wv : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%k0, %b : tensor<3x8xf32>, tensor<8xf32>) outs(%z : tensor<3x8xf32>) {
  ^bb0(%e: f32, %f: f32, %out: f32):
    %g = arith.addf %e, %f : f32
    linalg.yield %g : f32
  } -> tensor<3x8xf32>
  %q = tensor.expand_shape %q0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %k = tensor.expand_shape %k1 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %v = tensor.expand_shape %v0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %qr = gqa.rotary %q, %cos, %sin half layout("bshd") : !T, tensor<3x1xf32>
  %kr = gqa.rotary %k, %cos, %sin half layout("bshd") : !T, tensor<3x1xf32>
  %o = gqa.attention %qr, %kr, %v layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd") : (!T, !T, !T) -> !T
  %p = tensor.collapse_shape %o [[0, 1], [2, 3]] : !T into tensor<3x8xf32>
  %r = linalg.matmul ins(%p, %wo : tensor<3x8xf32>, tensor<8x4xf32>) outs(%y : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}

// This one does not commute with the rotation.
// CHECK-LABEL: @negative_rotary_maps(
// CHECK: gqa.attention {{.*}} : (tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>) -> tensor<1x3x4x2xf32>
func.func @negative_rotary_maps(%x: tensor<3x4xf32>, %cos: tensor<3x1xf32>, %sin: tensor<3x1xf32>) -> tensor<3x4xf32> {
  %wq = arith.constant dense<[[0.125, -0.125, 0.625, 0.125, -0.5, 0.375, 1.25, 1.0], [-0.75, -1.25, -0.625, 0.0, -2.375, -0.25, -1.25, -0.75], [-0.5, -0.375, 0.375, 1.0, -0.125, 1.375, -0.625, 0.375], [0.875, 0.125, -0.75, -0.875, -0.5, 0.25, -1.0, -0.25]]> : tensor<4x8xf32>
  %wk = arith.constant dense<[[0.375, -0.25, 0.375, -0.3125, 1.0, -0.625, 1.0, -0.75], [1.625, 1.375, 1.625, 3.5625, 1.875, -1.375, 1.875, -1.8125], [0.625, -2.25, 0.625, -4.1875, -0.625, 0.875, -0.625, 1.4375], [0.0, 0.625, 0.0, 1.25, 0.0, 2.0, 0.0, 4.0]]> : tensor<4x8xf32>
  %wv = arith.constant dense<[[0.25, -0.625, -0.5, -0.625, -0.75, 1.75, 1.375, 1.75], [-0.375, -1.125, -1.3125, -1.125, -0.25, 1.625, 1.5, 1.625], [-1.25, 0.625, 0.0, 0.625, -0.375, -0.75, -0.9375, -0.75], [0.625, 1.25, 1.5625, 1.25, 0.25, 1.0, 1.125, 1.0]]> : tensor<4x8xf32>
  %wo = arith.constant dense<[[-0.125, 0.5, 0.25, 0.375], [-0.625, -0.125, 0.75, 1.5], [-1.25, 1.5, 1.375, 0.75], [0.25, -0.375, 1.5, 2.0], [1.75, 1.375, 0.375, -1.25], [-0.0, 0.625, -1.25, 0.375], [0.375, 0.75, -1.125, -0.625], [-0.375, -1.125, 1.75, -0.5]]> : tensor<8x4xf32>
  %b = arith.constant dense<[0.125, -0.625, 0.125, -1.1875, -1.375, -1.375, -1.375, -3.4375]> : tensor<8xf32>
  %z = arith.constant dense<0.0> : tensor<3x8xf32>
  %y = arith.constant dense<0.0> : tensor<3x4xf32>
  %q0 = linalg.matmul ins(%x, %wq : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k0 = linalg.matmul ins(%x, %wk : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %v0 = linalg.matmul ins(%x, %wv : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%k0, %b : tensor<3x8xf32>, tensor<8xf32>) outs(%z : tensor<3x8xf32>) {
  ^bb0(%e: f32, %f: f32, %out: f32):
    %g = arith.addf %e, %f : f32
    linalg.yield %g : f32
  } -> tensor<3x8xf32>
  %q = tensor.expand_shape %q0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %k = tensor.expand_shape %k1 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %v = tensor.expand_shape %v0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %qr = gqa.rotary %q, %cos, %sin half layout("bshd") : !T, tensor<3x1xf32>
  %kr = gqa.rotary %k, %cos, %sin half layout("bshd") : !T, tensor<3x1xf32>
  %o = gqa.attention %qr, %kr, %v layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd") : (!T, !T, !T) -> !T
  %p = tensor.collapse_shape %o [[0, 1], [2, 3]] : !T into tensor<3x8xf32>
  %r = linalg.matmul ins(%p, %wo : tensor<3x8xf32>, tensor<8x4xf32>) outs(%y : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}

// Equal weights, but biases that no map explains.
// CHECK-LABEL: @negative_bias(
// CHECK: gqa.attention {{.*}} : (tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>) -> tensor<1x3x4x2xf32>
func.func @negative_bias(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %wq = arith.constant dense<[[0.125, -0.125, 0.625, 0.125, -0.5, 0.375, 1.25, 1.0], [-0.75, -1.25, -0.625, 0.0, -2.375, -0.25, -1.25, -0.75], [-0.5, -0.375, 0.375, 1.0, -0.125, 1.375, -0.625, 0.375], [0.875, 0.125, -0.75, -0.875, -0.5, 0.25, -1.0, -0.25]]> : tensor<4x8xf32>
  %wk = arith.constant dense<[[0.375, -0.25, 0.375, -0.25, 1.0, -0.625, 1.0, -0.625], [1.625, 1.375, 1.625, 1.375, 1.875, -1.375, 1.875, -1.375], [0.625, -2.25, 0.625, -2.25, -0.625, 0.875, -0.625, 0.875], [0.0, 0.625, 0.0, 0.625, 0.0, 2.0, 0.0, 2.0]]> : tensor<4x8xf32>
  %wv = arith.constant dense<[[0.25, -0.625, 0.25, -0.625, -0.75, 1.75, -0.75, 1.75], [-0.375, -1.125, -0.375, -1.125, -0.25, 1.625, -0.25, 1.625], [-1.25, 0.625, -1.25, 0.625, -0.375, -0.75, -0.375, -0.75], [0.625, 1.25, 0.625, 1.25, 0.25, 1.0, 0.25, 1.0]]> : tensor<4x8xf32>
  %wo = arith.constant dense<[[-0.125, 0.5, 0.25, 0.375], [-0.625, -0.125, 0.75, 1.5], [-1.25, 1.5, 1.375, 0.75], [0.25, -0.375, 1.5, 2.0], [1.75, 1.375, 0.375, -1.25], [-0.0, 0.625, -1.25, 0.375], [0.375, 0.75, -1.125, -0.625], [-0.375, -1.125, 1.75, -0.5]]> : tensor<8x4xf32>
  %b = arith.constant dense<[0.125, -0.625, 0.25, -0.5, -1.375, -1.375, -1.125, -1.125]> : tensor<8xf32>
  %z = arith.constant dense<0.0> : tensor<3x8xf32>
  %y = arith.constant dense<0.0> : tensor<3x4xf32>
  %q0 = linalg.matmul ins(%x, %wq : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k0 = linalg.matmul ins(%x, %wk : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %v0 = linalg.matmul ins(%x, %wv : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%k0, %b : tensor<3x8xf32>, tensor<8xf32>) outs(%z : tensor<3x8xf32>) {
  ^bb0(%e: f32, %f: f32, %out: f32):
    %g = arith.addf %e, %f : f32
    linalg.yield %g : f32
  } -> tensor<3x8xf32>
  %q = tensor.expand_shape %q0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %k = tensor.expand_shape %k1 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %v = tensor.expand_shape %v0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %o = gqa.attention %q, %k, %v layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd") : (!T, !T, !T) -> !T
  %p = tensor.collapse_shape %o [[0, 1], [2, 3]] : !T into tensor<3x8xf32>
  %r = linalg.matmul ins(%p, %wo : tensor<3x8xf32>, tensor<8x4xf32>) outs(%y : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}

// Three and one make no groups of one size.
// CHECK-LABEL: @negative_sizes(
// CHECK: gqa.attention {{.*}} : (tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>) -> tensor<1x3x4x2xf32>
func.func @negative_sizes(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %wq = arith.constant dense<[[0.125, -0.125, 0.625, 0.125, -0.5, 0.375, 1.25, 1.0], [-0.75, -1.25, -0.625, 0.0, -2.375, -0.25, -1.25, -0.75], [-0.5, -0.375, 0.375, 1.0, -0.125, 1.375, -0.625, 0.375], [0.875, 0.125, -0.75, -0.875, -0.5, 0.25, -1.0, -0.25]]> : tensor<4x8xf32>
  %wk = arith.constant dense<[[0.375, -0.25, 0.375, -0.25, 0.375, -0.25, 1.0, -0.625], [1.625, 1.375, 1.625, 1.375, 1.625, 1.375, 1.875, -1.375], [0.625, -2.25, 0.625, -2.25, 0.625, -2.25, -0.625, 0.875], [0.0, 0.625, 0.0, 0.625, 0.0, 0.625, 0.0, 2.0]]> : tensor<4x8xf32>
  %wv = arith.constant dense<[[0.25, -0.625, 0.25, -0.625, 0.25, -0.625, -0.75, 1.75], [-0.375, -1.125, -0.375, -1.125, -0.375, -1.125, -0.25, 1.625], [-1.25, 0.625, -1.25, 0.625, -1.25, 0.625, -0.375, -0.75], [0.625, 1.25, 0.625, 1.25, 0.625, 1.25, 0.25, 1.0]]> : tensor<4x8xf32>
  %wo = arith.constant dense<[[-0.125, 0.5, 0.25, 0.375], [-0.625, -0.125, 0.75, 1.5], [-1.25, 1.5, 1.375, 0.75], [0.25, -0.375, 1.5, 2.0], [1.75, 1.375, 0.375, -1.25], [-0.0, 0.625, -1.25, 0.375], [0.375, 0.75, -1.125, -0.625], [-0.375, -1.125, 1.75, -0.5]]> : tensor<8x4xf32>
  %b = arith.constant dense<[0.125, -0.625, 0.125, -0.625, 0.125, -0.625, -1.375, -1.375]> : tensor<8xf32>
  %z = arith.constant dense<0.0> : tensor<3x8xf32>
  %y = arith.constant dense<0.0> : tensor<3x4xf32>
  %q0 = linalg.matmul ins(%x, %wq : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k0 = linalg.matmul ins(%x, %wk : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %v0 = linalg.matmul ins(%x, %wv : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%k0, %b : tensor<3x8xf32>, tensor<8xf32>) outs(%z : tensor<3x8xf32>) {
  ^bb0(%e: f32, %f: f32, %out: f32):
    %g = arith.addf %e, %f : f32
    linalg.yield %g : f32
  } -> tensor<3x8xf32>
  %q = tensor.expand_shape %q0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %k = tensor.expand_shape %k1 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %v = tensor.expand_shape %v0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  // expected-remark @below {{some heads of K and V are equal, but they make no groups of one size}}
  %o = gqa.attention %q, %k, %v layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd") : (!T, !T, !T) -> !T
  %p = tensor.collapse_shape %o [[0, 1], [2, 3]] : !T into tensor<3x8xf32>
  %r = linalg.matmul ins(%p, %wo : tensor<3x8xf32>, tensor<8x4xf32>) outs(%y : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}
