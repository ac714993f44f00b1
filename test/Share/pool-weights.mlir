// RUN: rm -rf %t && mkdir %t
// RUN: gqa-opt %s --gqa-pool-heads="kv-heads=2 groups=adjacent method=mean weights=%t/new.safetensors" --remarks-filter-missed=gqa-pool-heads -o %t/out.mlir 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: FileCheck %s --input-file=%t/out.mlir
// RUN: %{python} -c "from safetensors import safe_open as o; f = o('%t/new.safetensors', 'np'); print(*(k + str(f.get_slice(k).get_shape()) for k in sorted(f.keys())), sep='\n')" | FileCheck %s --check-prefix=FILE
// RUN: not gqa-opt %s --gqa-pool-heads="kv-heads=2 weights=%t/no/such.safetensors" 2>&1 | FileCheck %s --check-prefix=ABSENT
// RUN: ls -A %t | FileCheck %s --check-prefix=LEFT
// ABSENT: gqa-pool-heads: {{.*}}no/such.safetensors: No such file or directory
// LEFT: {{^}}new.safetensors
// LEFT-NEXT: out.mlir
// LEFT-NOT: {{.}}

// New weights are parameters at the end; the module had none before.
// CHECK: gqa.weights = "new.safetensors"
// CHECK-LABEL: @layer(
// CHECK-SAME: tensor<4x8xf32> {gqa.param = "weight.pooled"}, {{.*}}: tensor<4x4xf32> {gqa.param = "weight.pooled.1"},
// CHECK-SAME: tensor<4x4xf32> {gqa.param = "weight.pooled.2"}, {{.*}}: tensor<8x4xf32> {gqa.param = "weight.pooled.3"}
// CHECK-NOT: dense_resource
// FILE: weight.pooled[4, 8]
// FILE-NEXT: weight.pooled.1[4, 4]
// FILE-NEXT: weight.pooled.2[4, 4]
// FILE-NEXT: weight.pooled.3[8, 4]
!T = tensor<1x3x4x2xf32>
func.func @layer(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %wq = arith.constant dense<[[0.25, 0.75, 0.25, -1.25, 1.0, 0.5, -0.5, 0.5], [0.25, 0.25, 0.0, 0.5, -0.75, -0.25, -0.5, 0.5], [0.0, -0.25, -0.75, -0.25, 0.0, -0.25, 1.25, 1.0], [-2.75, -2.0, -0.25, -0.5, 0.25, 0.25, 2.0, -1.0]]> : tensor<4x8xf32>
  %wk = arith.constant dense<[[-0.5, 2.0, 0.75, 0.75, -0.5, -1.75, 0.25, 0.0], [-1.25, -0.75, -0.0, -1.0, -0.0, 0.0, 0.0, -0.5], [0.5, 1.0, 0.25, -0.75, 0.75, -0.5, 1.0, -1.0], [1.0, -0.0, -1.25, -0.25, 0.0, 0.25, -1.0, -1.0]]> : tensor<4x8xf32>
  %wv = arith.constant dense<[[0.25, -0.5, 0.25, 0.75, -1.75, 0.25, 1.25, -0.25], [-0.75, 0.75, 0.25, 1.0, -0.25, -1.5, -0.0, -0.5], [0.75, 0.25, -1.75, -1.25, 1.0, 0.75, -0.75, -0.0], [0.5, 0.5, 1.0, 0.25, -0.0, -0.25, 1.0, -2.25]]> : tensor<4x8xf32>
  %wo = arith.constant dense<[[-0.25, 0.0, -1.5, 0.25], [-0.75, 0.75, -0.25, 0.75], [1.25, 0.5, -1.0, -1.5], [1.75, -0.0, -0.75, 0.25], [-0.25, 0.75, 0.0, 0.0], [-0.75, 0.5, -1.0, 0.75], [1.5, -1.5, -2.5, 0.5], [2.5, -1.0, -1.25, 0.5]]> : tensor<8x4xf32>
  %z = arith.constant dense<0.0> : tensor<3x8xf32>
  %y = arith.constant dense<0.0> : tensor<3x4xf32>
  %q0 = linalg.matmul ins(%x, %wq : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k0 = linalg.matmul ins(%x, %wk : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %v0 = linalg.matmul ins(%x, %wv : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %q = tensor.expand_shape %q0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %k = tensor.expand_shape %k0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %v = tensor.expand_shape %v0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %o = gqa.attention %q, %k, %v layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd") : (!T, !T, !T) -> !T
  %p = tensor.collapse_shape %o [[0, 1], [2, 3]] : !T into tensor<3x8xf32>
  %r = linalg.matmul ins(%p, %wo : tensor<3x8xf32>, tensor<8x4xf32>) outs(%y : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}

// A function with callers cannot take more parameters, and keeps its heads.
// REMARK: pool-weights.mlir:[[#@LINE+18]]:{{.*}}weights= makes new weights parameters of its function, which has callers that do not pass them; inline it, or leave weights= out
// REMARK-NOT: remark
// CHECK-LABEL: @called(
// CHECK-SAME: tensor<3x4xf32>) -> tensor<3x4xf32>
// CHECK: gqa.attention {{.*}} : (tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>, tensor<1x3x4x2xf32>)
func.func private @called(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %wq = arith.constant dense<[[0.25, 0.75, 0.25, -1.25, 1.0, 0.5, -0.5, 0.5], [0.25, 0.25, 0.0, 0.5, -0.75, -0.25, -0.5, 0.5], [0.0, -0.25, -0.75, -0.25, 0.0, -0.25, 1.25, 1.0], [-2.75, -2.0, -0.25, -0.5, 0.25, 0.25, 2.0, -1.0]]> : tensor<4x8xf32>
  %wk = arith.constant dense<[[-0.5, 2.0, 0.75, 0.75, -0.5, -1.75, 0.25, 0.0], [-1.25, -0.75, -0.0, -1.0, -0.0, 0.0, 0.0, -0.5], [0.5, 1.0, 0.25, -0.75, 0.75, -0.5, 1.0, -1.0], [1.0, -0.0, -1.25, -0.25, 0.0, 0.25, -1.0, -1.0]]> : tensor<4x8xf32>
  %wv = arith.constant dense<[[0.25, -0.5, 0.25, 0.75, -1.75, 0.25, 1.25, -0.25], [-0.75, 0.75, 0.25, 1.0, -0.25, -1.5, -0.0, -0.5], [0.75, 0.25, -1.75, -1.25, 1.0, 0.75, -0.75, -0.0], [0.5, 0.5, 1.0, 0.25, -0.0, -0.25, 1.0, -2.25]]> : tensor<4x8xf32>
  %wo = arith.constant dense<[[-0.25, 0.0, -1.5, 0.25], [-0.75, 0.75, -0.25, 0.75], [1.25, 0.5, -1.0, -1.5], [1.75, -0.0, -0.75, 0.25], [-0.25, 0.75, 0.0, 0.0], [-0.75, 0.5, -1.0, 0.75], [1.5, -1.5, -2.5, 0.5], [2.5, -1.0, -1.25, 0.5]]> : tensor<8x4xf32>
  %z = arith.constant dense<0.0> : tensor<3x8xf32>
  %y = arith.constant dense<0.0> : tensor<3x4xf32>
  %q0 = linalg.matmul ins(%x, %wq : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %k0 = linalg.matmul ins(%x, %wk : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %v0 = linalg.matmul ins(%x, %wv : tensor<3x4xf32>, tensor<4x8xf32>) outs(%z : tensor<3x8xf32>) -> tensor<3x8xf32>
  %q = tensor.expand_shape %q0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %k = tensor.expand_shape %k0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %v = tensor.expand_shape %v0 [[0, 1], [2, 3]] output_shape [1, 3, 4, 2] : tensor<3x8xf32> into !T
  %o = gqa.attention %q, %k, %v layout(q = "bshd", k = "bshd", v = "bshd", o = "bshd") : (!T, !T, !T) -> !T
  %p = tensor.collapse_shape %o [[0, 1], [2, 3]] : !T into tensor<3x8xf32>
  %r = linalg.matmul ins(%p, %wo : tensor<3x8xf32>, tensor<8x4xf32>) outs(%y : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}
func.func @caller(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %r = func.call @called(%x) : (tensor<3x4xf32>) -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}
