// RUN: gqa-opt %s --gqa-raise | FileCheck %s

// A maximum and a sum that run along from one block of keys to the next: an attention over all of them, found by what numbers
// the graph makes.
!Q = tensor<6x7x16xf32>
!K = tensor<6x12x16xf32>
!B = tensor<6x6x16xf32>
!T = tensor<6x16x6xf32>
!S = tensor<6x7x6xf32>
!R = tensor<6x7xf32>

// Its sum's logarithm is a result.
// CHECK-LABEL: @two_blocks(
// CHECK-SAME: %[[Q:.*]]: tensor<6x7x16xf32>, %[[K:.*]]: tensor<6x12x16xf32>, %[[V:.*]]: tensor<6x12x16xf32>)
// CHECK: %[[O:.*]], %[[LSE:.*]] = gqa.attention {{.*}} -> (tensor<1x6x7x16xf32>, tensor<1x6x7xf32>)
// CHECK-NOT: math.exp
// CHECK: return
func.func @two_blocks(%q: !Q, %k: !K, %v: !K) -> (!Q, !R) {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %zt = arith.constant dense<0.0> : !T
  %k0 = tensor.extract_slice %k[0, 0, 0] [6, 6, 16] [1, 1, 1] : !K to !B
  %v0 = tensor.extract_slice %v[0, 0, 0] [6, 6, 16] [1, 1, 1] : !K to !B
  %t0 = linalg.transpose ins(%k0 : !B) outs(%zt : !T) permutation = [0, 2, 1]
  %s0 = linalg.batch_matmul ins(%q, %t0 : !Q, !T) outs(%zs : !S) -> !S
  %h0 = linalg.reduce { arith.maximumf } ins(%s0 : !S) outs(%low : !R) dimensions = [2]
  %mb0 = linalg.broadcast ins(%h0 : !R) outs(%zs : !S) dimensions = [2]
  %d0 = linalg.sub ins(%s0, %mb0 : !S, !S) outs(%zs : !S) -> !S
  %p0 = linalg.exp ins(%d0 : !S) outs(%zs : !S) -> !S
  %l0 = linalg.reduce { arith.addf } ins(%p0 : !S) outs(%zr : !R) dimensions = [2]
  %o0 = linalg.batch_matmul ins(%p0, %v0 : !S, !B) outs(%zo : !Q) -> !Q
  %k1 = tensor.extract_slice %k[0, 6, 0] [6, 6, 16] [1, 1, 1] : !K to !B
  %v1 = tensor.extract_slice %v[0, 6, 0] [6, 6, 16] [1, 1, 1] : !K to !B
  %t1 = linalg.transpose ins(%k1 : !B) outs(%zt : !T) permutation = [0, 2, 1]
  %s1 = linalg.batch_matmul ins(%q, %t1 : !Q, !T) outs(%zs : !S) -> !S
  %h1 = linalg.reduce { arith.maximumf } ins(%s1 : !S) outs(%low : !R) dimensions = [2]
  %m = linalg.max ins(%h0, %h1 : !R, !R) outs(%zr : !R) -> !R
  %mb1 = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d1 = linalg.sub ins(%s1, %mb1 : !S, !S) outs(%zs : !S) -> !S
  %p1 = linalg.exp ins(%d1 : !S) outs(%zs : !S) -> !S
  %l1 = linalg.reduce { arith.addf } ins(%p1 : !S) outs(%zr : !R) dimensions = [2]
  %o1 = linalg.batch_matmul ins(%p1, %v1 : !S, !B) outs(%zo : !Q) -> !Q
  %c = linalg.sub ins(%h0, %m : !R, !R) outs(%zr : !R) -> !R
  %a = linalg.exp ins(%c : !R) outs(%zr : !R) -> !R
  %ab = linalg.broadcast ins(%a : !R) outs(%zo : !Q) dimensions = [2]
  %l2 = linalg.mul ins(%l0, %a : !R, !R) outs(%zr : !R) -> !R
  %l = linalg.add ins(%l2, %l1 : !R, !R) outs(%zr : !R) -> !R
  %o2 = linalg.mul ins(%o0, %ab : !Q, !Q) outs(%zo : !Q) -> !Q
  %o3 = linalg.add ins(%o2, %o1 : !Q, !Q) outs(%zo : !Q) -> !Q
  %lb = linalg.broadcast ins(%l : !R) outs(%zo : !Q) dimensions = [2]
  %o = linalg.div ins(%o3, %lb : !Q, !Q) outs(%zo : !Q) -> !Q
  %g = linalg.log ins(%l : !R) outs(%zr : !R) -> !R
  %lse = linalg.add ins(%m, %g : !R, !R) outs(%zr : !R) -> !R
  return %o, %lse : !Q, !R
}

