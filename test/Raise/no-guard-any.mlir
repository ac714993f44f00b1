// RUN: gqa-opt %s --gqa-raise --remarks-filter-missed=gqa-raise -verify-diagnostics | FileCheck %s
// RUN: gqa-opt %s --gqa-simplify=report=- -o /dev/null | FileCheck %s --check-prefix=JSON

// CHECK-NOT: gqa.attention
// Zero where some key is hidden is not zero where all are.
#id = affine_map<(h, i, j) -> (h, i, j)>
!Q = tensor<6x7x16xf32>
!K = tensor<6x16x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!R = tensor<6x7xf32>

// JSON: "function": "some_key_hidden"
// JSON: "reason": "the probabilities are set to 0 by something other than what hides keys from the softmax
// JSON: "status": "declined"
func.func @some_key_hidden(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %bs = arith.constant dense<false> : tensor<6x7x9xi1>
  %no = arith.constant dense<false> : tensor<6x7xi1>
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
  // expected-remark @below {{the probabilities are set to 0 by something other than what hides keys from the softmax}}
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %infs = arith.constant dense<0xFF800000> : !S
  %dead = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%t, %infs : !S, !S) outs(%bs : tensor<6x7x9xi1>) {
  ^bb0(%a: f32, %b: f32, %x: i1):
    %y = arith.cmpf oeq, %a, %b : f32
    linalg.yield %y : i1
  } -> tensor<6x7x9xi1>
  %all = linalg.reduce { arith.ori } ins(%dead : tensor<6x7x9xi1>) outs(%no : tensor<6x7xi1>) dimensions = [2]
  %allb = linalg.broadcast ins(%all : tensor<6x7xi1>) outs(%bs : tensor<6x7x9xi1>) dimensions = [2]
  %safe = linalg.select ins(%allb, %zs, %w : tensor<6x7x9xi1>, !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%safe, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}
