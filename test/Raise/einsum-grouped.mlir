// RUN: gqa-opt %s --gqa-raise | FileCheck %s
// RUN: gqa-opt %s --gqa-simplify=report=- -o /dev/null | FileCheck %s --check-prefix=JSON

// Grouped heads without a repeat: the group stands beside the queries as a dimension of its own, or in one with them.

!S = tensor<8x21x9xf32>
!R = tensor<8x21xf32>

// CHECK-LABEL: @beside_the_queries(
// CHECK-SAME: %[[Q:[^:]*]]: tensor<2x12x7x16xf32>, %[[K:[^:]*]]: tensor<2x4x9x16xf32>, %[[V:[^:]*]]: tensor<2x4x9x24xf32>
// CHECK-NOT: gqa.repeat_heads
// CHECK: gqa.attention %[[Q]], %[[K]], %[[V]] scale(1.000000e+00) {{.*}} -> tensor<2x12x7x24xf32>
// JSON: "head_map": "h floordiv 3"
// JSON: "kv_heads": 4
// JSON: "q_heads": 12
func.func @beside_the_queries(%q: tensor<2x12x7x16xf32>, %k: tensor<2x4x9x16xf32>, %v: tensor<2x4x9x24xf32>) -> tensor<2x4x3x7x24xf32> {
  %zs = arith.constant dense<0.0> : !S
  %zr = arith.constant dense<0.0> : !R
  %low = arith.constant dense<0xFF800000> : !R
  %zo = arith.constant dense<0.0> : tensor<8x21x24xf32>
  %q5 = tensor.expand_shape %q [[0], [1, 2], [3], [4]] output_shape [2, 4, 3, 7, 16] : tensor<2x12x7x16xf32> into tensor<2x4x3x7x16xf32>
  %q3 = tensor.collapse_shape %q5 [[0, 1], [2, 3], [4]] : tensor<2x4x3x7x16xf32> into tensor<8x21x16xf32>
  %k3 = tensor.collapse_shape %k [[0, 1], [2], [3]] : tensor<2x4x9x16xf32> into tensor<8x9x16xf32>
  %v3 = tensor.collapse_shape %v [[0, 1], [2], [3]] : tensor<2x4x9x24xf32> into tensor<8x9x24xf32>
  %kte = tensor.empty() : tensor<8x16x9xf32>
  %kt = linalg.transpose ins(%k3 : tensor<8x9x16xf32>) outs(%kte : tensor<8x16x9xf32>) permutation = [0, 2, 1]
  %qk = linalg.batch_matmul ins(%q3, %kt : tensor<8x21x16xf32>, tensor<8x16x9xf32>) outs(%zs : !S) -> !S
  %m = linalg.reduce { arith.maximumf } ins(%qk : !S) outs(%low : !R) dimensions = [2]
  %mb = linalg.broadcast ins(%m : !R) outs(%zs : !S) dimensions = [2]
  %d = linalg.sub ins(%qk, %mb : !S, !S) outs(%zs : !S) -> !S
  %p = linalg.exp ins(%d : !S) outs(%zs : !S) -> !S
  %l = linalg.reduce { arith.addf } ins(%p : !S) outs(%zr : !R) dimensions = [2]
  %lb = linalg.broadcast ins(%l : !R) outs(%zs : !S) dimensions = [2]
  %w = linalg.div ins(%p, %lb : !S, !S) outs(%zs : !S) -> !S
  %o = linalg.batch_matmul ins(%w, %v3 : !S, tensor<8x9x24xf32>) outs(%zo : tensor<8x21x24xf32>) -> tensor<8x21x24xf32>
  %r = tensor.expand_shape %o [[0, 1], [2, 3], [4]] output_shape [2, 4, 3, 7, 24] : tensor<8x21x24xf32> into tensor<2x4x3x7x24xf32>
  return %r : tensor<2x4x3x7x24xf32>
}
