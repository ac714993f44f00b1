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

// Two fills in front of both products, and an assertion: neither has to do with the other's result, which is memory of its own.
// CHECK-LABEL: @fills_in_front
// CHECK-NOT: linalg.fill
// CHECK-COUNT-2: llvm.call @gqa_rt_matmul
// CHECK: return
func.func @fills_in_front(%a: memref<2x4xf32>, %b: memref<4x8xf32>, %i: i1) {
  %z = arith.constant 0.0 : f32
  %c = memref.alloc() : memref<2x8xf32>
  %d = memref.alloc() : memref<2x8xf32>
  linalg.fill ins(%z : f32) outs(%c : memref<2x8xf32>)
  linalg.fill ins(%z : f32) outs(%d : memref<2x8xf32>)
  scf.if %i {
    cf.assert %i, "sizes"
  }
  linalg.matmul ins(%a, %b : memref<2x4xf32>, memref<4x8xf32>) outs(%c : memref<2x8xf32>)
  linalg.matmul ins(%a, %b : memref<2x4xf32>, memref<4x8xf32>) outs(%d : memref<2x8xf32>)
  return
}

// Arguments may be one buffer, and what is between may read it, from a body too, or write it in a branch.
// CHECK-LABEL: @negative_fills
// CHECK-COUNT-4: linalg.fill
// CHECK: return
func.func @negative_fills(%a: memref<2x4xf32>, %b: memref<4x8xf32>, %c: memref<2x8xf32>, %i: i1) {
  %z = arith.constant 0.0 : f32
  linalg.fill ins(%z : f32) outs(%c : memref<2x8xf32>)
  linalg.copy ins(%a : memref<2x4xf32>) outs(%a : memref<2x4xf32>)
  linalg.matmul ins(%a, %b : memref<2x4xf32>, memref<4x8xf32>) outs(%c : memref<2x8xf32>)
  %d = memref.alloc() : memref<2x8xf32>
  linalg.fill ins(%z : f32) outs(%d : memref<2x8xf32>)
  linalg.copy ins(%d : memref<2x8xf32>) outs(%c : memref<2x8xf32>)
  linalg.matmul ins(%a, %b : memref<2x4xf32>, memref<4x8xf32>) outs(%d : memref<2x8xf32>)
  %e = memref.alloc() : memref<2x8xf32>
  linalg.fill ins(%z : f32) outs(%e : memref<2x8xf32>)
  scf.if %i {
    memref.copy %c, %e : memref<2x8xf32> to memref<2x8xf32>
  }
  linalg.matmul ins(%a, %b : memref<2x4xf32>, memref<4x8xf32>) outs(%e : memref<2x8xf32>)
  %g = memref.alloc() : memref<2x8xf32>
  linalg.fill ins(%z : f32) outs(%g : memref<2x8xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%c : memref<2x8xf32>) {
  ^bb0(%out: f32):
    %i0 = linalg.index 0 : index
    %l = memref.load %g[%i0, %i0] : memref<2x8xf32>
    linalg.yield %l : f32
  }
  linalg.matmul ins(%a, %b : memref<2x4xf32>, memref<4x8xf32>) outs(%g : memref<2x8xf32>)
  return
}
