// RUN: not gqa-opt %s --gqa-pool-heads 2>&1 | FileCheck %s --check-prefix=NEITHER
// RUN: not gqa-opt %s --gqa-pool-heads="kv-heads=2 max-error=0.1" 2>&1 | FileCheck %s --check-prefix=BOTH
// RUN: not gqa-opt %s --gqa-pool-heads="kv-heads=2,2,2" 2>&1 | FileCheck %s --check-prefix=COUNT
// RUN: not gqa-opt %s --gqa-pool-heads="kv-heads=0" 2>&1 | FileCheck %s --check-prefix=ZERO
// RUN: not gqa-opt %s --gqa-pool-heads="kv-heads=3" 2>&1 | FileCheck %s --check-prefix=DIVIDE
// RUN: not gqa-opt %s --gqa-pool-heads="kv-heads=2 heal" 2>&1 | FileCheck %s --check-prefix=HEAL
// RUN: not gqa-opt %s --gqa-pool-heads="kv-heads=2 moments=%t.absent" 2>&1 | FileCheck %s --check-prefix=ABSENT
// RUN: not gqa-opt %s --gqa-pool-heads="kv-heads=2 report=%t/no/such" 2>&1 | FileCheck %s --check-prefix=REPORT
// RUN: not gqa-opt %s --gqa-pool-heads="max-error=nan" 2>&1 | FileCheck %s --check-prefix=NEITHER
// RUN: %{python} %S/Inputs/moments.py %t.safetensors small
// RUN: not gqa-opt %s --gqa-pool-heads="kv-heads=2 moments=%t.safetensors" 2>&1 | FileCheck %s --check-prefix=SHAPE
// RUN: %{python} %S/Inputs/moments.py %t.safetensors negative
// RUN: not gqa-opt %s --gqa-pool-heads="kv-heads=2 moments=%t.safetensors" 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// RUN: %{python} %S/Inputs/moments.py %t.safetensors crooked
// RUN: not gqa-opt %s --gqa-pool-heads="kv-heads=2 moments=%t.safetensors" 2>&1 | FileCheck %s --check-prefix=CROOKED
// NEITHER: gqa-pool-heads: expected either kv-heads or max-error, found neither
// BOTH: gqa-pool-heads: expected either kv-heads or max-error, found both
// COUNT: gqa-pool-heads: kv-heads has 3 numbers, expected one, or one for each of the 1 attentions
// ZERO: gqa-pool-heads: kv-heads must be 1 or more
// DIVIDE: gqa-pool-heads: kv-heads=3 does not divide its 4 key/value heads
// HEAL: gqa-pool-heads: heal fits output projections to calibration data: name the file of its second moments with moments=
// ABSENT: gqa-pool-heads: {{.*}}.absent: No such file or directory
// REPORT: cannot write the report to
// SHAPE: gqa-pool-heads: {{.*}}: tensor '0.input' is f32 4 4, expected f32 or f64, 5 x 5
// NEGATIVE: gqa-pool-heads: {{.*}}: tensor '0.input' has negative eigenvalues; expected second moments, E[x^T x]
// CROOKED: gqa-pool-heads: {{.*}}: tensor '0.input' is not symmetric; expected second moments, E[x^T x]
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
