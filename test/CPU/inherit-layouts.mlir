// RUN: gqa-opt %s --gqa-inherit-layouts --canonicalize | FileCheck %s

// The function is called once: what the caller knows of strides reaches views, also of dimensions in another order, and tile
// operations.
// CHECK-LABEL: func @caller(
// CHECK-SAME: %[[K:.*]]: memref<1x8x?x64xf32>
// CHECK: call @once(%[[K]], %{{.*}}) : (memref<1x8x?x64xf32>, memref<1x?x8x64xf32>) -> ()
func.func @caller(%k: memref<1x8x?x64xf32>, %v: memref<1x?x8x64xf32>) {
  %0 = memref.cast %k : memref<1x8x?x64xf32> to memref<1x8x?x64xf32, strided<[?, ?, ?, ?], offset: ?>>
  %1 = memref.cast %v : memref<1x?x8x64xf32> to memref<1x?x8x64xf32, strided<[?, ?, ?, ?], offset: ?>>
  call @once(%0, %1) : (memref<1x8x?x64xf32, strided<[?, ?, ?, ?], offset: ?>>,
                        memref<1x?x8x64xf32, strided<[?, ?, ?, ?], offset: ?>>) -> ()
  return
}

// CHECK-LABEL: func private @once(
// CHECK-SAME: %[[K:.*]]: memref<1x8x?x64xf32>, %[[V:.*]]: memref<1x?x8x64xf32>
// CHECK: %[[KEYS:.*]] = memref.subview %[[K]]{{.*}} to memref<?x64xf32, strided<[64, 1], offset: ?>>
// CHECK: %[[VALUES:.*]] = memref.subview %{{.*}} to memref<?x64xf32, strided<[512, 1], offset: ?>>
// CHECK: tile.pack %[[KEYS]] into
// CHECK: tile.pack %[[VALUES]] into
func.func private @once(%k: memref<1x8x?x64xf32, strided<[?, ?, ?, ?], offset: ?>>,
                        %v: memref<1x?x8x64xf32, strided<[?, ?, ?, ?], offset: ?>>) {
  %c2 = arith.constant 2 : index
  tile.kernel grid(%n = %c2) {
    %room = tile.scratch : memref<24x64xf32>
    %t = memref.transpose %v (b, s, h, d) -> (b, h, s, d)
      : memref<1x?x8x64xf32, strided<[?, ?, ?, ?], offset: ?>> to memref<1x8x?x64xf32, strided<[?, ?, ?, ?], offset: ?>>
    %0 = memref.subview %k[0, %n, 0, 0] [1, 1, %n, 64] [1, 1, 1, 1]
      : memref<1x8x?x64xf32, strided<[?, ?, ?, ?], offset: ?>> to memref<?x64xf32, strided<[?, ?], offset: ?>>
    %1 = memref.subview %t[0, %n, 0, 0] [1, 1, %n, 64] [1, 1, 1, 1]
      : memref<1x8x?x64xf32, strided<[?, ?, ?, ?], offset: ?>> to memref<?x64xf32, strided<[?, ?], offset: ?>>
    %2 = tile.pack %0 into %room : memref<?x64xf32, strided<[?, ?], offset: ?>>, memref<24x64xf32> -> memref<?x64xf32, strided<[?, 1], offset: ?>>
    %3 = tile.pack %1 into %room : memref<?x64xf32, strided<[?, ?], offset: ?>>, memref<24x64xf32> -> memref<?x64xf32, strided<[?, 1], offset: ?>>
  }
  return
}

// Two calls may know different things.
// CHECK-LABEL: func @no_single_caller(
// CHECK-COUNT-2: call @twice(%{{.*}}) : (memref<4xf32, strided<[?], offset: ?>>) -> ()
func.func @no_single_caller(%x: memref<4xf32>) {
  %0 = memref.cast %x : memref<4xf32> to memref<4xf32, strided<[?], offset: ?>>
  call @twice(%0) : (memref<4xf32, strided<[?], offset: ?>>) -> ()
  call @twice(%0) : (memref<4xf32, strided<[?], offset: ?>>) -> ()
  return
}
func.func private @twice(%x: memref<4xf32, strided<[?], offset: ?>>) {
  return
}

// Whoever else calls a public function may know less.
// CHECK-LABEL: func @no_private_function(
// CHECK: call @public(%{{.*}}) : (memref<4xf32, strided<[?], offset: ?>>) -> ()
func.func @no_private_function(%x: memref<4xf32>) {
  %0 = memref.cast %x : memref<4xf32> to memref<4xf32, strided<[?], offset: ?>>
  call @public(%0) : (memref<4xf32, strided<[?], offset: ?>>) -> ()
  return
}
func.func @public(%x: memref<4xf32, strided<[?], offset: ?>>) {
  return
}
