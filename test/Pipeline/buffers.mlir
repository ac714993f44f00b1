// What happens to buffers on their way to loops.
// RUN: gqa-opt %s --gqa-guard-sizes | FileCheck %s --check-prefix=GUARD
// RUN: gqa-opt %s --gqa-lower-copy | FileCheck %s --check-prefix=COPY

// GUARD-LABEL: @alloc
// GUARD: %[[BYTES:.*]] = arith.mulf
// GUARD: %[[FITS:.*]] = arith.cmpf olt
// GUARD: cf.assert %{{.*}}, "the shapes of the arguments need an impossible amount of memory"
// GUARD: memref.alloc(%{{.*}}) : memref<?x8xf32>
// GUARD-NOT: cf.assert
// GUARD: memref.alloc() : memref<8xf32>
func.func @alloc(%n: index) {
  %a = memref.alloc(%n) : memref<?x8xf32>
  %b = memref.alloc() : memref<8xf32>
  memref.dealloc %a : memref<?x8xf32>
  memref.dealloc %b : memref<8xf32>
  return
}

// COPY-LABEL: @copy
// COPY: memref.copy %{{.*}} : memref<4x8xf32> to memref<4x8xf32>
// COPY: linalg.generic
// COPY-NOT: memref.copy
// COPY: return
func.func @copy(%a: memref<4x8xf32>, %b: memref<4x8xf32>, %c: memref<4x8xf32, strided<[16, 1]>>) {
  memref.copy %a, %b : memref<4x8xf32> to memref<4x8xf32>
  memref.copy %a, %c : memref<4x8xf32> to memref<4x8xf32, strided<[16, 1]>>
  return
}
