// cuBLASLt sums in f32 and rounds as it writes: what only rounds a product is no kernel.
// RUN: gqa-opt %s --gqa-offload --split-input-file | FileCheck %s

#id = affine_map<(m, n) -> (m, n)>

// CHECK-LABEL: @rounded
// CHECK-SAME: %[[A:[a-z0-9]+]]: memref<1x64xbf16>, %[[B:[a-z0-9]+]]: memref<64x32xbf16>
// CHECK: %[[R:.*]] = memref.alloc() : memref<1x32xbf16>
// CHECK-NOT: tile.kernel
// CHECK: %[[Z:.*]] = tile.device.map{{.*}} %[[R]]
// CHECK: tile.device.matmul {{.*}}%[[Z]]
// CHECK-NOT: tile.kernel
// CHECK: return
func.func @rounded(%a: memref<1x64xbf16>, %b: memref<64x32xbf16>) -> memref<1x32xbf16> {
  %zero = arith.constant 0.0 : f32
  %wide = memref.alloc() : memref<1x32xf32>
  linalg.fill ins(%zero : f32) outs(%wide : memref<1x32xf32>)
  linalg.matmul ins(%a, %b : memref<1x64xbf16>, memref<64x32xbf16>) outs(%wide : memref<1x32xf32>)
  %r = memref.alloc() : memref<1x32xbf16>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%wide : memref<1x32xf32>) outs(%r : memref<1x32xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %0 = arith.truncf %in : f32 to bf16
    linalg.yield %0 : bf16
  }
  memref.dealloc %wide : memref<1x32xf32>
  return %r : memref<1x32xbf16>
}

// -----

#id = affine_map<(m, n) -> (m, n)>

// Where the room is in use between the two, both stay.
// CHECK-LABEL: @negative_in_use
// CHECK: tile.device.matmul
// CHECK: tile.device.matmul
// CHECK: tile.kernel
func.func @negative_in_use(%a: memref<1x64xbf16>, %b: memref<64x32xbf16>, %r: memref<1x32xbf16>) {
  %zero = arith.constant 0.0 : f32
  %one = memref.alloc() : memref<1x32xf32>
  linalg.fill ins(%zero : f32) outs(%one : memref<1x32xf32>)
  linalg.matmul ins(%a, %b : memref<1x64xbf16>, memref<64x32xbf16>) outs(%one : memref<1x32xf32>)
  %two = memref.alloc() : memref<32x32xf32>
  linalg.fill ins(%zero : f32) outs(%two : memref<32x32xf32>)
  %old = memref.expand_shape %r [[0], [1, 2]] output_shape [1, 32, 1] : memref<1x32xbf16> into memref<1x32x1xbf16>
  %column = memref.collapse_shape %old [[0, 1], [2]] : memref<1x32x1xbf16> into memref<32x1xbf16>
  linalg.matmul ins(%column, %r : memref<32x1xbf16>, memref<1x32xbf16>) outs(%two : memref<32x32xf32>)
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%one : memref<1x32xf32>) outs(%r : memref<1x32xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %0 = arith.truncf %in : f32 to bf16
    linalg.yield %0 : bf16
  }
  return
}

// -----

#id = affine_map<(m, n) -> (m, n)>

// Room of a size that is known in front of the product, though it is made behind.
// CHECK-LABEL: @rounded_rows
// CHECK: %[[R:.*]] = memref.alloc(%arg2) : memref<?x32xbf16>
// CHECK: %[[Z:.*]] = tile.device.map{{.*}} %[[R]]
// CHECK: tile.device.matmul {{.*}}%[[Z]]
// CHECK-NOT: tile.kernel
// CHECK: return
func.func @rounded_rows(%a: memref<?x64xbf16>, %b: memref<64x32xbf16>, %n: index) -> memref<?x32xbf16> {
  %zero = arith.constant 0.0 : f32
  %wide = memref.alloc(%n) : memref<?x32xf32>
  linalg.fill ins(%zero : f32) outs(%wide : memref<?x32xf32>)
  linalg.matmul ins(%a, %b : memref<?x64xbf16>, memref<64x32xbf16>) outs(%wide : memref<?x32xf32>)
  %r = memref.alloc(%n) : memref<?x32xbf16>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%wide : memref<?x32xf32>) outs(%r : memref<?x32xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %0 = arith.truncf %in : f32 to bf16
    linalg.yield %0 : bf16
  }
  return %r : memref<?x32xbf16>
}

// -----

#id = affine_map<(m, n) -> (m, n)>

// Its size is known behind the product only.
// CHECK-LABEL: @negative_size_behind
// CHECK: tile.device.matmul
// CHECK: memref.dim
// CHECK: memref.alloc
// CHECK: tile.kernel
func.func @negative_size_behind(%a: memref<?x64xbf16>, %b: memref<64x32xbf16>, %n: index) -> memref<?x32xbf16> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %wide = memref.alloc(%n) : memref<?x32xf32>
  linalg.fill ins(%zero : f32) outs(%wide : memref<?x32xf32>)
  linalg.matmul ins(%a, %b : memref<?x64xbf16>, memref<64x32xbf16>) outs(%wide : memref<?x32xf32>)
  %m = memref.dim %a, %c0 : memref<?x64xbf16>
  %r = memref.alloc(%m) : memref<?x32xbf16>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%wide : memref<?x32xf32>) outs(%r : memref<?x32xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %0 = arith.truncf %in : f32 to bf16
    linalg.yield %0 : bf16
  }
  return %r : memref<?x32xbf16>
}
