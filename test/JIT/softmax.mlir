// RUN: gqa-run %s --outputs=%t.npz
// RUN: gqa-run %s --no-simplify --expect=%t.npz
// RUN: gqa-run %s --reference --expect=%t.npz
// RUN: gqa-opt %s --gqa-fuse-elementwise | FileCheck %s

// A softmax that nobody has recognised, or was asked to.
// CHECK-LABEL: func @main
// CHECK-NOT: linalg.softmax
// CHECK: math.exp
// CHECK: return
func.func @main(%x: tensor<3x17xf32>, %y: tensor<4x5x6xf64>) -> (tensor<3x17xf32>, tensor<4x5x6xf64>) {
  %ex = tensor.empty() : tensor<3x17xf32>
  %ey = tensor.empty() : tensor<4x5x6xf64>
  %p = linalg.softmax dimension(1) ins(%x : tensor<3x17xf32>) outs(%ex : tensor<3x17xf32>) -> tensor<3x17xf32>
  %r = linalg.softmax dimension(0) ins(%y : tensor<4x5x6xf64>) outs(%ey : tensor<4x5x6xf64>) -> tensor<4x5x6xf64>
  return %p, %r : tensor<3x17xf32>, tensor<4x5x6xf64>
}
