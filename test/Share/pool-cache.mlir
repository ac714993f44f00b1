// RUN: gqa-opt %s --gqa-pool-heads="kv-heads=1 method=first groups=adjacent change-signature" --remarks-filter=gqa-pool-heads -verify-diagnostics | FileCheck %s
// RUN: gqa-opt %s --gqa-pool-heads="kv-heads=1" --remarks-filter-missed=gqa-pool-heads 2>&1 | FileCheck %s --check-prefix=KEPT

// A decode step: its caches hold the pooled heads afterwards, K rotated and V as it is.
!X = tensor<1x2xf32>
!T = tensor<1x1x2x2xf32>
!H = tensor<1x2x1x2xf32>
!C = tensor<1x2x?x2xf32>
// CHECK-LABEL: func.func @step(
// CHECK-SAME: %arg1: tensor<1x1x?x2xf32>, %arg2: tensor<1x1x?x2xf32>
// CHECK-SAME: -> (tensor<1x2xf32>, tensor<1x1x?x2xf32>, tensor<1x1x?x2xf32>)
// CHECK: %[[R:.*]] = gqa.rotary %{{.*}} half layout("bshd") : tensor<1x1x1x2xf32>
// CHECK: %[[K:.*]] = gqa.append_kv %arg1, %{{.*}} : (tensor<1x1x?x2xf32>, tensor<1x1x1x2xf32>) -> tensor<1x1x?x2xf32>
// CHECK: %[[V:.*]] = gqa.append_kv %arg2, %{{.*}} : (tensor<1x1x?x2xf32>, tensor<1x1x1x2xf32>) -> tensor<1x1x?x2xf32>
// CHECK: gqa.attention %{{.*}}, %[[K]], %[[V]]
// CHECK: return %{{.*}}, %[[K]], %[[V]]
// KEPT: K: it is appended to a cache, an argument of the function, whose signature stays without change-signature
// KEPT: func.func @step({{.*}}tensor<1x2x?x2xf32>, {{.*}}tensor<1x2x?x2xf32>
// expected-remark @below {{@step has another signature: (tensor<1x2xf32>, tensor<1x1x?x2xf32>, tensor<1x1x?x2xf32>, tensor<1x1xf32>) -> (tensor<1x2xf32>, tensor<1x1x?x2xf32>, tensor<1x1x?x2xf32>)}}
func.func @step(%x: !X, %ck: !C, %cv: !C, %a: tensor<1x1xf32>) -> (!X, !C, !C) {
  %wq = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>
  %wk = arith.constant dense<[[1.0, 0.0, 2.0, 1.0], [0.0, 1.0, 1.0, 3.0]]> : tensor<2x4xf32>
  %wv = arith.constant dense<[[2.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 2.0]]> : tensor<2x4xf32>
  %wo = arith.constant dense<[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 1.0]]> : tensor<4x2xf32>
  %z = arith.constant dense<0.0> : tensor<1x4xf32>
  %y = arith.constant dense<0.0> : !X
  %e = tensor.empty() : !H
  %q0 = linalg.matmul ins(%x, %wq : !X, tensor<2x4xf32>) outs(%z : tensor<1x4xf32>) -> tensor<1x4xf32>
  %k0 = linalg.matmul ins(%x, %wk : !X, tensor<2x4xf32>) outs(%z : tensor<1x4xf32>) -> tensor<1x4xf32>
  %v0 = linalg.matmul ins(%x, %wv : !X, tensor<2x4xf32>) outs(%z : tensor<1x4xf32>) -> tensor<1x4xf32>
  %q1 = tensor.expand_shape %q0 [[0, 1], [2, 3]] output_shape [1, 1, 2, 2] : tensor<1x4xf32> into !T
  %k1 = tensor.expand_shape %k0 [[0, 1], [2, 3]] output_shape [1, 1, 2, 2] : tensor<1x4xf32> into !T
  %v1 = tensor.expand_shape %v0 [[0, 1], [2, 3]] output_shape [1, 1, 2, 2] : tensor<1x4xf32> into !T
  %q2 = linalg.transpose ins(%q1 : !T) outs(%e : !H) permutation = [0, 2, 1, 3]
  %k2 = linalg.transpose ins(%k1 : !T) outs(%e : !H) permutation = [0, 2, 1, 3]
  %v = linalg.transpose ins(%v1 : !T) outs(%e : !H) permutation = [0, 2, 1, 3]
  %q = gqa.rotary %q2, %a, %a half : !H, tensor<1x1xf32>
  %k = gqa.rotary %k2, %a, %a half : !H, tensor<1x1xf32>
  %nk = gqa.append_kv %ck, %k : (!C, !H) -> !C
  %nv = gqa.append_kv %cv, %v : (!C, !H) -> !C
  // expected-remark @below {{2 -> 1 key/value heads, 32 -> 16 bytes per token}}
  %o = gqa.attention %q, %nk, %nv layout(o = "bshd") : (!H, !C, !C) -> !T
  %p = tensor.collapse_shape %o [[0, 1], [2, 3]] : !T into tensor<1x4xf32>
  %r = linalg.matmul ins(%p, %wo : tensor<1x4xf32>, tensor<4x2xf32>) outs(%y : !X) -> !X
  return %r, %nk, %nv : !X, !C, !C
}

