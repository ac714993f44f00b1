// RUN: gqa-opt %s --split-input-file --gqa-raise | FileCheck %s

// Rows and columns of an image, side by side outside of heads, are the places of one query, and no group of heads.
!X = tensor<2x3x4x48xf32>
!H = tensor<12x12x8xf32>
!S = tensor<12x12x12xf32>
!R = tensor<12x12xf32>
#to = affine_map<(b, s, h, d) -> (b, s, h, d)>
#from = affine_map<(b, s, h, d) -> (b, h, s, d)>

// CHECK-LABEL: @heads_inside(
// CHECK: gqa.attention
// CHECK-SAME: (tensor<2x{{12x6|6x12}}x8xf32>, tensor<2x{{12x6|6x12}}x8xf32>, tensor<2x{{12x6|6x12}}x8xf32>) -> tensor<2x6x12x8xf32>
func.func @heads_inside(%q: !X, %k: !X, %v: !X) -> !H {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !H
  %he = tensor.empty() : tensor<2x6x12x8xf32>
  %q0 = tensor.collapse_shape %q [[0], [1, 2], [3]] : !X into tensor<2x12x48xf32>
  %q1 = tensor.expand_shape %q0 [[0], [1], [2, 3]] output_shape [2, 12, 6, 8] : tensor<2x12x48xf32> into tensor<2x12x6x8xf32>
  %q2 = linalg.transpose ins(%q1 : tensor<2x12x6x8xf32>) outs(%he : tensor<2x6x12x8xf32>) permutation = [0, 2, 1, 3]
  %qh = tensor.collapse_shape %q2 [[0, 1], [2], [3]] : tensor<2x6x12x8xf32> into !H
  %k0 = tensor.collapse_shape %k [[0], [1, 2], [3]] : !X into tensor<2x12x48xf32>
  %k1 = tensor.expand_shape %k0 [[0], [1], [2, 3]] output_shape [2, 12, 6, 8] : tensor<2x12x48xf32> into tensor<2x12x6x8xf32>
  %k2 = linalg.transpose ins(%k1 : tensor<2x12x6x8xf32>) outs(%he : tensor<2x6x12x8xf32>) permutation = [0, 2, 1, 3]
  %kh = tensor.collapse_shape %k2 [[0, 1], [2], [3]] : tensor<2x6x12x8xf32> into !H
  %v0 = tensor.collapse_shape %v [[0], [1, 2], [3]] : !X into tensor<2x12x48xf32>
  %v1 = tensor.expand_shape %v0 [[0], [1], [2, 3]] output_shape [2, 12, 6, 8] : tensor<2x12x48xf32> into tensor<2x12x6x8xf32>
  %v2 = linalg.transpose ins(%v1 : tensor<2x12x6x8xf32>) outs(%he : tensor<2x6x12x8xf32>) permutation = [0, 2, 1, 3]
  %vh = tensor.collapse_shape %v2 [[0, 1], [2], [3]] : tensor<2x6x12x8xf32> into !H
  %qk = linalg.batch_matmul indexing_maps = [affine_map<(h, i, j, d) -> (h, i, d)>, affine_map<(h, i, j, d) -> (h, j, d)>, affine_map<(h, i, j, d) -> (h, i, j)>]
      ins(%qh, %kh : !H, !H) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %vh : !S, !H) outs(%zo : !H) -> !H
  return %o : !H
}

// -----

!X = tensor<16x3x4xf32>
!Q = tensor<1x12x16xf32>
!K = tensor<1x16x12xf32>
!S = tensor<1x12x12xf32>
!R = tensor<1x12xf32>

// Channels first: one head.
// CHECK-LABEL: @channels_outside(
// CHECK: gqa.attention
// CHECK-SAME: -> tensor<1x1x12x16xf32>
func.func @channels_outside(%q: !X, %k: !X, %v: !X) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %q0 = tensor.collapse_shape %q [[0], [1, 2]] : !X into tensor<16x12xf32>
  %qk0 = tensor.expand_shape %q0 [[0, 1], [2]] output_shape [1, 16, 12] : tensor<16x12xf32> into !K
  %qt = linalg.transpose ins(%qk0 : !K) outs(%zo : !Q) permutation = [0, 2, 1]
  %k0 = tensor.collapse_shape %k [[0], [1, 2]] : !X into tensor<16x12xf32>
  %kh = tensor.expand_shape %k0 [[0, 1], [2]] output_shape [1, 16, 12] : tensor<16x12xf32> into !K
  %v0 = tensor.collapse_shape %v [[0], [1, 2]] : !X into tensor<16x12xf32>
  %vk = tensor.expand_shape %v0 [[0, 1], [2]] output_shape [1, 16, 12] : tensor<16x12xf32> into !K
  %vt = linalg.transpose ins(%vk : !K) outs(%zo : !Q) permutation = [0, 2, 1]
  %qk = linalg.batch_matmul ins(%qt, %kh : !Q, !K) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %vt : !S, !Q) outs(%zo : !Q) -> !Q
  return %o : !Q
}
