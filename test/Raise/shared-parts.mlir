// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Expressions share their parts: whoever walks them visits each part once, or never comes back from 2^60 visits.
#id = affine_map<(h, i, j) -> (h, i, j)>
!Q = tensor<6x7x16xf32>
!K = tensor<6x16x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!R = tensor<6x7xf32>

// CHECK-LABEL: @shared_parts(
// CHECK: gqa.attention {{.*}} bias(
func.func @shared_parts(%q: !Q, %k: !K, %v: !V, %bias: !S) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%bias : !S) outs(%zs : !S) {
  ^bb0(%y0: f32, %x: f32):
    %y1 = arith.addf %y0, %y0 : f32
    %y2 = arith.addf %y1, %y1 : f32
    %y3 = arith.addf %y2, %y2 : f32
    %y4 = arith.addf %y3, %y3 : f32
    %y5 = arith.addf %y4, %y4 : f32
    %y6 = arith.addf %y5, %y5 : f32
    %y7 = arith.addf %y6, %y6 : f32
    %y8 = arith.addf %y7, %y7 : f32
    %y9 = arith.addf %y8, %y8 : f32
    %y10 = arith.addf %y9, %y9 : f32
    %y11 = arith.addf %y10, %y10 : f32
    %y12 = arith.addf %y11, %y11 : f32
    %y13 = arith.addf %y12, %y12 : f32
    %y14 = arith.addf %y13, %y13 : f32
    %y15 = arith.addf %y14, %y14 : f32
    %y16 = arith.addf %y15, %y15 : f32
    %y17 = arith.addf %y16, %y16 : f32
    %y18 = arith.addf %y17, %y17 : f32
    %y19 = arith.addf %y18, %y18 : f32
    %y20 = arith.addf %y19, %y19 : f32
    %y21 = arith.addf %y20, %y20 : f32
    %y22 = arith.addf %y21, %y21 : f32
    %y23 = arith.addf %y22, %y22 : f32
    %y24 = arith.addf %y23, %y23 : f32
    %y25 = arith.addf %y24, %y24 : f32
    %y26 = arith.addf %y25, %y25 : f32
    %y27 = arith.addf %y26, %y26 : f32
    %y28 = arith.addf %y27, %y27 : f32
    %y29 = arith.addf %y28, %y28 : f32
    %y30 = arith.addf %y29, %y29 : f32
    %y31 = arith.addf %y30, %y30 : f32
    %y32 = arith.addf %y31, %y31 : f32
    %y33 = arith.addf %y32, %y32 : f32
    %y34 = arith.addf %y33, %y33 : f32
    %y35 = arith.addf %y34, %y34 : f32
    %y36 = arith.addf %y35, %y35 : f32
    %y37 = arith.addf %y36, %y36 : f32
    %y38 = arith.addf %y37, %y37 : f32
    %y39 = arith.addf %y38, %y38 : f32
    %y40 = arith.addf %y39, %y39 : f32
    %y41 = arith.addf %y40, %y40 : f32
    %y42 = arith.addf %y41, %y41 : f32
    %y43 = arith.addf %y42, %y42 : f32
    %y44 = arith.addf %y43, %y43 : f32
    %y45 = arith.addf %y44, %y44 : f32
    %y46 = arith.addf %y45, %y45 : f32
    %y47 = arith.addf %y46, %y46 : f32
    %y48 = arith.addf %y47, %y47 : f32
    %y49 = arith.addf %y48, %y48 : f32
    %y50 = arith.addf %y49, %y49 : f32
    %y51 = arith.addf %y50, %y50 : f32
    %y52 = arith.addf %y51, %y51 : f32
    %y53 = arith.addf %y52, %y52 : f32
    %y54 = arith.addf %y53, %y53 : f32
    %y55 = arith.addf %y54, %y54 : f32
    %y56 = arith.addf %y55, %y55 : f32
    %y57 = arith.addf %y56, %y56 : f32
    %y58 = arith.addf %y57, %y57 : f32
    %y59 = arith.addf %y58, %y58 : f32
    linalg.yield %y59 : f32
  } -> !S
  %u = linalg.add ins(%t, %qk : !S, !S) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%u : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%u, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}
