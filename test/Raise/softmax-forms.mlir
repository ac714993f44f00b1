// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// One softmax, written in the ways that are the same: without a maximum, with the division behind V, as logarithms, as
// one named operation, on whole tensors.
!Q = tensor<6x7x16xf32>
!K = tensor<6x16x9xf32>
!V = tensor<6x9x16xf32>
!S = tensor<6x7x9xf32>
!R = tensor<6x7xf32>

// CHECK-LABEL: @no_maximum(
// CHECK: gqa.attention {{.*}} scale(1.000000e+00)
// CHECK-NOT: math.exp
func.func @no_maximum(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%qk : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @divided_later(
// CHECK: gqa.attention {{.*}} scale(1.000000e+00)
// CHECK-NOT: linalg.div
func.func @divided_later(%q: !Q, %k: !K, %v: !V) -> !Q {
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
  %u = linalg.batch_matmul ins(%p, %v : !S, !V) outs(%zo : !Q) -> !Q
  %lb = linalg.broadcast ins(%l : !R) outs(%zo : !Q) dimensions = [2]
  %o = linalg.div ins(%u, %lb : !Q, !Q) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @logarithm(
// CHECK: gqa.attention {{.*}} scale(1.000000e+00)
// CHECK-NOT: math.log
func.func @logarithm(%q: !Q, %k: !K, %v: !V) -> !Q {
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
  %g = linalg.log ins(%l : !R) outs(%zr : !R) -> !R
  %gb = linalg.broadcast ins(%g : !R) outs(%zs : !S) dimensions = [2]
  %n = linalg.sub ins(%d, %gb : !S, !S) outs(%zs : !S) -> !S
  %w = linalg.exp ins(%n : !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @named(
// CHECK: gqa.attention {{.*}} scale(1.000000e+00)
func.func @named(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %w = linalg.softmax dimension(2) ins(%qk : !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// CHECK-LABEL: @whole_tensors(
// CHECK: gqa.attention {{.*}} scale(1.000000e+00)
func.func @whole_tensors(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = arith.subf %qk, %mb : !S
  %p = math.exp %d : !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = arith.divf %p, %lb : !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// The key is not seen if the mask says so: the operand says the opposite.
// CHECK-LABEL: @true_hides(
// CHECK: arith.xori
// CHECK: gqa.attention {{.*}} mask(
func.func @true_hides(%q: !Q, %k: !K, %v: !V, %hidden: tensor<6x7x9xi1>) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zo = arith.constant dense<0.0> : !Q
  %fill = arith.constant dense<0xFF800000> : !S
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %t = linalg.select ins(%hidden, %fill, %qk : tensor<6x7x9xi1>, !S, !S) outs(%zs : !S) -> !S
  %w = linalg.softmax dimension(2) ins(%t : !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}
