// RUN: gqa-opt %s --gqa-lower-matmul --canonicalize | FileCheck %s

// Flags: 1, 2: A, B transposed; 4: add to C; 16, 64, 256: the types of A, B, C.

// A fill with zero in front is part of the product.
// CHECK-LABEL: @overwrites
// CHECK-SAME: %[[C:.*]]: memref<2x8xf32>
// CHECK-NOT: linalg.fill
// CHECK-DAG: %[[FLAGS:.*]] = arith.constant 0 : i32
// CHECK: llvm.call @gqa_rt_matmul(%[[FLAGS]],
func.func @overwrites(%a: memref<2x4xf32>, %b: memref<4x8xf32>, %c: memref<2x8xf32>) {
  %z = arith.constant 0.0 : f32
  linalg.fill ins(%z : f32) outs(%c : memref<2x8xf32>)
  linalg.matmul ins(%a, %b : memref<2x4xf32>, memref<4x8xf32>) outs(%c : memref<2x8xf32>)
  return
}

// What lies in C counts if anything could have read or written it in between.
// CHECK-LABEL: @adds
// CHECK-DAG: %[[FLAGS:.*]] = arith.constant 4 : i32
// CHECK-DAG: linalg.fill
// CHECK: llvm.call @gqa_rt_matmul(%[[FLAGS]],
func.func @adds(%a: memref<2x4xf32>, %b: memref<4x8xf32>, %c: memref<2x8xf32>, %x: f32) {
  %z = arith.constant 0.0 : f32
  %i = arith.constant 1 : index
  linalg.fill ins(%z : f32) outs(%c : memref<2x8xf32>)
  memref.store %x, %c[%i, %i] : memref<2x8xf32>
  linalg.matmul ins(%a, %b : memref<2x4xf32>, memref<4x8xf32>) outs(%c : memref<2x8xf32>)
  return
}

// bf16, B transposed, into f32: 2 + 4 + 3 * 16 + 3 * 64.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
// CHECK-LABEL: @transposed
// CHECK: %[[FLAGS:.*]] = arith.constant 246 : i32
// CHECK: llvm.call @gqa_rt_matmul(%[[FLAGS]],
func.func @transposed(%a: memref<2x4xbf16>, %b: memref<8x4xbf16>, %c: memref<2x8xf32>) {
  linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%a, %b : memref<2x4xbf16>, memref<8x4xbf16>) outs(%c : memref<2x8xf32>)
  return
}

// CHECK-LABEL: @no_integers
// CHECK: linalg.matmul
func.func @no_integers(%a: memref<2x4xi32>, %b: memref<4x8xi32>, %c: memref<2x8xi32>) {
  linalg.matmul ins(%a, %b : memref<2x4xi32>, memref<4x8xi32>) outs(%c : memref<2x8xi32>)
  return
}

// CHECK-LABEL: @no_inner_stride
// CHECK: linalg.matmul
func.func @no_inner_stride(%a: memref<2x4xf32, strided<[8, 2]>>, %b: memref<4x8xf32>, %c: memref<2x8xf32>) {
  linalg.matmul ins(%a, %b : memref<2x4xf32, strided<[8, 2]>>, memref<4x8xf32>) outs(%c : memref<2x8xf32>)
  return
}