// The first block's output is not brought down to the new maximum.
// CHECK-LABEL: @not_shrunk(
// CHECK-NOT: gqa.attention
// CHECK: return
func.func @not_shrunk(%q: !Q, %k: !K, %v: !K) -> !Q {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %zt = arith.constant dense<0.0> : !T
  %k0 = tensor.extract_slice %k[0, 0, 0] [6, 6, 16] [1, 1, 1] : !K to !B
  %v0 = tensor.extract_slice %v[0, 0, 0] [6, 6, 16] [1, 1, 1] : !K to !B
  %t0 = linalg.transpose ins(%k0 : !B) outs(%zt : !T) permutation = [0, 2, 1]
  %s0 = linalg.batch_matmul ins(%q, %t0 : !Q, !T) outs(%zs : !S) -> !S
  %h0 = linalg.reduce { arith.maximumf } ins(%s0 : !S) outs(%low : !R) dimensions = [2]
  %mb0 = linalg.broadcast ins(%h0 : !R) outs(%zs : !S) dimensions = [2]
  %d0 = linalg.sub ins(%s0, %mb0 : !S, !S) outs(%zs : !S) -> !S
  %p0 = linalg.exp ins(%d0 : !S) outs(%zs : !S) -> !S
  %l0 = linalg.reduce { arith.addf } ins(%p0 : !S) outs(%zr : !R) dimensions = [2]
  %o0 = linalg.batch_matmul ins(%p0, %v0 : !S, !B) outs(%zo : !Q) -> !Q
  %k1 = tensor.extract_slice %k[0, 6, 0] [6, 6, 16] [1, 1, 1] : !K to !B
  %v1 = tensor.extract_slice %v[0, 6, 0] [6, 6, 16] [1, 1, 1] : !K to !B
  %t1 = linalg.transpose ins(%k1 : !B) outs(%zt : !T) permutation = [0, 2, 1]
  %s1 = linalg.batch_matmul ins(%q, %t1 : !Q, !T) outs(%zs : !S) -> !S
  %h1 = linalg.reduce { arith.maximumf } ins(%s1 : !S) outs(%low : !R) dimensions = [2]
  %m = linalg.max ins(%h0, %h1 : !R, !R) outs(%zr : !R) -> !R
  %mb1 = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d1 = linalg.sub ins(%s1, %mb1 : !S, !S) outs(%zs : !S) -> !S
  %p1 = linalg.exp ins(%d1 : !S) outs(%zs : !S) -> !S
  %l1 = linalg.reduce { arith.addf } ins(%p1 : !S) outs(%zr : !R) dimensions = [2]
  %o1 = linalg.batch_matmul ins(%p1, %v1 : !S, !B) outs(%zo : !Q) -> !Q
  %c = linalg.sub ins(%h0, %m : !R, !R) outs(%zr : !R) -> !R
  %a = linalg.exp ins(%c : !R) outs(%zr : !R) -> !R
  %ab = linalg.broadcast ins(%a : !R) outs(%zo : !Q) dimensions = [2]
  %l2 = linalg.mul ins(%l0, %a : !R, !R) outs(%zr : !R) -> !R
  %l = linalg.add ins(%l2, %l1 : !R, !R) outs(%zr : !R) -> !R
  %o2 = linalg.mul ins(%o0, %ab : !Q, !Q) outs(%zo : !Q) -> !Q
  %o3 = linalg.add ins(%o0, %o1 : !Q, !Q) outs(%zo : !Q) -> !Q
  %lb = linalg.broadcast ins(%l : !R) outs(%zo : !Q) dimensions = [2]
  %o = linalg.div ins(%o3, %lb : !Q, !Q) outs(%zo : !Q) -> !Q
  return %o : !Q
}

