// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// One K/V head for all query heads: as a dimension that is not there, or broadcast to every head.
!S = tensor<2x6x7x9xf32>
!R = tensor<2x6x7xf32>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>

// CHECK-LABEL: @no_heads(
// CHECK: %[[K:.*]] = tensor.expand_shape %arg1 {{.*}} into tensor<2x1x9x16xf32>
// CHECK: %[[KR:.*]] = gqa.repeat_heads %[[K]] block groups(6)
// CHECK: gqa.attention %arg0, %[[KR]], 
func.func @no_heads(%q: tensor<2x6x7x16xf32>, %k: tensor<2x9x16xf32>, %v: tensor<2x9x16xf32>) -> tensor<2x6x7x16xf32> {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : tensor<2x6x7x16xf32>
  %qk = linalg.contract indexing_maps = [affine_map<(b, h, i, j, d) -> (b, h, i, d)>, affine_map<(b, h, i, j, d) -> (b, j, d)>, #s]
      ins(%q, %k : tensor<2x6x7x16xf32>, tensor<2x9x16xf32>) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [3]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [3]
  %x = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%x : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [3]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [3]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.contract indexing_maps = [#s, affine_map<(b, h, i, j, d) -> (b, j, d)>, affine_map<(b, h, i, j, d) -> (b, h, i, d)>]
      ins(%w, %v : !S, tensor<2x9x16xf32>) outs(%zo : tensor<2x6x7x16xf32>) -> tensor<2x6x7x16xf32>
  return %o : tensor<2x6x7x16xf32>
}

// CHECK-LABEL: @broadcast(
// CHECK: %[[K:.*]] = tensor.expand_shape %arg1 {{.*}} into tensor<2x1x9x16xf32>
// CHECK: gqa.repeat_heads %[[K]] block groups(6)
// CHECK: gqa.attention
func.func @broadcast(%q: tensor<2x6x7x16xf32>, %k: tensor<2x9x16xf32>, %v: tensor<2x9x16xf32>) -> tensor<2x6x7x16xf32> {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : tensor<2x6x7x16xf32>
  %e = tensor.empty() : tensor<2x6x9x16xf32>
  %kb = linalg.broadcast ins(%k : tensor<2x9x16xf32>) outs(%e : tensor<2x6x9x16xf32>) dimensions = [1]
  %vb = linalg.broadcast ins(%v : tensor<2x9x16xf32>) outs(%e : tensor<2x6x9x16xf32>) dimensions = [1]
  %qk = linalg.contract indexing_maps = [affine_map<(b, h, i, j, d) -> (b, h, i, d)>, affine_map<(b, h, i, j, d) -> (b, h, j, d)>, #s]
      ins(%q, %kb : tensor<2x6x7x16xf32>, tensor<2x6x9x16xf32>) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [3]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [3]
  %x = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%x : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [3]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [3]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.contract indexing_maps = [#s, affine_map<(b, h, i, j, d) -> (b, h, j, d)>, affine_map<(b, h, i, j, d) -> (b, h, i, d)>]
      ins(%w, %vb : !S, tensor<2x6x9x16xf32>) outs(%zo : tensor<2x6x7x16xf32>) -> tensor<2x6x7x16xf32>
  return %o : tensor<2x6x7x16xf32>
}

// Batches and heads side by side, as a product of rank 3 has them, with a copy of K and V for each.
!B = tensor<12x7x16xf32>
!T = tensor<12x7x9xf32>
!U = tensor<12x7xf32>
// CHECK-LABEL: @copies_in_rank_3(
// CHECK: gqa.repeat_heads {{.*}} block groups(6)
// CHECK: gqa.attention %arg0, {{.*}} -> tensor<2x6x7x16xf32>
func.func @copies_in_rank_3(%q: tensor<2x6x7x16xf32>, %k: tensor<2x9x16xf32>, %v: tensor<2x9x16xf32>) -> !B {
  %zs = arith.constant dense<0.0> : !T
  %zr = arith.constant dense<0.0> : !U
  %low = arith.constant dense<0xFF800000> : !U
  %zo = arith.constant dense<0.0> : !B
  %e = tensor.empty() : tensor<2x6x9x16xf32>
  %kb = linalg.broadcast ins(%k : tensor<2x9x16xf32>) outs(%e : tensor<2x6x9x16xf32>) dimensions = [1]
  %vb = linalg.broadcast ins(%v : tensor<2x9x16xf32>) outs(%e : tensor<2x6x9x16xf32>) dimensions = [1]
  %q3 = tensor.collapse_shape %q [[0, 1], [2], [3]] : tensor<2x6x7x16xf32> into !B
  %k3 = tensor.collapse_shape %kb [[0, 1], [2], [3]] : tensor<2x6x9x16xf32> into tensor<12x9x16xf32>
  %v3 = tensor.collapse_shape %vb [[0, 1], [2], [3]] : tensor<2x6x9x16xf32> into tensor<12x9x16xf32>
  %et = tensor.empty() : tensor<12x16x9xf32>
  %kt = linalg.transpose ins(%k3 : tensor<12x9x16xf32>) outs(%et : tensor<12x16x9xf32>) permutation = [0, 2, 1]
  %qk = linalg.batch_matmul ins(%q3, %kt : !B, tensor<12x16x9xf32>) outs(%zs : !T) -> !T
  %m = linalg.reduce { arith.maximumf } ins(%qk : !T) outs(%low : !U) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !U) outs(%zs : !T) dimensions = [2]
  %x = linalg.sub ins(%qk, %mb : !T, !T) outs(%zs : !T) -> !T
  %p = linalg.exp ins(%x : !T) outs(%zs : !T) -> !T
  %l = linalg.reduce { arith.addf } ins(%p : !T) outs(%zr : !U) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !U) outs(%zs : !T) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !T, !T) outs(%zs : !T) -> !T
  %o = linalg.batch_matmul ins(%w, %v3 : !T, tensor<12x9x16xf32>) outs(%zo : !B) -> !B
  return %o : !B
}
