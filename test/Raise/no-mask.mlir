// RUN: gqa-opt %s --gqa-raise --remarks-filter-missed=gqa-raise -verify-diagnostics | FileCheck %s
// RUN: gqa-opt %s --gqa-simplify=report=- -o /dev/null | FileCheck %s --check-prefix=JSON

// CHECK-NOT: gqa.attention
// A fill hides a key if its probability becomes exactly 0, and nothing changes it afterwards.
!Q = tensor<6x7x16xf32>
!K = tensor<6x16x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!R = tensor<6x7xf32>

// JSON: "function": "small_fill"
// JSON: "reason": "a mask that fills with -10000,
// JSON: "status": "declined"
func.func @small_fill(%q: !Q, %k: !K, %v: !V, %seen: tensor<6x7x9xi1>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %fill = arith.constant dense<-1.0e4> : !S
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  // expected-remark @below {{a mask that fills with -10000,}}
  %t = linalg.select ins(%seen, %qk, %fill : tensor<6x7x9xi1>, !S, !S) outs(%zs : !S) -> !S
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

// JSON: "function": "positive_fill"
// JSON: "reason": "a mask that fills with 3.4e+38,
// JSON: "status": "declined"
func.func @positive_fill(%q: !Q, %k: !K, %v: !V, %seen: tensor<6x7x9xi1>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %fill = arith.constant dense<3.4e38> : !S
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  // expected-remark @below {{a mask that fills with 3.4e+38,}}
  %t = linalg.select ins(%seen, %qk, %fill : tensor<6x7x9xi1>, !S, !S) outs(%zs : !S) -> !S
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

// JSON: "function": "scaled_afterwards"
// JSON: "reason": "a mask inside of a scale or a softcap
// JSON: "status": "declined"
func.func @scaled_afterwards(%q: !Q, %k: !K, %v: !V, %seen: tensor<6x7x9xi1>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %fill = arith.constant dense<-3.4e38> : !S
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  // expected-remark @below {{a mask inside of a scale or a softcap}}
  %t = linalg.select ins(%seen, %qk, %fill : tensor<6x7x9xi1>, !S, !S) outs(%zs : !S) -> !S
  %uc = arith.constant dense<1.0e-38> : !S
  %u = linalg.mul ins(%t, %uc : !S, !S) outs(%uc : !S) -> !S
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

// JSON: "function": "capped_afterwards"
// JSON: "reason": "a mask inside of a scale or a softcap
// JSON: "status": "declined"
func.func @capped_afterwards(%q: !Q, %k: !K, %v: !V, %seen: tensor<6x7x9xi1>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %fill = arith.constant dense<0xFF800000> : !S
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  // expected-remark @below {{a mask inside of a scale or a softcap}}
  %t = linalg.select ins(%seen, %qk, %fill : tensor<6x7x9xi1>, !S, !S) outs(%zs : !S) -> !S
  %th = linalg.tanh ins(%t : !S) outs(%zs : !S) -> !S
  %uc = arith.constant dense<30.0> : !S
  %u = linalg.mul ins(%th, %uc : !S, !S) outs(%uc : !S) -> !S
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
