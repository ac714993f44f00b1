// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Exponentials times V are divided afterwards, and rows without a key made zero, before the result is repeated: the attention is
// what is repeated, and nothing of it is left.
#id = affine_map<(h, i, j) -> (h, i, j)>
#out = affine_map<(h, i, d) -> (h, i, d)>
#row = affine_map<(h, i, d) -> (h, i)>
!Q = tensor<6x7x16xf32>
!K = tensor<6x16x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!R = tensor<6x7xf32>
!O = tensor<12x7x16xf32>

// CHECK-LABEL: @repeated_behind_its_guard(
// CHECK-NOT: linalg.batch_matmul
// CHECK: %[[O:.*]] = gqa.attention
// CHECK-SAME: -> tensor<1x6x7x16xf32>
// CHECK: %[[C:.*]] = tensor.collapse_shape %[[O]]
// CHECK-NOT: arith.select
// CHECK: tensor.concat dim(0) %[[C]], %[[C]]
func.func @repeated_behind_its_guard(%q: !Q, %k: !K, %v: !V, %seen: tensor<6x7x9xi1>) -> !O {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %zo = arith.constant dense<0.0> : !Q
  %low = arith.constant dense<0xFF800000> : !R
  %zero = arith.constant 0.0 : f32
  %fill = arith.constant 0xFF800000 : f32
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk, %seen : !S, tensor<6x7x9xi1>) outs(%zs : !S) {
  ^bb0(%a: f32, %s: i1, %x: f32):
    %y = arith.select %s, %a, %fill : f32
    linalg.yield %y : f32
  } -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %pv = linalg.batch_matmul ins(%p, %v : !S, !V) outs(%zo : !Q) -> !Q
  %o = linalg.generic {indexing_maps = [#out, #row, #row, #out], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%pv, %l, %m : !Q, !R, !R) outs(%zo : !Q) {
  ^bb0(%a: f32, %b: f32, %max: f32, %x: f32):
    %quotient = arith.divf %a, %b : f32
    %dead = arith.cmpf oeq, %max, %fill : f32
    %y = arith.select %dead, %zero, %quotient : f32
    linalg.yield %y : f32
  } -> !Q
  %twice = tensor.concat dim(0) %o, %o : (!Q, !Q) -> !O
  return %twice : !O
}
