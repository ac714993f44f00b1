// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// Attention inside of a loop and behind a branch: operations appear where the product stood, after all they read.
!Q = tensor<6x7x16xf32>
!K = tensor<6x16x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!R = tensor<6x7xf32>

// CHECK-LABEL: @in_a_loop(
// CHECK: scf.for
// CHECK: %[[O:.*]] = gqa.attention
// CHECK: %[[C:.*]] = tensor.collapse_shape %[[O]]
// CHECK: scf.yield %[[C]]
func.func @in_a_loop(%start: !Q, %k: !K, %v: !V, %n: index) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %result = scf.for %step = %zero to %n step %one iter_args(%q = %start) -> !Q {
    %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
    %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [2]
    %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
    %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
    %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
    %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
    %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
    %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
    %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
    scf.yield %o : !Q
  }
  return %result : !Q
}

// CHECK-LABEL: @behind_a_branch(
// CHECK: ^bb{{[0-9]}}(%[[Q:.*]]: tensor<6x7x16xf32>):
// CHECK: %[[X:.*]] = tensor.expand_shape %[[Q]]
// CHECK: gqa.attention %[[X]]
func.func @behind_a_branch(%a: !Q, %b: !Q, %k: !K, %v: !V, %which: i1) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  cf.cond_br %which, ^compute(%a : !Q), ^compute(%b : !Q)
^compute(%q: !Q):
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
