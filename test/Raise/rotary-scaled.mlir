// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// A constant in front of the rotation of q is a part of the scale, here all of it, as ESM has it.
!Q = tensor<6x7x16xf32>
!H = tensor<6x7x8xf32>
!S = tensor<6x7x7xf32>
!R = tensor<6x7xf32>
!T = tensor<7x8xf32>

// CHECK-LABEL: @scaled(
// CHECK-DAG: %[[X:.*]] = tensor.expand_shape %arg0
// CHECK-DAG: %[[Q:.*]] = gqa.rotary %[[X]], %{{.*}}, %{{.*}} half
// CHECK: gqa.attention %[[Q]], %{{.*}}, %{{.*}} :
func.func @scaled(%x: !Q, %k: !Q, %v: !Q, %cos: !T, %sin: !T) -> !Q {
  %zo = arith.constant dense<0.0> : !Q
  %zh = arith.constant dense<0.0> : !H
  %zt = arith.constant dense<0.0> : tensor<7x16xf32>
  %quarter = arith.constant dense<0.25> : tensor<1x6x7x16xf32>
  %x4 = tensor.expand_shape %x [[0, 1], [2], [3]] output_shape [1, 6, 7, 16] : !Q into tensor<1x6x7x16xf32>
  %z4 = tensor.empty() : tensor<1x6x7x16xf32>
  %q4 = linalg.mul ins(%x4, %quarter : tensor<1x6x7x16xf32>, tensor<1x6x7x16xf32>) outs(%z4 : tensor<1x6x7x16xf32>) -> tensor<1x6x7x16xf32>
  %q = tensor.collapse_shape %q4 [[0, 1], [2], [3]] : tensor<1x6x7x16xf32> into !Q
  %cos2 = tensor.concat dim(1) %cos, %cos : (!T, !T) -> tensor<7x16xf32>
  %sin2 = tensor.concat dim(1) %sin, %sin : (!T, !T) -> tensor<7x16xf32>
  %cosb = linalg.broadcast ins(%cos2 : tensor<7x16xf32>) outs(%zo : !Q) dimensions = [0]
  %sinb = linalg.broadcast ins(%sin2 : tensor<7x16xf32>) outs(%zo : !Q) dimensions = [0]
  %qr0 = tensor.extract_slice %q[0, 0, 0] [6, 7, 8] [1, 1, 1] : !Q to !H
  %qr1 = tensor.extract_slice %q[0, 0, 8] [6, 7, 8] [1, 1, 1] : !Q to !H
  %qrn = linalg.negf ins(%qr1 : !H) outs(%zh : !H) -> !H
  %qrr = tensor.concat dim(2) %qrn, %qr0 : (!H, !H) -> !Q
  %qrc = linalg.mul ins(%q, %cosb : !Q, !Q) outs(%zo : !Q) -> !Q
  %qrs = linalg.mul ins(%qrr, %sinb : !Q, !Q) outs(%zo : !Q) -> !Q
  %qr = linalg.add ins(%qrc, %qrs : !Q, !Q) outs(%zo : !Q) -> !Q
  %kr0 = tensor.extract_slice %k[0, 0, 0] [6, 7, 8] [1, 1, 1] : !Q to !H
  %kr1 = tensor.extract_slice %k[0, 0, 8] [6, 7, 8] [1, 1, 1] : !Q to !H
  %krn = linalg.negf ins(%kr1 : !H) outs(%zh : !H) -> !H
  %krr = tensor.concat dim(2) %krn, %kr0 : (!H, !H) -> !Q
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

// An infinite one is no scale: what is rotated keeps it.
// CHECK-LABEL: @infinite(
// CHECK: %[[X:.*]] = linalg.mul
// CHECK: gqa.rotary %[[X]]
// CHECK: gqa.attention {{.*}} scale(1.000000e+00)
func.func @infinite(%x: !Q, %k: !Q, %v: !Q, %cos: !T, %sin: !T) -> !Q {
  %zo = arith.constant dense<0.0> : !Q
  %zh = arith.constant dense<0.0> : !H
  %zt = arith.constant dense<0.0> : tensor<7x16xf32>
  %quarter = arith.constant dense<0x7F800000> : tensor<1x6x7x16xf32>
  %x4 = tensor.expand_shape %x [[0, 1], [2], [3]] output_shape [1, 6, 7, 16] : !Q into tensor<1x6x7x16xf32>
  %z4 = tensor.empty() : tensor<1x6x7x16xf32>
  %q4 = linalg.mul ins(%x4, %quarter : tensor<1x6x7x16xf32>, tensor<1x6x7x16xf32>) outs(%z4 : tensor<1x6x7x16xf32>) -> tensor<1x6x7x16xf32>
  %q = tensor.collapse_shape %q4 [[0, 1], [2], [3]] : tensor<1x6x7x16xf32> into !Q
  %cos2 = tensor.concat dim(1) %cos, %cos : (!T, !T) -> tensor<7x16xf32>
  %sin2 = tensor.concat dim(1) %sin, %sin : (!T, !T) -> tensor<7x16xf32>
  %cosb = linalg.broadcast ins(%cos2 : tensor<7x16xf32>) outs(%zo : !Q) dimensions = [0]
  %sinb = linalg.broadcast ins(%sin2 : tensor<7x16xf32>) outs(%zo : !Q) dimensions = [0]
  %qr0 = tensor.extract_slice %q[0, 0, 0] [6, 7, 8] [1, 1, 1] : !Q to !H
  %qr1 = tensor.extract_slice %q[0, 0, 8] [6, 7, 8] [1, 1, 1] : !Q to !H
  %qrn = linalg.negf ins(%qr1 : !H) outs(%zh : !H) -> !H
  %qrr = tensor.concat dim(2) %qrn, %qr0 : (!H, !H) -> !Q
  %qrc = linalg.mul ins(%q, %cosb : !Q, !Q) outs(%zo : !Q) -> !Q
  %qrs = linalg.mul ins(%qrr, %sinb : !Q, !Q) outs(%zo : !Q) -> !Q
  %qr = linalg.add ins(%qrc, %qrs : !Q, !Q) outs(%zo : !Q) -> !Q
  %kr0 = tensor.extract_slice %k[0, 0, 0] [6, 7, 8] [1, 1, 1] : !Q to !H
  %kr1 = tensor.extract_slice %k[0, 0, 8] [6, 7, 8] [1, 1, 1] : !Q to !H
  %krn = linalg.negf ins(%kr1 : !H) outs(%zh : !H) -> !H
  %krr = tensor.concat dim(2) %krn, %kr0 : (!H, !H) -> !Q
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
