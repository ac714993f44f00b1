// RUN: gqa-opt %s --gqa-raise --canonicalize | FileCheck %s

// Sizes are asked of what a tensor is made of, through reshapes of reshapes, so that what is raised leaves no user behind.
// CHECK-LABEL: @collapsed_expanded(
// CHECK-DAG: %[[C2:.*]] = arith.constant 2
// CHECK-DAG: %[[C3:.*]] = arith.constant 3
// CHECK-DAG: %[[N:.*]] = tensor.dim %arg0, %[[C2]] : tensor<3x3x?x?xf32>
// CHECK-DAG: %[[M:.*]] = tensor.dim %arg0, %[[C3]] : tensor<3x3x?x?xf32>
// CHECK: tensor.empty(%[[N]], %[[M]]) : tensor<1x9x?x?xf32>
// CHECK-NOT: tensor.expand_shape
func.func @collapsed_expanded(%x: tensor<3x3x?x?xf32>) -> tensor<1x9x?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %n = tensor.dim %x, %c2 : tensor<3x3x?x?xf32>
  %m = tensor.dim %x, %c3 : tensor<3x3x?x?xf32>
  %e = tensor.expand_shape %x [[0, 1], [2], [3], [4]] output_shape [1, 3, 3, %n, %m] : tensor<3x3x?x?xf32> into tensor<1x3x3x?x?xf32>
  %c = tensor.collapse_shape %e [[0], [1, 2], [3], [4]] : tensor<1x3x3x?x?xf32> into tensor<1x9x?x?xf32>
  %cn = tensor.dim %c, %c2 : tensor<1x9x?x?xf32>
  %cm = tensor.dim %c, %c3 : tensor<1x9x?x?xf32>
  %0 = tensor.empty(%cn, %cm) : tensor<1x9x?x?xf32>
  %1 = linalg.fill ins(%zero : f32) outs(%0 : tensor<1x9x?x?xf32>) -> tensor<1x9x?x?xf32>
  return %1 : tensor<1x9x?x?xf32>
}
