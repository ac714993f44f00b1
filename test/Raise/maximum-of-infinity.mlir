// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// JAX takes the larger of -inf and the maximum over the keys, which is that maximum: rows that the mask hides all of become the
// mean of V, as behind the maximum itself.
!Q = tensor<6x7x16xf32>
!K = tensor<6x16x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!R = tensor<6x7xf32>
#all = affine_map<(h, i, j) -> (h, i, j)>
#mask = affine_map<(h, i, j) -> (i, j)>

// CHECK-LABEL: @floor(
// CHECK: gqa.attention {{.*}} mask({{.*}}) {{.*}}dead_row(uniform)
// CHECK-NOT: math.exp
func.func @floor(%q: !Q, %k: !K, %v: !V, %seen: tensor<7x9xi1>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %fill = arith.constant -2.38197633E+38 : f32
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %s = linalg.generic {indexing_maps = [#all, #mask, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk, %seen : !S, tensor<7x9xi1>) outs(%zs : !S) {
  ^bb0(%x: f32, %m: i1, %out: f32):
    %0 = arith.select %m, %x, %fill : f32
    linalg.yield %0 : f32
  } -> !S
  %m = linalg.reduce { arith.maximumf } ins(%s : !S) outs(%low : !R) dimensions = [2]
  %f = arith.maximumf %low, %m : !R
  %mb = linalg.broadcast ins(%f : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%s, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}