// Each turn of a loop gets the cache as it was: its type is the loop's.
!F = tensor<1x2x8x2xf32>
// CHECK-LABEL: @no_loop(
// CHECK: scf.for {{.*}} -> (tensor<1x2xf32>, tensor<1x2x8x2xf32>, tensor<1x2x8x2xf32>)
func.func @no_loop(%x0: !X, %c0k: !F, %at: tensor<1xi64>) -> !X {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %y0, %y1, %y2 = scf.for %i = %c0 to %c4 step %c1 iter_args(%x = %x0, %ck = %c0k, %cv = %c0k) -> (!X, !F, !F) {
    %wq = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf32>
    %wk = arith.constant dense<[[1.0, 0.0, 2.0, 1.0], [0.0, 1.0, 1.0, 3.0]]> : tensor<2x4xf32>
    %wv = arith.constant dense<[[2.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 2.0]]> : tensor<2x4xf32>
    %wo = arith.constant dense<[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 1.0]]> : tensor<4x2xf32>
    %z = arith.constant dense<0.0> : tensor<1x4xf32>
    %y = arith.constant dense<0.0> : !X
    %e = tensor.empty() : !H
    %q0 = linalg.matmul ins(%x, %wq : !X, tensor<2x4xf32>) outs(%z : tensor<1x4xf32>) -> tensor<1x4xf32>
    %k0 = linalg.matmul ins(%x, %wk : !X, tensor<2x4xf32>) outs(%z : tensor<1x4xf32>) -> tensor<1x4xf32>
    %v0 = linalg.matmul ins(%x, %wv : !X, tensor<2x4xf32>) outs(%z : tensor<1x4xf32>) -> tensor<1x4xf32>
    %q1 = tensor.expand_shape %q0 [[0, 1], [2, 3]] output_shape [1, 1, 2, 2] : tensor<1x4xf32> into !T
    %k1 = tensor.expand_shape %k0 [[0, 1], [2, 3]] output_shape [1, 1, 2, 2] : tensor<1x4xf32> into !T
    %v1 = tensor.expand_shape %v0 [[0, 1], [2, 3]] output_shape [1, 1, 2, 2] : tensor<1x4xf32> into !T
    %q = linalg.transpose ins(%q1 : !T) outs(%e : !H) permutation = [0, 2, 1, 3]
    %k = linalg.transpose ins(%k1 : !T) outs(%e : !H) permutation = [0, 2, 1, 3]
    %v = linalg.transpose ins(%v1 : !T) outs(%e : !H) permutation = [0, 2, 1, 3]
    // expected-remark @below {{K: it is appended to a cache that a loop carries}}
    %nk = gqa.append_kv %ck, %k at %at : (!F, !H, tensor<1xi64>) -> !F
    %nv = gqa.append_kv %cv, %v at %at : (!F, !H, tensor<1xi64>) -> !F
    %o = gqa.attention %q, %nk, %nv layout(o = "bshd") : (!H, !F, !F) -> !T
    %p = tensor.collapse_shape %o [[0, 1], [2, 3]] : !T into tensor<1x4xf32>
    %r = linalg.matmul ins(%p, %wo : tensor<1x4xf32>, tensor<4x2xf32>) outs(%y : !X) -> !X
    scf.yield %r, %c0k, %c0k : !X, !F, !F
  }
  return %y0 : !X
}
