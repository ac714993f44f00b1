// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// What rows without a visible key become follows from the fill and from the guard.
#id = affine_map<(h, i, j) -> (h, i, j)>
!Q = tensor<6x7x16xf32>
!K = tensor<6x16x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!R = tensor<6x7xf32>

// CHECK-LABEL: @infinite(
// CHECK: gqa.attention {{.*}} dead_row(nan)
func.func @infinite(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk : !S) outs(%zs : !S) {
  ^bb0(%a: f32, %x: f32):
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %c = arith.constant 2 : index
    %n = arith.addi %j, %c : index
    %seen = arith.cmpi sle, %n, %i : index
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

// CHECK-LABEL: @finite(
// CHECK: gqa.attention {{.*}} dead_row(uniform)
func.func @finite(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk : !S) outs(%zs : !S) {
  ^bb0(%a: f32, %x: f32):
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %c = arith.constant 2 : index
    %n = arith.addi %j, %c : index
    %seen = arith.cmpi sle, %n, %i : index
    %fill = arith.constant -3.4e38 : f32
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

// CHECK-LABEL: @nan_to_zero(
// CHECK-NOT: dead_row(
// CHECK: gqa.attention
// CHECK-NOT: dead_row(
func.func @nan_to_zero(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%qk : !S) outs(%zs : !S) {
  ^bb0(%a: f32, %x: f32):
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %c = arith.constant 2 : index
    %n = arith.addi %j, %c : index
    %seen = arith.cmpi sle, %n, %i : index
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
  %isnan = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%w : !S) outs(%zs : !S) {
  ^bb0(%a: f32, %x: f32):
    %zero = arith.constant 0.0 : f32
    %n = arith.cmpf uno, %a, %a : f32
    %y = arith.select %n, %zero, %a : f32
    linalg.yield %y : f32
  } -> !S
  %o = linalg.batch_matmul ins(%isnan, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}
