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

// COPY: llvm.func @gqa_rt_copy(i64, i64, !llvm.ptr, !llvm.ptr, !llvm.ptr)
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

// A cache into one that is longer by a token: sizes, then strides of both, and where both start.
// COPY-LABEL: @cache
// COPY: %[[SHAPE:.*]] = memref.alloca() : memref<12xi64>
// COPY: memref.extract_strided_metadata %arg0
// COPY: memref.extract_strided_metadata %arg1
// COPY-COUNT-12: memref.store %{{.*}}, %[[SHAPE]]
// COPY: llvm.call @gqa_rt_copy(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}})
// COPY-NOT: memref.copy
// COPY: return
func.func @cache(%a: memref<1x8x?x64xf16>, %b: memref<1x8x?x64xf16, strided<[?, ?, 64, 1]>>) {
  memref.copy %a, %b : memref<1x8x?x64xf16> to memref<1x8x?x64xf16, strided<[?, ?, 64, 1]>>
  return
}

// Of known sizes only those that are worth it; and rows that are not contiguous never.
// COPY-LABEL: @sizes
// COPY: llvm.call @gqa_rt_copy
// COPY-NOT: llvm.call
// COPY: memref.copy %arg2
// COPY: linalg.generic
// COPY: return
func.func @sizes(%a: memref<128x128xf32>, %b: memref<128x128xf32>, %c: memref<128x127xf32>, %d: memref<128x127xf32>,
                 %e: memref<?x?xf32, strided<[1, ?]>>, %f: memref<?x?xf32>) {
  memref.copy %a, %b : memref<128x128xf32> to memref<128x128xf32>
  memref.copy %c, %d : memref<128x127xf32> to memref<128x127xf32>
  memref.copy %e, %f : memref<?x?xf32, strided<[1, ?]>> to memref<?x?xf32>
  return
}
