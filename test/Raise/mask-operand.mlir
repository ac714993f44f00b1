// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// What is neither causal nor a window stays an operand: i1 for what is seen, or numbers that are added.
#id = affine_map<(h, i, j) -> (h, i, j)>
!Q = tensor<6x7x16xf32>
!K = tensor<6x16x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!R = tensor<6x7xf32>

// CHECK-LABEL: @keys(
// CHECK-SAME: %[[MASK:[^:]*]]: tensor<9xi1>
// CHECK: %[[M:.*]] = tensor.expand_shape %[[MASK]] {{.*}} into tensor<1x1x1x9xi1>
// CHECK: gqa.attention {{.*}} mask(%[[M]]) dead_row(nan)
func.func @keys(%q: !Q, %k: !K, %v: !V, %mask: tensor<9xi1>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %zb = arith.constant dense<false> : tensor<6x7x9xi1>
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %hide = arith.constant dense<0xFF800000> : !S
  %mb0 = linalg.broadcast ins(%mask : tensor<9xi1>) outs(%zb : tensor<6x7x9xi1>) dimensions = [0, 1]
  %t = linalg.select ins(%mb0, %qk, %hide : tensor<6x7x9xi1>, !S, !S) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @bias(
// CHECK-SAME: %[[BIAS:[^:]*]]: tensor<7x9xf32>
// CHECK: %[[B:.*]] = tensor.expand_shape %[[BIAS]] {{.*}} into tensor<1x1x7x9xf32>
// CHECK: gqa.attention {{.*}} bias(%[[B]]) dead_row(nan)
func.func @bias(%q: !Q, %k: !K, %v: !V, %bias: tensor<7x9xf32>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %bb = linalg.broadcast ins(%bias : tensor<7x9xf32>) outs(%zs : !S) dimensions = [0]
  %t = linalg.add ins(%qk, %bb : !S, !S) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @both(
// CHECK: gqa.attention {{.*}} causal offset(0) {{.*}}bias(%{{.*}})
func.func @both(%q: !Q, %k: !K, %v: !V, %bias: tensor<7x9xf32>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %bb = linalg.broadcast ins(%bias : tensor<7x9xf32>) outs(%zs : !S) dimensions = [0]
  %u = linalg.add ins(%qk, %bb : !S, !S) outs(%zs : !S) -> !S
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%u : !S) outs(%zs : !S) {
  ^bb0(%a: f32, %x: f32):
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %seen = arith.cmpi sle, %j, %i : index
    %fill = arith.constant 0xFF800000 : f32
    %y = arith.select %seen, %a, %fill : f32
    linalg.yield %y : f32
  } -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}
