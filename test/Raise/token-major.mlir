// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Heads behind tokens, and K with its head dimension first, are layouts, not copies.
!S = tensor<2x6x7x9xf32>
!R = tensor<2x6x7xf32>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>

// CHECK-LABEL: @token_major(
// CHECK-NOT: linalg
// CHECK: gqa.attention %arg0, %arg1, %arg2 {{.*}} layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd")
func.func @token_major(%q: tensor<2x7x6x16xf32>, %k: tensor<2x9x6x16xf32>, %v: tensor<2x9x6x16xf32>) -> tensor<2x7x6x16xf32> {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : tensor<2x7x6x16xf32>
  %qk = linalg.contract indexing_maps = [affine_map<(b, h, i, j, d) -> (b, i, h, d)>, affine_map<(b, h, i, j, d) -> (b, j, h, d)>, #s]
      ins(%q, %k : tensor<2x7x6x16xf32>, tensor<2x9x6x16xf32>) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [3]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [3]
  %x = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%x : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [3]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [3]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.contract indexing_maps = [#s, affine_map<(b, h, i, j, d) -> (b, j, h, d)>, affine_map<(b, h, i, j, d) -> (b, i, h, d)>]
      ins(%w, %v : !S, tensor<2x9x6x16xf32>) outs(%zo : tensor<2x7x6x16xf32>) -> tensor<2x7x6x16xf32>
  return %o : tensor<2x7x6x16xf32>
}

// q, k and v out of one projection, transposed on the way.
// CHECK-LABEL: @packed(
// CHECK-COUNT-3: tensor.extract_slice
// CHECK-NOT: linalg
// CHECK: gqa.attention {{.*}} layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd")
func.func @packed(%qkv: tensor<2x7x288xf32>) -> tensor<2x7x6x16xf32> {
  %zs = arith.constant dense<0.0> : tensor<2x6x7x7xf32>
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : tensor<2x7x6x16xf32>
  %q = tensor.extract_slice %qkv[0, 0, 0] [2, 7, 96] [1, 1, 1] : tensor<2x7x288xf32> to tensor<2x7x96xf32>
  %k = tensor.extract_slice %qkv[0, 0, 96] [2, 7, 96] [1, 1, 1] : tensor<2x7x288xf32> to tensor<2x7x96xf32>
  %v = tensor.extract_slice %qkv[0, 0, 192] [2, 7, 96] [1, 1, 1] : tensor<2x7x288xf32> to tensor<2x7x96xf32>
  %qh = tensor.expand_shape %q [[0], [1], [2, 3]] output_shape [2, 7, 6, 16] : tensor<2x7x96xf32> into tensor<2x7x6x16xf32>
  %kh = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [2, 7, 6, 16] : tensor<2x7x96xf32> into tensor<2x7x6x16xf32>
  %vh = tensor.expand_shape %v [[0], [1], [2, 3]] output_shape [2, 7, 6, 16] : tensor<2x7x96xf32> into tensor<2x7x6x16xf32>
  %ke = tensor.empty() : tensor<2x6x16x7xf32>
  %ve = tensor.empty() : tensor<2x6x7x16xf32>
  %kt = linalg.transpose ins(%kh : tensor<2x7x6x16xf32>) outs(%ke : tensor<2x6x16x7xf32>) permutation = [0, 2, 3, 1]
  %vt = linalg.transpose ins(%vh : tensor<2x7x6x16xf32>) outs(%ve : tensor<2x6x7x16xf32>) permutation = [0, 2, 1, 3]
  %qk = linalg.contract indexing_maps = [affine_map<(b, h, i, j, d) -> (b, i, h, d)>, affine_map<(b, h, i, j, d) -> (b, h, d, j)>, #s]
      ins(%qh, %kt : tensor<2x7x6x16xf32>, tensor<2x6x16x7xf32>) outs(%zs : tensor<2x6x7x7xf32>) -> tensor<2x6x7x7xf32>
  %m = linalg.reduce { arith.maximumf } ins(%qk : tensor<2x6x7x7xf32>) outs(%low : !R) dimensions = [3]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : tensor<2x6x7x7xf32>) dimensions = [3]
  %x = linalg.sub ins(%qk, %mb : tensor<2x6x7x7xf32>, tensor<2x6x7x7xf32>) outs(%zs : tensor<2x6x7x7xf32>) -> tensor<2x6x7x7xf32>
  %p = linalg.exp ins(%x : tensor<2x6x7x7xf32>) outs(%zs : tensor<2x6x7x7xf32>) -> tensor<2x6x7x7xf32>
  %l = linalg.reduce { arith.addf } ins(%p : tensor<2x6x7x7xf32>) outs(%zr : !R) dimensions = [3]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : tensor<2x6x7x7xf32>) dimensions = [3]
  %w = linalg.div ins(%p, %lb : tensor<2x6x7x7xf32>, tensor<2x6x7x7xf32>) outs(%zs : tensor<2x6x7x7xf32>) -> tensor<2x6x7x7xf32>
  %o = linalg.contract indexing_maps = [#s, affine_map<(b, h, i, j, d) -> (b, h, j, d)>, affine_map<(b, h, i, j, d) -> (b, i, h, d)>]
      ins(%w, %vt : tensor<2x6x7x7xf32>, tensor<2x6x7x16xf32>) outs(%zo : tensor<2x7x6x16xf32>) -> tensor<2x7x6x16xf32>
  return %o : tensor<2x7x6x16xf32>
}
