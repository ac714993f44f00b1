// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Cached tokens followed by new ones are an append; what is rotated is the new part.
!S = tensor<2x6x7x12xf32>
!R = tensor<2x6x7xf32>
!N = tensor<2x6x7x16xf32>
!H = tensor<2x6x7x8xf32>
!K = tensor<2x6x12x16xf32>
#s = affine_map<(b, h, i, j, d) -> (b, h, i, j)>

// CHECK-LABEL: @append(
// CHECK: %[[ROTATED:.*]] = gqa.rotary %arg3, {{.*}} half
// CHECK: %[[K:.*]] = gqa.append_kv %arg1, %[[ROTATED]]
// CHECK: %[[V:.*]] = gqa.append_kv %arg2, %arg4
// CHECK: gqa.attention %arg0, %[[K]], %[[V]]
func.func @append(%q: !N, %kc: tensor<2x6x5x16xf32>, %vc: tensor<2x6x5x16xf32>, %k: !N, %v: !N, %cos: tensor<7x8xf32>, %sin: tensor<7x8xf32>) -> !N {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !N
  %zh = arith.constant dense<0.0> : !H
  %cosb = linalg.broadcast ins(%cos : tensor<7x8xf32>) outs(%zh : !H) dimensions = [0, 1]
  %sinb = linalg.broadcast ins(%sin : tensor<7x8xf32>) outs(%zh : !H) dimensions = [0, 1]
  %x0 = tensor.extract_slice %k[0, 0, 0, 0] [2, 6, 7, 8] [1, 1, 1, 1] : !N to !H
  %x1 = tensor.extract_slice %k[0, 0, 0, 8] [2, 6, 7, 8] [1, 1, 1, 1] : !N to !H
  %a = linalg.mul ins(%x0, %cosb : !H, !H) outs(%zh : !H) -> !H
  %c = linalg.mul ins(%x1, %sinb : !H, !H) outs(%zh : !H) -> !H
  %e = linalg.mul ins(%x1, %cosb : !H, !H) outs(%zh : !H) -> !H
  %f = linalg.mul ins(%x0, %sinb : !H, !H) outs(%zh : !H) -> !H
  %y0 = linalg.sub ins(%a, %c : !H, !H) outs(%zh : !H) -> !H
  %y1 = linalg.add ins(%e, %f : !H, !H) outs(%zh : !H) -> !H
  %kr = tensor.concat dim(3) %y0, %y1 : (!H, !H) -> !N
  %ka = tensor.concat dim(2) %kc, %kr : (tensor<2x6x5x16xf32>, !N) -> !K
  %va = tensor.concat dim(2) %vc, %v : (tensor<2x6x5x16xf32>, !N) -> !K
  %qk = linalg.contract indexing_maps = [affine_map<(b, h, i, j, d) -> (b, h, i, d)>, affine_map<(b, h, i, j, d) -> (b, h, j, d)>, #s]
      ins(%q, %ka : !N, !K) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [3]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [3]
  %x = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%x : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [3]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [3]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.contract indexing_maps = [#s, affine_map<(b, h, i, j, d) -> (b, h, j, d)>, affine_map<(b, h, i, j, d) -> (b, h, i, d)>]
      ins(%w, %va : !S, !K) outs(%zo : !N) -> !N
  return %o : !N
}
