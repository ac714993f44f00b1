// RUN: gqa-opt %s --gqa-raise --remarks-filter-missed=gqa-raise -verify-diagnostics | FileCheck %s
// RUN: gqa-opt %s --gqa-simplify=report=- -o /dev/null | FileCheck %s --check-prefix=JSON

// CHECK-NOT: gqa.attention
// A guard that zeroes rows by something other than these scores, and probabilities that are changed.
#id = affine_map<(h, i, j) -> (h, i, j)>
!Q = tensor<6x7x16xf32>
!K = tensor<6x16x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!R = tensor<6x7xf32>

// JSON: "function": "guard_on_others"
// JSON: "reason": "the guard against empty rows looks at something other than the scores
// JSON: "status": "declined"
func.func @guard_on_others(%q: !Q, %k: !K, %v: !V, %other: !S) -> !Q {
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
  // expected-remark @below {{the guard against empty rows looks at something other than the scores}}
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %infs = arith.constant dense<0xFF800000> : !S
  %alive = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%other, %infs : !S, !S) outs(%bs : tensor<6x7x9xi1>) {
  ^bb0(%a: f32, %b: f32, %x: i1):
    %true = arith.constant true
    %hidden = arith.cmpf oeq, %a, %b : f32
    %y = arith.xori %hidden, %true : i1
    linalg.yield %y : i1
  } -> tensor<6x7x9xi1>
  %any = linalg.reduce { arith.ori } ins(%alive : tensor<6x7x9xi1>) outs(%no : tensor<6x7xi1>) dimensions = [2]
  %anyb = linalg.broadcast ins(%any : tensor<6x7xi1>) outs(%bs : tensor<6x7x9xi1>) dimensions = [2]
  %safe = linalg.select ins(%anyb, %w, %zs : tensor<6x7x9xi1>, !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%safe, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// JSON: "function": "dropout"
// JSON: "reason": "no product of the probabilities with V was found
// JSON: "status": "declined"
func.func @dropout(%q: !Q, %k: !K, %v: !V, %keep: !S) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  // expected-remark @below {{no product of the probabilities with V was found}}
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %dropped = linalg.mul ins(%w, %keep : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%dropped, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// JSON: "function": "fewer_keys"
// JSON: "reason": "the softmax does not run over the keys that the product with V contracts
// JSON: "status": "declined"
func.func @fewer_keys(%q: !Q, %k: !K, %v: !V, %v5: tensor<6x5x16xf32>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  // expected-remark @below {{the softmax does not run over the keys that the product with V contracts}}
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %part = tensor.extract_slice %w[0, 0, 0] [6, 7, 5] [1, 1, 1] : !S to tensor<6x7x5xf32>
  %o = linalg.batch_matmul ins(%part, %v5 : tensor<6x7x5xf32>, tensor<6x5x16xf32>) outs(%zo : !Q) -> !Q
  return %o : !Q
}
