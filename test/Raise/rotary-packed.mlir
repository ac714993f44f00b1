// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// What is rotated is a part of a packed projection, moved on the way: the tensor in between that has it whole is taken.
!Q = tensor<6x7x16xf32>
!H = tensor<6x7x8xf32>
!S = tensor<6x7x7xf32>
!R = tensor<6x7xf32>
!T = tensor<7x8xf32>

// CHECK-LABEL: @packed(
// CHECK: %[[SLICE:.*]] = tensor.extract_slice %arg1[0, 96] [7, 96]
// CHECK: %[[HEADS:.*]] = tensor.expand_shape %[[SLICE]]
// CHECK: %[[X:.*]] = tensor.expand_shape %[[HEADS]]
// CHECK: gqa.rotary %[[X]], %{{.*}}, %{{.*}} half layout("bshd") : tensor<1x7x6x16xf32>, tensor<1x1x7x8xf32>
// CHECK: gqa.attention
func.func @packed(%qr: !Q, %qkv: tensor<7x288xf32>, %cos: !T, %sin: !T, %v: !Q) -> !Q {
  %zo = arith.constant dense<0.0> : !Q
  %zh = arith.constant dense<0.0> : !H
  %cosb = linalg.broadcast ins(%cos : !T) outs(%zh : !H) dimensions = [0]
  %sinb = linalg.broadcast ins(%sin : !T) outs(%zh : !H) dimensions = [0]
  %slice = tensor.extract_slice %qkv[0, 96] [7, 96] [1, 1] : tensor<7x288xf32> to tensor<7x96xf32>
  %heads = tensor.expand_shape %slice [[0], [1, 2]] output_shape [7, 6, 16] : tensor<7x96xf32> into tensor<7x6x16xf32>
  %k = linalg.transpose ins(%heads : tensor<7x6x16xf32>) outs(%zo : !Q) permutation = [1, 0, 2]
  %k0 = tensor.extract_slice %k[0, 0, 0] [6, 7, 8] [1, 1, 1] : !Q to !H
  %k1 = tensor.extract_slice %k[0, 0, 8] [6, 7, 8] [1, 1, 1] : !Q to !H
  %a = linalg.mul ins(%k0, %cosb : !H, !H) outs(%zh : !H) -> !H
  %b = linalg.mul ins(%k1, %sinb : !H, !H) outs(%zh : !H) -> !H
  %c = linalg.mul ins(%k1, %cosb : !H, !H) outs(%zh : !H) -> !H
  %e = linalg.mul ins(%k0, %sinb : !H, !H) outs(%zh : !H) -> !H
  %y0 = linalg.sub ins(%a, %b : !H, !H) outs(%zh : !H) -> !H
  %y1 = linalg.add ins(%c, %e : !H, !H) outs(%zh : !H) -> !H
  %kr = tensor.concat dim(2) %y0, %y1 : (!H, !H) -> !Q
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
