// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Keys that a query has chosen, one select between constants after the other: none of them is assumed away.
#row = affine_map<(h, i, j) -> (i)>
#all = affine_map<(h, i, j) -> (h, i, j)>
!Q = tensor<6x7x16xf32>
!K = tensor<6x16x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!R = tensor<6x7xf32>
!C = tensor<7xi64>

// CHECK-LABEL: @chosen(
// CHECK: gqa.attention {{.*}} score(
// CHECK-COUNT-3: arith.cmpi eq
// CHECK: gqa.yield %{{.*}}, %{{.*}} : f32, i1
func.func @chosen(%q: !Q, %k: !K, %v: !V, %x: !C, %y: !C, %z: !C) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %none = tensor.empty() : tensor<6x7x9xi1>
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %hide = arith.constant dense<0xFF800000> : !S
  %seen = linalg.generic {indexing_maps = [#row, #row, #row, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %y, %z : !C, !C, !C) outs(%none : tensor<6x7x9xi1>) {
  ^bb0(%a: i64, %b: i64, %c: i64, %out: i1):
    %true = arith.constant true
    %false = arith.constant false
    %at = linalg.index 2 : index
    %j = arith.index_cast %at : index to i64
    %isA = arith.cmpi eq, %j, %a : i64
    %isB = arith.cmpi eq, %j, %b : i64
    %isC = arith.cmpi eq, %j, %c : i64
    %one = arith.select %isA, %true, %false : i1
    %two = arith.select %isB, %true, %one : i1
    %three = arith.select %isC, %true, %two : i1
    linalg.yield %three : i1
  } -> tensor<6x7x9xi1>
  %t = linalg.select ins(%seen, %qk, %hide : tensor<6x7x9xi1>, !S, !S) outs(%zs : !S) -> !S
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
