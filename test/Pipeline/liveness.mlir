// A tensor's memory is given back behind its last reader, not at the end of the function: a model needs the memory of a layer. On a
// GPU, where it is a call's, nothing stands between loops that are one kernel.
// RUN: gqa-opt %s --to=tiled | FileCheck %s
// RUN: gqa-compile %s --target=cuda:sm_80 --emit=mlir:tiled | FileCheck %s --check-prefix=CUDA

// CHECK: %[[A:.*]] = memref.alloc() {{.*}} : memref<64x64xf32>
// CHECK: linalg.matmul {{.*}} outs(%[[A]] :
// CHECK: %[[B:.*]] = memref.alloc() {{.*}} : memref<64x64xf32>
// CHECK: linalg.matmul {{.*}} outs(%[[B]] :
// CHECK-NEXT: memref.dealloc %[[A]]
// CHECK: linalg.matmul
// CHECK-NEXT: memref.dealloc %[[B]]
// CHECK-NEXT: return

// CUDA-COUNT-3: linalg.matmul
// CUDA: memref.dealloc
// CUDA: memref.dealloc
func.func @main(%x: tensor<64x64xf32>, %w: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x64xf32>
  %z = linalg.fill ins(%c0 : f32) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<64x64xf32>, tensor<64x64xf32>) outs(%z : tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = linalg.matmul ins(%0, %w : tensor<64x64xf32>, tensor<64x64xf32>) outs(%z : tensor<64x64xf32>) -> tensor<64x64xf32>
  %2 = linalg.matmul ins(%1, %w : tensor<64x64xf32>, tensor<64x64xf32>) outs(%z : tensor<64x64xf32>) -> tensor<64x64xf32>
  return %2 : tensor<64x64xf32>
}
