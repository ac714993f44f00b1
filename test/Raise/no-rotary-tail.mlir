// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// The elements behind the rotated ones are changed as well: only those in front are a rotation.
!Q = tensor<6x7x16xf32>
!H = tensor<6x7x8xf32>
!S = tensor<6x7x7xf32>
!R = tensor<6x7xf32>
!T = tensor<32x4xf32>
!F = tensor<6x7x4xf32>

// CHECK-LABEL: @changed_tail(
// CHECK: %[[HEAD:.*]] = tensor.extract_slice %arg0[0, 0, 0] [6, 7, 8]
// CHECK: %[[X:.*]] = tensor.expand_shape %[[HEAD]]
// CHECK: %[[R:.*]] = gqa.rotary %[[X]], {{.*}} half : tensor<1x6x7x8xf32>
// CHECK: %[[Y:.*]] = tensor.collapse_shape %[[R]]
// CHECK: %[[TAIL:.*]] = linalg.negf
// CHECK: tensor.concat dim(2) %[[Y]], %[[TAIL]]
// CHECK-NOT: gqa.rotary
// CHECK: gqa.attention
func.func @changed_tail(%q: !Q, %k: !Q, %v: !Q, %cos: !T, %sin: !T) -> !Q {
  %zo = arith.constant dense<0.0> : !Q
  %zh = arith.constant dense<0.0> : !H
  %zf = arith.constant dense<0.0> : !F
  %cos7 = tensor.extract_slice %cos[0, 0] [7, 4] [1, 1] : !T to tensor<7x4xf32>
  %sin7 = tensor.extract_slice %sin[0, 0] [7, 4] [1, 1] : !T to tensor<7x4xf32>
  %cosb = linalg.broadcast ins(%cos7 : tensor<7x4xf32>) outs(%zf : !F) dimensions = [0]
  %sinb = linalg.broadcast ins(%sin7 : tensor<7x4xf32>) outs(%zf : !F) dimensions = [0]
  %head = tensor.extract_slice %q[0, 0, 0] [6, 7, 8] [1, 1, 1] : !Q to !H
  %tail = tensor.extract_slice %q[0, 0, 8] [6, 7, 8] [1, 1, 1] : !Q to !H
  %x0 = tensor.extract_slice %head[0, 0, 0] [6, 7, 4] [1, 1, 1] : !H to !F
  %x1 = tensor.extract_slice %head[0, 0, 4] [6, 7, 4] [1, 1, 1] : !H to !F
  %a = linalg.mul ins(%x0, %cosb : !F, !F) outs(%zf : !F) -> !F
  %b = linalg.mul ins(%x1, %sinb : !F, !F) outs(%zf : !F) -> !F
  %c = linalg.mul ins(%x1, %cosb : !F, !F) outs(%zf : !F) -> !F
  %e = linalg.mul ins(%x0, %sinb : !F, !F) outs(%zf : !F) -> !F
  %y0 = linalg.sub ins(%a, %b : !F, !F) outs(%zf : !F) -> !F
  %y1 = linalg.add ins(%c, %e : !F, !F) outs(%zf : !F) -> !F
  %y = tensor.concat dim(2) %y0, %y1 : (!F, !F) -> !H
  %tail2 = linalg.negf ins(%tail : !H) outs(%zh : !H) -> !H
  %qr = tensor.concat dim(2) %y, %tail2 : (!H, !H) -> !Q
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %qk = linalg.batch_matmul indexing_maps = [affine_map<(h, i, j, d) -> (h, i, d)>, affine_map<(h, i, j, d) -> (h, j, d)>, affine_map<(h, i, j, d) -> (h, i, j)>]
      ins(%qr, %k : !Q, !Q) outs(%zs : !S) -> !S
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
