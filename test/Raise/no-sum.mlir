// RUN: gqa-opt %s --gqa-raise --remarks-filter-missed=gqa-raise -verify-diagnostics | FileCheck %s
// RUN: gqa-opt %s --gqa-simplify=report=- -o /dev/null | FileCheck %s --check-prefix=JSON

// CHECK-NOT: gqa.attention
// Sums that are not those of one row of exponentials and nothing else.
#id = affine_map<(h, i, j) -> (h, i, j)>
!Q = tensor<6x7x16xf32>
!K = tensor<6x16x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!R = tensor<6x7xf32>
!F = tensor<6x7x9x4xf32>

// JSON: "function": "over_keys_four_times"
// JSON: "reason": "the softmax does not run over the keys that the product with V contracts
// JSON: "status": "declined"
func.func @over_keys_four_times(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %zf = arith.constant dense<0.0> : !F
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  // expected-remark @below {{the softmax does not run over the keys that the product with V contracts}}
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %pb = linalg.broadcast ins(%p : !S) outs(%zf : !F) dimensions = [3]
  %l = linalg.reduce { arith.addf } ins(%pb : !F) outs(%zr : !R) dimensions = [2, 3]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// JSON: "function": "one_more"
// JSON: "reason": "the softmax does not run over the keys that the product with V contracts
// JSON: "status": "declined"
// 1 + sum: a softmax that may look at nothing.
func.func @one_more(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %ones = arith.constant dense<1.0> : !R
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  // expected-remark @below {{the softmax does not run over the keys that the product with V contracts}}
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%ones : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// JSON: "function": "of_some_keys"
// JSON: "reason": "the exponentials are not divided by their sum over the keys that the product with V contracts
// JSON: "status": "declined"
// Keys that the sum leaves out and the product with V does not.
func.func @of_some_keys(%q: !Q, %k: !K, %v: !V, %some: !S) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  // expected-remark @below {{the exponentials are not divided by their sum over the keys that the product with V contracts}}
  %p = linalg.exp ins(%qk : !S) outs(%zs : !S) -> !S
  %ps = linalg.mul ins(%p, %some : !S, !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%ps : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}
