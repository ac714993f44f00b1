// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Pairs of neighbours, as complex numbers times e^(i angle).
!Q = tensor<6x7x16xf32>
!H = tensor<6x7x8xf32>
!S = tensor<6x7x7xf32>
!R = tensor<6x7xf32>
!T = tensor<7x8xf32>

// CHECK-LABEL: @interleaved(
// CHECK: gqa.rotary {{.*}} interleaved : tensor<1x6x7x16xf32>, tensor<1x1x7x8xf32>
// CHECK: gqa.attention
// CHECK-NOT: linalg.mul
func.func @interleaved(%q: !Q, %k: !Q, %v: !Q, %cos: !T, %sin: !T) -> !Q {
  %zo = arith.constant dense<0.0> : !Q
  %zh = arith.constant dense<0.0> : !H
  %cosb = linalg.broadcast ins(%cos : !T) outs(%zh : !H) dimensions = [0]
  %sinb = linalg.broadcast ins(%sin : !T) outs(%zh : !H) dimensions = [0]
  %qrp = tensor.expand_shape %q [[0], [1], [2, 3]] output_shape [6, 7, 8, 2] : !Q into tensor<6x7x8x2xf32>
  %qr0 = tensor.extract_slice %qrp[0, 0, 0, 0] [6, 7, 8, 1] [1, 1, 1, 1] : tensor<6x7x8x2xf32> to !H
  %qr1 = tensor.extract_slice %qrp[0, 0, 0, 1] [6, 7, 8, 1] [1, 1, 1, 1] : tensor<6x7x8x2xf32> to !H
  %qra = linalg.mul ins(%qr0, %cosb : !H, !H) outs(%zh : !H) -> !H
  %qrb = linalg.mul ins(%qr1, %sinb : !H, !H) outs(%zh : !H) -> !H
  %qrc = linalg.mul ins(%qr0, %sinb : !H, !H) outs(%zh : !H) -> !H
  %qrd = linalg.mul ins(%qr1, %cosb : !H, !H) outs(%zh : !H) -> !H
  %qre = linalg.sub ins(%qra, %qrb : !H, !H) outs(%zh : !H) -> !H
  %qrf = linalg.add ins(%qrc, %qrd : !H, !H) outs(%zh : !H) -> !H
  %qre1 = tensor.expand_shape %qre [[0], [1], [2, 3]] output_shape [6, 7, 8, 1] : !H into tensor<6x7x8x1xf32>
  %qrf1 = tensor.expand_shape %qrf [[0], [1], [2, 3]] output_shape [6, 7, 8, 1] : !H into tensor<6x7x8x1xf32>
  %qrg = tensor.concat dim(3) %qre1, %qrf1 : (tensor<6x7x8x1xf32>, tensor<6x7x8x1xf32>) -> tensor<6x7x8x2xf32>
  %qr = tensor.collapse_shape %qrg [[0], [1], [2, 3]] : tensor<6x7x8x2xf32> into !Q
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
