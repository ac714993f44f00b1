// RUN: gqa-opt %s --inline --gqa-raise --gqa-share-kv | FileCheck %s

// Of two queries' dimensions and one of K's, shapes do not tell which count heads; where q is computed by a product, its weights
// do: heads have weights of their own, sequences and positions share them.
!Q = tensor<2x4x10xf32>
!K = tensor<2x9x10xf32>
!S = tensor<2x4x9xf32>
!R = tensor<2x4xf32>
#q = affine_map<(b, i, j, d) -> (b, i, d)>
#k = affine_map<(b, i, j, d) -> (b, j, d)>
#s = affine_map<(b, i, j, d) -> (b, i, j)>
#each = affine_map<(b, i, j) -> (b, i, j)>
#row = affine_map<(b, i, j) -> (b, i)>

func.func private @attend(%q: !Q, %k: !K) -> !Q {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %se = tensor.empty() : !S
  %re = tensor.empty() : !R
  %oe = tensor.empty() : !Q
  %zs = linalg.fill ins(%zero : f32) outs(%se : !S) -> !S
  %zr = linalg.fill ins(%zero : f32) outs(%re : !R) -> !R
  %lr = linalg.fill ins(%low : f32) outs(%re : !R) -> !R
  %zo = linalg.fill ins(%zero : f32) outs(%oe : !Q) -> !Q
  %qk = linalg.batch_matmul indexing_maps = [#q, #k, #s] ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%lr : !R) dimensions = [2]
  %e = linalg.generic {indexing_maps = [#each, #row, #each], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk, %m : !S, !R) outs(%se : !S) {
  ^bb0(%x: f32, %max: f32, %out: f32):
    %0 = arith.subf %x, %max : f32
    %1 = math.exp %0 : f32
    linalg.yield %1 : f32
  } -> !S
  %l = linalg.reduce { arith.addf } ins(%e : !S) outs(%zr : !R) dimensions = [2]
  %w = linalg.generic {indexing_maps = [#each, #row, #each], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %l : !S, !R) outs(%se : !S) {
  ^bb0(%x: f32, %sum: f32, %out: f32):
    %0 = arith.divf %x, %sum : f32
    linalg.yield %0 : f32
  } -> !S
  %o = linalg.batch_matmul ins(%w, %k : !S, !K) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// Nothing tells: the last dimension in front of the positions.
// CHECK-LABEL: @no_weights(
// CHECK: gqa.attention {{.*}} : (tensor<1x2x4x10xf32>, tensor<1x2x9x10xf32>, tensor<1x2x9x10xf32>)
func.func @no_weights(%q: !Q, %k: !K) -> !Q {
  %o = func.call @attend(%q, %k) : (!Q, !K) -> !Q
  return %o : !Q
}

// DeepSeek's queries of one token, multiplied with what K would be expanded by: four heads, each with its own, share K.
// CHECK-LABEL: @weights_of_each_row(
// CHECK: gqa.attention {{.*}} : (tensor<2x4x1x10xf32>, tensor<2x1x9x10xf32>, tensor<2x1x9x10xf32>)
func.func @weights_of_each_row(%x: tensor<2x4x12xf32>, %up: tensor<4x12x10xf32>, %k: !K) -> !Q {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : !Q
  %z = linalg.fill ins(%zero : f32) outs(%e : !Q) -> !Q
  %q = linalg.contract indexing_maps = [affine_map<(h, b, d, c) -> (b, h, c)>, affine_map<(h, b, d, c) -> (h, c, d)>, affine_map<(h, b, d, c) -> (b, h, d)>]
      ins(%x, %up : tensor<2x4x12xf32>, tensor<4x12x10xf32>) outs(%z : !Q) -> !Q
  %o = func.call @attend(%q, %k) : (!Q, !K) -> !Q
  return %o : !Q
}

// Two sequences of four tokens, all with the same weights: one head.
// CHECK-LABEL: @weights_of_all(
// CHECK: gqa.attention {{.*}} : (tensor<2x1x4x10xf32>, tensor<2x1x9x10xf32>, tensor<2x1x9x10xf32>)
func.func @weights_of_all(%x: tensor<2x4x12xf32>, %up: tensor<12x10xf32>, %k: !K) -> !Q {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : !Q
  %z = linalg.fill ins(%zero : f32) outs(%e : !Q) -> !Q
  %q = linalg.contract indexing_maps = [affine_map<(b, i, d, c) -> (b, i, c)>, affine_map<(b, i, d, c) -> (c, d)>, affine_map<(b, i, d, c) -> (b, i, d)>]
      ins(%x, %up : tensor<2x4x12xf32>, tensor<12x10xf32>) outs(%z : !Q) -> !Q
  %o = func.call @attend(%q, %k) : (!Q, !K) -> !Q
  return %o : !Q
}

// Two heads of one sequence, the tokens the same, the weights not.
// CHECK-LABEL: @weights_of_each_head(
// CHECK: gqa.attention {{.*}} : (tensor<1x2x4x10xf32>, tensor<1x2x9x10xf32>, tensor<1x2x9x10xf32>)
func.func @weights_of_each_head(%x: tensor<4x12xf32>, %up: tensor<2x12x10xf32>, %k: !K) -> !Q {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : !Q
  %z = linalg.fill ins(%zero : f32) outs(%e : !Q) -> !Q
  %q = linalg.contract indexing_maps = [affine_map<(h, i, d, c) -> (i, c)>, affine_map<(h, i, d, c) -> (h, c, d)>, affine_map<(h, i, d, c) -> (h, i, d)>]
      ins(%x, %up : tensor<4x12xf32>, tensor<2x12x10xf32>) outs(%z : !Q) -> !Q
  %o = func.call @attend(%q, %k) : (!Q, !K) -> !Q
  return %o : !Q
}

// Windows behind the heads: of the dimensions that K follows, the one with weights of its own counts heads; sequences and
// windows, which do not stand together, become one.
// CHECK-LABEL: @windows_behind_heads(
// CHECK: gqa.attention {{.*}} : (tensor<8x3x5x6xf32>, tensor<8x3x5x6xf32>, tensor<8x3x5x6xf32>)
func.func @windows_behind_heads(%x: tensor<2x4x5x12xf32>, %wq: tensor<3x12x6xf32>, %wk: tensor<3x12x6xf32>, %wv: tensor<3x12x6xf32>) -> tensor<2x3x4x5x6xf32> {
  %z = arith.constant dense<0.0> : tensor<2x3x4x5x6xf32>
  %zs = arith.constant dense<0.0> : tensor<2x3x4x5x5xf32>
  %q = linalg.contract indexing_maps = [affine_map<(b, h, w, i, d, c) -> (b, w, i, c)>, affine_map<(b, h, w, i, d, c) -> (h, c, d)>, affine_map<(b, h, w, i, d, c) -> (b, h, w, i, d)>]
      ins(%x, %wq : tensor<2x4x5x12xf32>, tensor<3x12x6xf32>) outs(%z : tensor<2x3x4x5x6xf32>) -> tensor<2x3x4x5x6xf32>
  %k = linalg.contract indexing_maps = [affine_map<(b, h, w, i, d, c) -> (b, w, i, c)>, affine_map<(b, h, w, i, d, c) -> (h, c, d)>, affine_map<(b, h, w, i, d, c) -> (b, h, w, i, d)>]
      ins(%x, %wk : tensor<2x4x5x12xf32>, tensor<3x12x6xf32>) outs(%z : tensor<2x3x4x5x6xf32>) -> tensor<2x3x4x5x6xf32>
  %v = linalg.contract indexing_maps = [affine_map<(b, h, w, i, d, c) -> (b, w, i, c)>, affine_map<(b, h, w, i, d, c) -> (h, c, d)>, affine_map<(b, h, w, i, d, c) -> (b, h, w, i, d)>]
      ins(%x, %wv : tensor<2x4x5x12xf32>, tensor<3x12x6xf32>) outs(%z : tensor<2x3x4x5x6xf32>) -> tensor<2x3x4x5x6xf32>
  %s = linalg.contract indexing_maps = [affine_map<(b, h, w, i, j, d) -> (b, h, w, i, d)>, affine_map<(b, h, w, i, j, d) -> (b, h, w, j, d)>, affine_map<(b, h, w, i, j, d) -> (b, h, w, i, j)>]
      ins(%q, %k : tensor<2x3x4x5x6xf32>, tensor<2x3x4x5x6xf32>) outs(%zs : tensor<2x3x4x5x5xf32>) -> tensor<2x3x4x5x5xf32>
  %p = linalg.softmax dimension(4) ins(%s : tensor<2x3x4x5x5xf32>) outs(%zs : tensor<2x3x4x5x5xf32>) -> tensor<2x3x4x5x5xf32>
  %o = linalg.contract indexing_maps = [affine_map<(b, h, w, i, d, j) -> (b, h, w, i, j)>, affine_map<(b, h, w, i, d, j) -> (b, h, w, j, d)>, affine_map<(b, h, w, i, d, j) -> (b, h, w, i, d)>]
      ins(%p, %v : tensor<2x3x4x5x5xf32>, tensor<2x3x4x5x6xf32>) outs(%z : tensor<2x3x4x5x6xf32>) -> tensor<2x3x4x5x6xf32>
  return %o : tensor<2x3x4x5x6xf32>
}
