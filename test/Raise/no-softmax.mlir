// RUN: gqa-opt %s --gqa-raise --remarks-filter-missed=gqa-raise -verify-diagnostics | FileCheck %s
// RUN: gqa-opt %s --gqa-simplify=report=- -o /dev/null | FileCheck %s --check-prefix=JSON

// CHECK-NOT: gqa.attention
// A softmax over anything but the keys, or that is none.
!Q = tensor<6x7x16xf32>
!K = tensor<6x16x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!R = tensor<6x7xf32>
!C = tensor<6x9xf32>

// JSON: "function": "over_queries"
// JSON: "reason": "the softmax does not run over the keys that the product with V contracts
// JSON: "status": "declined"
func.func @over_queries(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %lowc = arith.constant dense<0xFF800000> : !C
  %zc = arith.constant dense<0.0> : !C
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%lowc : !C) dimensions = [1]
  %mb = linalg.broadcast ins(%m : !C) outs(%zs : !S) dimensions = [1]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  // expected-remark @below {{the softmax does not run over the keys that the product with V contracts}}
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zc : !C) dimensions = [1]
  %lb = linalg.broadcast ins(%l : !C) outs(%zs : !S) dimensions = [1]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// JSON: "function": "sum_of_scores"
// JSON: "reason": "the softmax does not run over the keys that the product with V contracts
// JSON: "status": "declined"
func.func @sum_of_scores(%q: !Q, %k: !K, %v: !V) -> !Q {
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
  %l = linalg.reduce { arith.addf } ins(%qk : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// JSON: "function": "sum_repeats_one_key"
// JSON: "reason": "the softmax does not run over the keys that the product with V contracts
// JSON: "status": "declined"
// Nine times the same number: its diagonal is the exponential, its sum is not the denominator.
func.func @sum_repeats_one_key(%q: !Q, %k: !K, %v: !V) -> !Q {
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
  %n = arith.constant dense<0.0> : tensor<6x7x9x9xf32>
  %pb = linalg.broadcast ins(%p : !S) outs(%n : tensor<6x7x9x9xf32>) dimensions = [2]
  %l = linalg.reduce { arith.addf } ins(%pb : tensor<6x7x9x9xf32>) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %l : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}
