// Tensors that only kernels work on may be on a GPU.
// RUN: gqa-opt %s --split-input-file --gqa-place-tensors | FileCheck %s

// The scale is read by the host; of the results one is copied by it.
// CHECK: module attributes {gqa.device_arguments = array<i64: 0>, gqa.device_results = array<i64: 1>}
// CHECK: func.func @main
// CHECK: memref.alloc
// CHECK: tile.device.result 1(%{{.*}}) : memref<?x8xf16>
module {
  func.func @main(%q: memref<?x8xf16>, %scale: memref<f32>) -> (memref<?x8xf16>, memref<?x8xf16>) {
    %c0 = arith.constant 0 : index
    %s = memref.load %scale[] : memref<f32>
    %n = memref.dim %q, %c0 : memref<?x8xf16>
    %copy = memref.alloc(%n) : memref<?x8xf16>
    %o = memref.alloc(%n) {alignment = 64 : i64} : memref<?x8xf16>
    %view = memref.cast %q : memref<?x8xf16> to memref<?x8xf16, strided<[?, ?], offset: ?>>
    func.call @kernels(%view, %s, %o) : (memref<?x8xf16, strided<[?, ?], offset: ?>>, f32, memref<?x8xf16>) -> ()
    memref.copy %o, %copy : memref<?x8xf16> to memref<?x8xf16>
    %r = memref.alloc(%n) : memref<?x8xf16>
    func.call @kernels(%view, %s, %r) : (memref<?x8xf16, strided<[?, ?], offset: ?>>, f32, memref<?x8xf16>) -> ()
    return %copy, %r : memref<?x8xf16>, memref<?x8xf16>
  }
  func.func private @kernels(%q: memref<?x8xf16, strided<[?, ?], offset: ?>>, %s: f32, %o: memref<?x8xf16>) {
    %base, %offset, %sizes:2, %strides:2 = memref.extract_strided_metadata %q : memref<?x8xf16, strided<[?, ?], offset: ?>>
      -> memref<f16>, index, index, index, index, index
    %transposed = memref.transpose %q (i, j) -> (j, i) : memref<?x8xf16, strided<[?, ?], offset: ?>> to memref<8x?xf16, strided<[?, ?], offset: ?>>
    %q2 = tile.device.map %transposed : memref<8x?xf16, strided<[?, ?], offset: ?>>
    %turned = memref.reinterpret_cast %base to offset: [%offset], sizes: [8, %sizes#0], strides: [%strides#1, %strides#0]
      : memref<f16> to memref<8x?xf16, strided<[?, ?], offset: ?>>
    %q1 = tile.device.map %turned : memref<8x?xf16, strided<[?, ?], offset: ?>>
    %o1 = tile.device.map %o write : memref<?x8xf16>
    tile.device.unmap
    return
  }
}

// -----

// What two results share, and what an argument is, stays where it is.
// CHECK: module attributes {gqa.device_arguments = array<i64>, gqa.device_results = array<i64>}
// CHECK-NOT: tile.device.result
module {
  func.func @main(%q: memref<8xf16>) -> (memref<8xf16>, memref<8xf16>, memref<8xf16>) {
    %o = memref.alloc() : memref<8xf16>
    func.call @kernels(%q, %o) : (memref<8xf16>, memref<8xf16>) -> ()
    return %o, %o, %q : memref<8xf16>, memref<8xf16>, memref<8xf16>
  }
  func.func private @kernels(%q: memref<8xf16>, %o: memref<8xf16>) {
    %q1 = tile.device.map %q : memref<8xf16>
    %o1 = tile.device.map %o write : memref<8xf16>
    tile.device.unmap
    return
  }
}
