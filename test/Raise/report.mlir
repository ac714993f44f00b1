// RUN: gqa-opt %s --gqa-simplify=report=- -o /dev/null | FileCheck %s
// RUN: gqa-opt %s --gqa-simplify=report=%t.json | FileCheck %s --check-prefix=CLEAN
// RUN: FileCheck %s < %t.json
// RUN: not gqa-opt %s --gqa-simplify=report=%t.missing/report.json 2>&1 | FileCheck %s --check-prefix=UNWRITABLE
// RUN: not gqa-opt %s --gqa-simplify="report=/dev/full" -o %t.mlir 2>&1 | FileCheck %s --check-prefix=FULL

// An object for each softmax, in program order; the findings leave the module with the report.
// CLEAN-NOT: gqa.candidate
// UNWRITABLE: cannot write the report to '{{.*}}report.json'
// FULL: cannot write the report to '/dev/full': No space left on device

!Q = tensor<6x7x16xf32>
!K = tensor<6x16x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!R = tensor<6x7xf32>

// CHECK:      [
// CHECK-NEXT:   {
// CHECK-NEXT:     "function": "declined",
// CHECK-NEXT:     "location": "loc({{.*}}report.mlir\":[[# @LINE + 12]]:8)",
// CHECK-NEXT:     "reason": "the scores are not a product of q and k",
// CHECK-NEXT:     "status": "declined"
// CHECK-NEXT:   },
func.func @declined(%s: !S, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %m = linalg.reduce { arith.maximumf } ins(%s : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%s, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-NEXT:   {
// CHECK-NEXT:     "cache": "none",
// CHECK-NEXT:     "causal": false,
// CHECK-NEXT:     "dead_row": "nan",
// CHECK-NEXT:     "function": "raised",
// CHECK-NEXT:     "head_dim": 16,
// CHECK-NEXT:     "head_map": "h",
// CHECK-NEXT:     "kv_heads": 6,
// CHECK-NEXT:     "location": "loc({{.*}}report.mlir\":[[# @LINE + 22]]:8)",
// CHECK-NEXT:     "q_heads": 6,
// CHECK-NEXT:     "rotary": "none",
// CHECK-NEXT:     "rotary_dim": 0,
// CHECK-NEXT:     "scale": 1,
// CHECK-NEXT:     "score": null,
// CHECK-NEXT:     "sinks": false,
// CHECK-NEXT:     "softcap": null,
// CHECK-NEXT:     "status": "raised",
// CHECK-NEXT:     "v_head_dim": 16,
// CHECK-NEXT:     "window": null
// CHECK-NEXT:   }
// CHECK-NEXT: ]
func.func @raised(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}
