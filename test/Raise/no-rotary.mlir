// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// What turns the pairs the other way, or the two halves by different angles, is no rotary embedding.
!Q = tensor<6x7x16xf32>
!H = tensor<6x7x8xf32>
!S = tensor<6x7x7xf32>
!R = tensor<6x7xf32>
!T = tensor<7x8xf32>

// CHECK-LABEL: @wrong_halves(
// CHECK-NOT: gqa.rotary
// CHECK: gqa.attention
func.func @wrong_halves(%q: !Q, %k: !Q, %v: !Q, %cos: !T, %sin: !T) -> !Q {
  %zo = arith.constant dense<0.0> : !Q
  %zh = arith.constant dense<0.0> : !H
  %zt = arith.constant dense<0.0> : tensor<7x16xf32>
  %cos2 = tensor.concat dim(1) %cos, %cos : (!T, !T) -> tensor<7x16xf32>
  %sin2 = tensor.concat dim(1) %sin, %sin : (!T, !T) -> tensor<7x16xf32>
  %cosb = linalg.broadcast ins(%cos2 : tensor<7x16xf32>) outs(%zo : !Q) dimensions = [0]
  %sinb = linalg.broadcast ins(%sin2 : tensor<7x16xf32>) outs(%zo : !Q) dimensions = [0]
  %qr0 = tensor.extract_slice %q[0, 0, 0] [6, 7, 8] [1, 1, 1] : !Q to !H
  %qr1 = tensor.extract_slice %q[0, 0, 8] [6, 7, 8] [1, 1, 1] : !Q to !H
  %qrn = linalg.negf ins(%qr1 : !H) outs(%zh : !H) -> !H
  %qrr = tensor.concat dim(2) %qr0, %qrn : (!H, !H) -> !Q
  %qrc = linalg.mul ins(%q, %cosb : !Q, !Q) outs(%zo : !Q) -> !Q
  %qrs = linalg.mul ins(%qrr, %sinb : !Q, !Q) outs(%zo : !Q) -> !Q
  %qr = linalg.add ins(%qrc, %qrs : !Q, !Q) outs(%zo : !Q) -> !Q
  %kr0 = tensor.extract_slice %k[0, 0, 0] [6, 7, 8] [1, 1, 1] : !Q to !H
  %kr1 = tensor.extract_slice %k[0, 0, 8] [6, 7, 8] [1, 1, 1] : !Q to !H
  %krn = linalg.negf ins(%kr1 : !H) outs(%zh : !H) -> !H
  %krr = tensor.concat dim(2) %kr0, %krn : (!H, !H) -> !Q
  %krc = linalg.mul ins(%k, %cosb : !Q, !Q) outs(%zo : !Q) -> !Q
  %krs = linalg.mul ins(%krr, %sinb : !Q, !Q) outs(%zo : !Q) -> !Q
  %kr = linalg.add ins(%krc, %krs : !Q, !Q) outs(%zo : !Q) -> !Q
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

// CHECK-LABEL: @no_sign(
// CHECK-NOT: gqa.rotary
// CHECK: gqa.attention
func.func @no_sign(%q: !Q, %k: !Q, %v: !Q, %cos: !T, %sin: !T) -> !Q {
  %zo = arith.constant dense<0.0> : !Q
  %zh = arith.constant dense<0.0> : !H
  %cosb = linalg.broadcast ins(%cos : !T) outs(%zh : !H) dimensions = [0]
  %sinb = linalg.broadcast ins(%sin : !T) outs(%zh : !H) dimensions = [0]
  %x0 = tensor.extract_slice %q[0, 0, 0] [6, 7, 8] [1, 1, 1] : !Q to !H
  %x1 = tensor.extract_slice %q[0, 0, 8] [6, 7, 8] [1, 1, 1] : !Q to !H
  %a = linalg.mul ins(%x0, %cosb : !H, !H) outs(%zh : !H) -> !H
  %b = linalg.mul ins(%x1, %sinb : !H, !H) outs(%zh : !H) -> !H
  %c = linalg.mul ins(%x1, %cosb : !H, !H) outs(%zh : !H) -> !H
  %e = linalg.mul ins(%x0, %sinb : !H, !H) outs(%zh : !H) -> !H
  %y0 = linalg.add ins(%a, %b : !H, !H) outs(%zh : !H) -> !H
  %y1 = linalg.add ins(%c, %e : !H, !H) outs(%zh : !H) -> !H
  %qr = tensor.concat dim(2) %y0, %y1 : (!H, !H) -> !Q
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
