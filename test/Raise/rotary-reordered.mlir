// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Multi-head latent attention: behind the part of K without a position stands a rotated one, written there by an
// insertion, the same for all heads. Its pairs are neighbours before the rotation and halves after it.
!Q = tensor<6x7x16xf32>
!S = tensor<6x7x7xf32>
!R = tensor<6x7xf32>
!T = tensor<7x8xf32>

// CHECK-LABEL: @reordered(
// CHECK: %[[X:.*]] = tensor.expand_shape %arg2
// CHECK: %[[R:.*]] = gqa.rotary %[[X]], %{{.*}}, %{{.*}} interleaved : tensor<1x1x7x8xf32>, tensor<1x1x7x4xf32>
// CHECK: %[[PAIRS:.*]] = tensor.expand_shape %[[R]] {{.*}} output_shape [1, 1, 7, 4, 2]
// CHECK: linalg.transpose ins(%[[PAIRS]] : {{.*}} permutation = [0, 1, 2, 4, 3]
// CHECK: gqa.attention
func.func @reordered(%qr: !Q, %plain: tensor<1x6x7x8xf32>, %x: !T, %cos: tensor<7x4xf32>, %sin: tensor<7x4xf32>, %v: !Q) -> !Q {
  %zo = arith.constant dense<0.0> : !Q
  %zf = arith.constant dense<0.0> : tensor<7x4xf32>
  %x0 = tensor.extract_slice %x[0, 0] [7, 4] [1, 2] : !T to tensor<7x4xf32>
  %x1 = tensor.extract_slice %x[0, 1] [7, 4] [1, 2] : !T to tensor<7x4xf32>
  %a = linalg.mul ins(%x0, %cos : tensor<7x4xf32>, tensor<7x4xf32>) outs(%zf : tensor<7x4xf32>) -> tensor<7x4xf32>
  %b = linalg.mul ins(%x1, %sin : tensor<7x4xf32>, tensor<7x4xf32>) outs(%zf : tensor<7x4xf32>) -> tensor<7x4xf32>
  %c = linalg.mul ins(%x1, %cos : tensor<7x4xf32>, tensor<7x4xf32>) outs(%zf : tensor<7x4xf32>) -> tensor<7x4xf32>
  %e = linalg.mul ins(%x0, %sin : tensor<7x4xf32>, tensor<7x4xf32>) outs(%zf : tensor<7x4xf32>) -> tensor<7x4xf32>
  %y0 = linalg.sub ins(%a, %b : tensor<7x4xf32>, tensor<7x4xf32>) outs(%zf : tensor<7x4xf32>) -> tensor<7x4xf32>
  %y1 = linalg.add ins(%c, %e : tensor<7x4xf32>, tensor<7x4xf32>) outs(%zf : tensor<7x4xf32>) -> tensor<7x4xf32>
  %y = tensor.concat dim(1) %y0, %y1 : (tensor<7x4xf32>, tensor<7x4xf32>) -> !T
  %y4 = tensor.expand_shape %y [[0, 1, 2], [3]] output_shape [1, 1, 7, 8] : !T into tensor<1x1x7x8xf32>
  %y3 = tensor.collapse_shape %y4 [[0, 1], [2], [3]] : tensor<1x1x7x8xf32> into tensor<1x7x8xf32>
  %z4 = arith.constant dense<0.0> : tensor<1x6x7x8xf32>
  %heads = linalg.broadcast ins(%y3 : tensor<1x7x8xf32>) outs(%z4 : tensor<1x6x7x8xf32>) dimensions = [1]
  %z = arith.constant dense<0.0> : tensor<1x6x7x16xf32>
  %front = tensor.insert_slice %plain into %z[0, 0, 0, 0] [1, 6, 7, 8] [1, 1, 1, 1] : tensor<1x6x7x8xf32> into tensor<1x6x7x16xf32>
  %k4 = tensor.insert_slice %heads into %front[0, 0, 0, 8] [1, 6, 7, 8] [1, 1, 1, 1] : tensor<1x6x7x8xf32> into tensor<1x6x7x16xf32>
  %kr = tensor.collapse_shape %k4 [[0, 1], [2], [3]] : tensor<1x6x7x16xf32> into !Q
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %qk = linalg.batch_matmul indexing_maps = [affine_map<(h, i, j, d) -> (h, i, d)>, affine_map<(h, i, j, d) -> (h, j, d)>, affine_map<(h, i, j, d) -> (h, i, j)>]
      ins(%qr, %kr : !Q, !Q) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !Q) outs(%zo : !Q) -> !Q
  return %o : !Q
}
