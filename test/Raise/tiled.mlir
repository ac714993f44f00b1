// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Heads repeated as a whole, 0 1 0 1 0 1, and K and V repeated differently: the access map says which.
!S = tensor<2x6x7x9xf32>
!R = tensor<2x6x7xf32>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>

// CHECK-LABEL: @tiled(
// CHECK: gqa.repeat_heads %arg1 tiled groups(3)
// CHECK: gqa.repeat_heads %arg2 tiled groups(3)
// CHECK: gqa.attention
func.func @tiled(%q: tensor<2x6x7x16xf32>, %k: tensor<2x2x9x16xf32>, %v: tensor<2x2x9x16xf32>) -> tensor<2x6x7x16xf32> {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : tensor<2x6x7x16xf32>
  %ke = tensor.empty() : tensor<2x3x2x9x16xf32>
  %ve = tensor.empty() : tensor<2x3x2x9x16xf32>
  %kb = linalg.broadcast ins(%k : tensor<2x2x9x16xf32>) outs(%ke : tensor<2x3x2x9x16xf32>) dimensions = [1]
  %vb = linalg.broadcast ins(%v : tensor<2x2x9x16xf32>) outs(%ve : tensor<2x3x2x9x16xf32>) dimensions = [1]
  %kr = tensor.collapse_shape %kb [[0], [1, 2], [3], [4]] : tensor<2x3x2x9x16xf32> into tensor<2x6x9x16xf32>
  %vr = tensor.collapse_shape %vb [[0], [1, 2], [3], [4]] : tensor<2x3x2x9x16xf32> into tensor<2x6x9x16xf32>
  %qk = linalg.contract indexing_maps = [affine_map<(b, h, i, j, d) -> (b, h, i, d)>, affine_map<(b, h, i, j, d) -> (b, h, j, d)>, #s]
      ins(%q, %kr : tensor<2x6x7x16xf32>, tensor<2x6x9x16xf32>) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [3]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [3]
  %x = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%x : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [3]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [3]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.contract indexing_maps = [#s, affine_map<(b, h, i, j, d) -> (b, h, j, d)>, affine_map<(b, h, i, j, d) -> (b, h, i, d)>]
      ins(%w, %vr : !S, tensor<2x6x9x16xf32>) outs(%zo : tensor<2x6x7x16xf32>) -> tensor<2x6x7x16xf32>
  return %o : tensor<2x6x7x16xf32>
}

// CHECK-LABEL: @differently(
// CHECK: gqa.repeat_heads %arg1 tiled groups(3)
// CHECK: gqa.repeat_heads %arg2 block groups(3)
// CHECK: gqa.attention
func.func @differently(%q: tensor<2x6x7x16xf32>, %k: tensor<2x2x9x16xf32>, %v: tensor<2x2x9x16xf32>) -> tensor<2x6x7x16xf32> {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : tensor<2x6x7x16xf32>
  %ke = tensor.empty() : tensor<2x3x2x9x16xf32>
  %ve = tensor.empty() : tensor<2x2x3x9x16xf32>
  %kb = linalg.broadcast ins(%k : tensor<2x2x9x16xf32>) outs(%ke : tensor<2x3x2x9x16xf32>) dimensions = [1]
  %vb = linalg.broadcast ins(%v : tensor<2x2x9x16xf32>) outs(%ve : tensor<2x2x3x9x16xf32>) dimensions = [2]
  %kr = tensor.collapse_shape %kb [[0], [1, 2], [3], [4]] : tensor<2x3x2x9x16xf32> into tensor<2x6x9x16xf32>
  %vr = tensor.collapse_shape %vb [[0], [1, 2], [3], [4]] : tensor<2x2x3x9x16xf32> into tensor<2x6x9x16xf32>
  %qk = linalg.contract indexing_maps = [affine_map<(b, h, i, j, d) -> (b, h, i, d)>, affine_map<(b, h, i, j, d) -> (b, h, j, d)>, #s]
      ins(%q, %kr : tensor<2x6x7x16xf32>, tensor<2x6x9x16xf32>) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [3]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [3]
  %x = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%x : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [3]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [3]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.contract indexing_maps = [#s, affine_map<(b, h, i, j, d) -> (b, h, j, d)>, affine_map<(b, h, i, j, d) -> (b, h, i, d)>]
      ins(%w, %vr : !S, tensor<2x6x9x16xf32>) outs(%zo : tensor<2x6x7x16xf32>) -> tensor<2x6x7x16xf32>
  return %o : tensor<2x6x7x16xf32>
}
