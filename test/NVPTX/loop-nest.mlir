// Loops of the host around one operation.
// RUN: gqa-opt %s --split-input-file --gqa-offload --canonicalize --cse | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>

// Each sequence's row goes to a place of its own: the sequences are the grid's, tokens a loop of each thread, as the last one stays.
// CHECK-LABEL: func.func @rows
// CHECK-NOT: scf.for
// CHECK: tile.kernel warps = 1 grid(%[[B:.*]] = %{{.*}}, %{{.*}} = %c1)
// CHECK: scf.for %[[T:.*]] = %c0 to %c3
// CHECK: memref.load %{{.*}}[%[[B]], %[[T]]] : memref<?x3xindex>
// CHECK: llvm.inline_asm has_side_effects
// CHECK: memref.subview %{{.*}}[%[[B]], %{{.*}}, 0]
// CHECK: vector.store
// CHECK: tile.device.unmap
// CHECK-NOT: tile.kernel
// CHECK: return
func.func @rows(%cache: memref<?x16x64xf16>, %new: memref<?x3x64xf16>, %at: memref<?x3xindex>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c16 = arith.constant 16 : index
  %n = memref.dim %new, %c0 : memref<?x3x64xf16>
  scf.for %b = %c0 to %n step %c1 {
    scf.for %t = %c0 to %c3 step %c1 {
      %p = memref.load %at[%b, %t] : memref<?x3xindex>
      %inside = arith.cmpi ult, %p, %c16 : index
      cf.assert %inside, "outside"
      %from = memref.subview %new[%b, %t, 0] [1, 1, 64] [1, 1, 1] : memref<?x3x64xf16> to memref<1x1x64xf16, strided<[192, 64, 1], offset: ?>>
      %to = memref.subview %cache[%b, %p, 0] [1, 1, 64] [1, 1, 1] : memref<?x16x64xf16> to memref<1x1x64xf16, strided<[1024, 64, 1], offset: ?>>
      memref.copy %from, %to : memref<1x1x64xf16, strided<[192, 64, 1], offset: ?>> to memref<1x1x64xf16, strided<[1024, 64, 1], offset: ?>>
    }
  }
  return
}

// -----

// Iterations that read what others write, and those that write anywhere in a row, are launches of their own.
// CHECK-LABEL: func.func @negative_order
// CHECK: scf.for
// CHECK: tile.kernel
// CHECK: scf.for
// CHECK: tile.kernel
func.func @negative_order(%x: memref<16x64xf16>, %at: memref<8xindex>, %y: memref<64xf16>, %new: memref<8x32xf16>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.for %i = %c0 to %c8 step %c1 {
    %next = arith.addi %i, %c1 : index
    %from = memref.subview %x[%i, 0] [1, 64] [1, 1] : memref<16x64xf16> to memref<1x64xf16, strided<[64, 1], offset: ?>>
    %to = memref.subview %x[%next, 0] [1, 64] [1, 1] : memref<16x64xf16> to memref<1x64xf16, strided<[64, 1], offset: ?>>
    memref.copy %from, %to : memref<1x64xf16, strided<[64, 1], offset: ?>> to memref<1x64xf16, strided<[64, 1], offset: ?>>
  }
  scf.for %i = %c0 to %c8 step %c1 {
    %p = memref.load %at[%i] : memref<8xindex>
    %from = memref.subview %new[%i, 0] [1, 32] [1, 1] : memref<8x32xf16> to memref<32xf16, strided<[1], offset: ?>>
    %to = memref.subview %y[%p] [32] [1] : memref<64xf16> to memref<32xf16, strided<[1], offset: ?>>
    memref.copy %from, %to : memref<32xf16, strided<[1], offset: ?>> to memref<32xf16, strided<[1], offset: ?>>
  }
  return
}

// -----

// Rows that may be written in any order are the grid's, wherever they go.
// CHECK-LABEL: func.func @unordered
// CHECK-NOT: scf.for
// CHECK: tile.kernel warps = 1 grid(%[[R:.*]] = %c5, %{{.*}} = %c1)
// CHECK: memref.load %{{.*}}[%[[R]]] : memref<5xindex>
// CHECK-NOT: scf.for
// CHECK: vector.store {{.*}} vector<8xf16>
// CHECK: return
func.func @unordered(%cache: memref<32x64xf16>, %new: memref<5x64xf16>, %at: memref<5xindex>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  scf.for %t = %c0 to %c5 step %c1 {
    %p = memref.load %at[%t] : memref<5xindex>
    %from = memref.subview %new[%t, 0] [1, 64] [1, 1] : memref<5x64xf16> to memref<64xf16, strided<[1], offset: ?>>
    %to = memref.subview %cache[%p, 0] [1, 64] [1, 1] : memref<32x64xf16> to memref<64xf16, strided<[1], offset: ?>>
    memref.copy %from, %to : memref<64xf16, strided<[1], offset: ?>> to memref<64xf16, strided<[1], offset: ?>>
  } {gqa.unordered}
  return
}
