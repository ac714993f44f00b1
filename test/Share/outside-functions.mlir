// RUN: gqa-opt %s --allow-unregistered-dialect --gqa-share-kv | FileCheck %s
// RUN: gqa-opt %s --allow-unregistered-dialect --gqa-pool-heads=kv-heads=1 --remarks-filter-missed=gqa-pool-heads -verify-diagnostics | FileCheck %s

// An attention in no function, of two equal heads, stays as it is.
!T = tensor<1x3x2x2xf32>
%x = "test.input"() : () -> tensor<3x2xf32>
%q = "test.input"() : () -> !T
%w = arith.constant dense<[[1.0, 2.0, 1.0, 2.0], [5.0, 6.0, 5.0, 6.0]]> : tensor<2x4xf32>
%z = arith.constant dense<0.0> : tensor<3x4xf32>
%p = linalg.matmul ins(%x, %w : tensor<3x2xf32>, tensor<2x4xf32>) outs(%z : tensor<3x4xf32>) -> tensor<3x4xf32>
%k = tensor.expand_shape %p [[0, 1], [2, 3]] output_shape [1, 3, 2, 2] : tensor<3x4xf32> into !T
// CHECK: gqa.attention {{.*}} : (tensor<1x3x2x2xf32>, tensor<1x3x2x2xf32>, tensor<1x3x2x2xf32>)
// expected-remark @below {{it is in no function}}
%o = gqa.attention %q, %k, %k layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd") : (!T, !T, !T) -> !T
"test.use"(%o) : (!T) -> ()
