// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// cap * tanh(s / cap): what multiplies the scores inside is the scale, times the cap.
!Q = tensor<6x7x16xf32>
!K = tensor<6x16x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!R = tensor<6x7xf32>

// CHECK-LABEL: @softcap
// CHECK: gqa.attention {{.*}} scale(5.000000e-01) softcap(3.000000e+01)
func.func @softcap(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %scc = arith.constant dense<0.5> : !S
  %sc = linalg.mul ins(%qk, %scc : !S, !S) outs(%scc : !S) -> !S
  %inc = arith.constant dense<30.0> : !S
  %in = linalg.div ins(%sc, %inc : !S, !S) outs(%inc : !S) -> !S
  %th = linalg.tanh ins(%in : !S) outs(%zs : !S) -> !S
  %tc = arith.constant dense<30.0> : !S
  %t = linalg.mul ins(%th, %tc : !S, !S) outs(%tc : !S) -> !S
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

// 50 tanh(s / 4) is 50 tanh(12.5 s / 50).
// CHECK-LABEL: @another_factor
// CHECK: gqa.attention {{.*}} scale(1.250000e+01) softcap(5.000000e+01)
func.func @another_factor(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %inc = arith.constant dense<4.0> : !S
  %in = linalg.div ins(%qk, %inc : !S, !S) outs(%inc : !S) -> !S
  %th = linalg.tanh ins(%in : !S) outs(%zs : !S) -> !S
  %tc = arith.constant dense<50.0> : !S
  %t = linalg.mul ins(%th, %tc : !S, !S) outs(%tc : !S) -> !S
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
