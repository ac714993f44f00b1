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

// JAX takes the logarithm of the magnitude of the sum, which is no less than 0, and adds the maximum to it.
// CHECK-LABEL: @logarithm_of_magnitude(
// CHECK: gqa.attention {{.*}} scale(1.000000e+00)
// CHECK-NOT: math.log
func.func @logarithm_of_magnitude(%q: !Q, %k: !K, %v: !V) -> !Q {
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
  %a = linalg.abs ins(%l : !R) outs(%zr : !R) -> !R
  %g = linalg.log ins(%a : !R) outs(%zr : !R) -> !R
  %lse = linalg.add ins(%g, %m : !R, !R) outs(%zr : !R) -> !R
  %gb = linalg.broadcast ins(%lse : !R) outs(%zs : !S) dimensions = [2]
  %n = linalg.sub ins(%qk, %gb : !S, !S) outs(%zs : !S) -> !S
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

// Keys in two loops, everywhere: blocks of three.
!K2 = tensor<6x16x3x3xf32>
!V2 = tensor<6x3x3x16xf32>
!S2 = tensor<6x7x3x3xf32>
#q2 = affine_map<(h, i, j, k, d) -> (h, i, d)>
#k2 = affine_map<(h, i, j, k, d) -> (h, d, j, k)>
#s2 = affine_map<(h, i, j, k, d) -> (h, i, j, k)>
#w2 = affine_map<(h, i, d, j, k) -> (h, i, j, k)>
#v2 = affine_map<(h, i, d, j, k) -> (h, j, k, d)>
#o2 = affine_map<(h, i, d, j, k) -> (h, i, d)>

// CHECK-LABEL: @keys_in_two_loops(
// CHECK: gqa.attention {{.*}} scale(1.000000e+00)
// CHECK-NOT: linalg
func.func @keys_in_two_loops(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S2
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %kb = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [6, 16, 3, 3] : !K into !K2
  %vb = tensor.expand_shape %v [[0], [1, 2], [3]] output_shape [6, 3, 3, 16] : !V into !V2
  %qk = linalg.contract indexing_maps = [#q2, #k2, #s2] ins(%q, %kb : !Q, !K2) outs(%zs : !S2) -> !S2
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S2) outs(%low : !R) dimensions = [2, 3]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S2) dimensions = [2, 3]
  %d = linalg.sub ins(%qk, %mb : !S2, !S2) outs(%zs : !S2) -> !S2
  %p = linalg.exp ins(%d : !S2) outs(%zs : !S2) -> !S2
  %l = linalg.reduce { arith.addf } ins(%p : !S2) outs(%zr : !R) dimensions = [2, 3]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S2) dimensions = [2, 3]
  %w = linalg.div ins(%p, %lb : !S2, !S2) outs(%zs : !S2) -> !S2
  %o = linalg.contract indexing_maps = [#w2, #v2, #o2] ins(%w, %vb : !S2, !V2) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// The sum in f64.
// CHECK-LABEL: @sum_in_f64(
// CHECK: gqa.attention {{.*}} scale(1.000000e+00)
// CHECK-NOT: math.log
func.func @sum_in_f64(%q: !Q, %k: !K, %v: !V) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : tensor<6x7xf64>
  %zo = arith.constant dense<0.0> : !Q
  %qk = linalg.batch_matmul ins(%q, %k : !Q, !K) outs(%zs : !S) -> !S
  %wide = arith.extf %qk : !S to tensor<6x7x9xf64>
  %e = math.exp %wide : tensor<6x7x9xf64>
  %l = linalg.reduce { arith.addf } ins(%e : tensor<6x7x9xf64>) outs(%zr : tensor<6x7xf64>) dimensions = [2]
  %log = math.log %l : tensor<6x7xf64>
  %narrow = arith.truncf %log : tensor<6x7xf64> to !R
  %lb = linalg.broadcast ins(%narrow : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %lb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%p, %v : !S, !V) outs(%zo : !Q) -> !Q
  return %o : !Q
}