// The maximum is no logarithm of a sum; what is computed of it stays.
// CHECK-LABEL: @maximum_returned(
// CHECK: gqa.attention {{.*}} -> tensor<1x6x7x16xf32>
// CHECK: return
func.func @maximum_returned(%q: !Q, %k: !K, %v: !K) -> (!Q, !R) {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : !Q
  %zt = arith.constant dense<0.0> : !T
  %k0 = tensor.extract_slice %k[0, 0, 0] [6, 6, 16] [1, 1, 1] : !K to !B
  %v0 = tensor.extract_slice %v[0, 0, 0] [6, 6, 16] [1, 1, 1] : !K to !B
  %t0 = linalg.transpose ins(%k0 : !B) outs(%zt : !T) permutation = [0, 2, 1]
  %s0 = linalg.batch_matmul ins(%q, %t0 : !Q, !T) outs(%zs : !S) -> !S
  %h0 = linalg.reduce { arith.maximumf } ins(%s0 : !S) outs(%low : !R) dimensions = [2]
  %mb0 = linalg.broadcast ins(%h0 : !R) outs(%zs : !S) dimensions = [2]
  %d0 = linalg.sub ins(%s0, %mb0 : !S, !S) outs(%zs : !S) -> !S
  %p0 = linalg.exp ins(%d0 : !S) outs(%zs : !S) -> !S
  %l0 = linalg.reduce { arith.addf } ins(%p0 : !S) outs(%zr : !R) dimensions = [2]
  %o0 = linalg.batch_matmul ins(%p0, %v0 : !S, !B) outs(%zo : !Q) -> !Q
  %k1 = tensor.extract_slice %k[0, 6, 0] [6, 6, 16] [1, 1, 1] : !K to !B
  %v1 = tensor.extract_slice %v[0, 6, 0] [6, 6, 16] [1, 1, 1] : !K to !B
  %t1 = linalg.transpose ins(%k1 : !B) outs(%zt : !T) permutation = [0, 2, 1]
  %s1 = linalg.batch_matmul ins(%q, %t1 : !Q, !T) outs(%zs : !S) -> !S
  %h1 = linalg.reduce { arith.maximumf } ins(%s1 : !S) outs(%low : !R) dimensions = [2]
  %m = linalg.max ins(%h0, %h1 : !R, !R) outs(%zr : !R) -> !R
  %mb1 = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d1 = linalg.sub ins(%s1, %mb1 : !S, !S) outs(%zs : !S) -> !S
  %p1 = linalg.exp ins(%d1 : !S) outs(%zs : !S) -> !S
  %l1 = linalg.reduce { arith.addf } ins(%p1 : !S) outs(%zr : !R) dimensions = [2]
  %o1 = linalg.batch_matmul ins(%p1, %v1 : !S, !B) outs(%zo : !Q) -> !Q
  %c = linalg.sub ins(%h0, %m : !R, !R) outs(%zr : !R) -> !R
  %a = linalg.exp ins(%c : !R) outs(%zr : !R) -> !R
  %ab = linalg.broadcast ins(%a : !R) outs(%zo : !Q) dimensions = [2]
  %l2 = linalg.mul ins(%l0, %a : !R, !R) outs(%zr : !R) -> !R
  %l = linalg.add ins(%l2, %l1 : !R, !R) outs(%zr : !R) -> !R
  %o2 = linalg.mul ins(%o0, %ab : !Q, !Q) outs(%zo : !Q) -> !Q
  %o3 = linalg.add ins(%o2, %o1 : !Q, !Q) outs(%zo : !Q) -> !Q
  %lb = linalg.broadcast ins(%l : !R) outs(%zo : !Q) dimensions = [2]
  %o = linalg.div ins(%o3, %lb : !Q, !Q) outs(%zo : !Q) -> !Q
  return %o, %m : !Q, !R
}
