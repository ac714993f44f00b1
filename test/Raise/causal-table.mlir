// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// A constant table that spells out a causal mask or a window is read; any other one is a bias or a mask as it stands.
!Q = tensor<6x3x16xf32>
!K = tensor<6x16x3xf32>
!V = tensor<6x3x16xf32>
!S = tensor<6x3x3xf32>
!R = tensor<6x3xf32>
!T = tensor<3x3xf32>

// CHECK-LABEL: @causal(
// CHECK: gqa.attention {{.*}} causal scale
func.func @causal(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %c = arith.constant dense<[[0., -3.4e38, -3.4e38], [0., 0., -3.4e38], [0., 0., 0.]]> : !T
  %cb = linalg.broadcast ins(%c : !T) outs(%zs : !S) dimensions = [0]
  %t = linalg.add ins(%qk, %cb : !S, !S) outs(%zs : !S) -> !S
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

// CHECK-LABEL: @diagonal(
// CHECK: gqa.attention {{.*}} causal window(0, -1) scale
func.func @diagonal(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %c = arith.constant dense<[[0., -3.4e38, -3.4e38], [-3.4e38, 0., -3.4e38], [-3.4e38, -3.4e38, 0.]]> : !T
  %cb = linalg.broadcast ins(%c : !T) outs(%zs : !S) dimensions = [0]
  %t = linalg.add ins(%qk, %cb : !S, !S) outs(%zs : !S) -> !S
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

// CHECK-LABEL: @neither(
// CHECK: gqa.attention {{.*}} bias(%{{.*}})
func.func @neither(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %c = arith.constant dense<[[0., -3.4e38, 0.], [0., 0., 0.], [0., 0., 0.]]> : !T
  %cb = linalg.broadcast ins(%c : !T) outs(%zs : !S) dimensions = [0]
  %t = linalg.add ins(%qk, %cb : !S, !S) outs(%zs : !S) -> !S
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

// Which of two fills a row would be left with, no attribute says.
// CHECK-LABEL: @two_fills(
// CHECK: gqa.attention {{.*}} bias(%{{.*}})
func.func @two_fills(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %c = arith.constant dense<[[0., 0xFF800000, -3.4e38], [0., 0., -3.4e38], [0., 0., 0.]]> : !T
  %cb = linalg.broadcast ins(%c : !T) outs(%zs : !S) dimensions = [0]
  %t = linalg.add ins(%qk, %cb : !S, !S) outs(%zs : !S) -> !S
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
