// Arithmetic on whole tensors, as some front ends write it.
// RUN: gqa-run %s --inputs=2x3xf32 --outputs=%t.npz
// RUN: gqa-run %s --inputs=2x3xf32 --reference --expect=%t.npz
// RUN: gqa-run %s --to=tiled | FileCheck %s
// CHECK: linalg.generic
// CHECK: math.exp
// CHECK-NEXT: arith.addf
func.func @main(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %e = math.exp %x : tensor<2x3xf32>
  %s = arith.addf %e, %x : tensor<2x3xf32>
  return %s : tensor<2x3xf32>
}
