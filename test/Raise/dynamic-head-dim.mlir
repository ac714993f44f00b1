// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// The usual scale goes without saying only where the head dimension is known.
!Q = tensor<6x7x?xf32>
!K = tensor<6x?x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!R = tensor<6x7xf32>
!O = tensor<6x7x16xf32>

// CHECK-LABEL: @dynamic_head_dim(
// CHECK: gqa.attention {{.*}} scale(1.250000e-01)
func.func @dynamic_head_dim(%q: !Q, %k: !K, %v: !V) -> !O {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !O
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %tc = arith.constant dense<0.125> : !S
  %t = linalg.mul ins(%qk, %tc : !S, !S) outs(%tc : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%t : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%t, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !O) -> !O
  return %o : !O
}
