// Tensors that only kernels work on may be on a GPU.
// RUN: gqa-opt %s --split-input-file --gqa-place-tensors --verify-diagnostics | FileCheck %s

// The scale is read by the host; of the results one is copied by it.
// CHECK: module attributes {gqa.device_arguments = array<i64: 0>, gqa.device_results = array<i64: 1>}
// CHECK: func.func @main
// CHECK: memref.alloc
// CHECK: tile.device.result 1(%{{.*}}) : memref<?x8xf16>
module {
  func.func @main(%q: memref<?x8xf16>, %scale: memref<f32>) -> (memref<?x8xf16>, memref<?x8xf16>) {
    %c0 = arith.constant 0 : index
    // expected-remark @below {{the host reads an element here, and waits for the device if it is there}}
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

// -----

// A buffer between kernels is on the device, and freed there; a constant is copied once.
// CHECK: module attributes {gqa.device_arguments = array<i64: 0>, gqa.device_results = array<i64: 0>}
// CHECK: %[[TABLE:.*]] = memref.get_global @table
// CHECK: %[[C:.*]] = tile.device.constant %[[TABLE]]
// CHECK: %[[T:.*]] = tile.device.alloc : memref<8xf32>
// CHECK: tile.device.map %arg0
// CHECK-NOT: tile.device.map
// CHECK: tile.kernel
// CHECK: tile.device.unmap
// CHECK-NEXT: tile.device.map
// CHECK-NEXT: tile.kernel
// CHECK: tile.device.free %[[T]]
module {
  memref.global "private" constant @table : memref<8xf32> = dense<1.0>
  func.func @main(%x: memref<8xf32>) -> memref<8xf32> {
    %c8 = arith.constant 8 : index
    %table = memref.get_global @table : memref<8xf32>
    %t = memref.alloc() : memref<8xf32>
    %y = memref.alloc() : memref<8xf32>
    %x1 = tile.device.map %x : memref<8xf32>
    %table1 = tile.device.map %table : memref<8xf32>
    %t1 = tile.device.map %t update : memref<8xf32>
    tile.kernel warps = 1 grid(%i = %c8) {
      %0 = memref.load %x1[%i] : memref<8xf32>
      %1 = memref.load %table1[%i] : memref<8xf32>
      %2 = arith.addf %0, %1 : f32
      memref.store %2, %t1[%i] : memref<8xf32>
    }
    tile.device.unmap
    %t2 = tile.device.map %t : memref<8xf32>
    %y2 = tile.device.map %y update : memref<8xf32>
    tile.kernel warps = 1 grid(%i = %c8) {
      %0 = memref.load %t2[%i] : memref<8xf32>
      memref.store %0, %y2[%i] : memref<8xf32>
    }
    tile.device.unmap
    memref.dealloc %t : memref<8xf32>
    return %y : memref<8xf32>
  }
}

// -----

// A kernel that asks where its buffer lies, as those of neighbours do, has the address while it runs, and no longer.
// CHECK: %[[T:.*]] = tile.device.alloc : memref<8xf32>
// CHECK: tile.kernel
// CHECK: memref.extract_aligned_pointer_as_index
// CHECK: tile.kernel
// CHECK: memref.extract_aligned_pointer_as_index
// CHECK: tile.device.free %[[T]]
// CHECK: tile.kernel
module {
  func.func @main(%x: memref<8xf32>) -> (memref<8xindex>, memref<8xf32>) {
    %c8 = arith.constant 8 : index
    %t = memref.alloc() : memref<8xf32>
    %y = memref.alloc() : memref<8xindex>
    %z = memref.alloc() : memref<8xf32>
    %x1 = tile.device.map %x : memref<8xf32>
    %t1 = tile.device.map %t update : memref<8xf32>
    tile.kernel warps = 1 grid(%i = %c8) {
      %0 = memref.load %x1[%i] : memref<8xf32>
      %1 = memref.extract_aligned_pointer_as_index %t1 : memref<8xf32> -> index
      memref.store %0, %t1[%1] : memref<8xf32>
    }
    tile.device.unmap
    %t2 = tile.device.map %t : memref<8xf32>
    %y2 = tile.device.map %y update : memref<8xindex>
    tile.kernel warps = 1 grid(%i = %c8) {
      %0 = memref.extract_aligned_pointer_as_index %t2 : memref<8xf32> -> index
      memref.store %0, %y2[%i] : memref<8xindex>
    }
    tile.device.unmap
    %x3 = tile.device.map %x : memref<8xf32>
    %z3 = tile.device.map %z update : memref<8xf32>
    tile.kernel warps = 1 grid(%i = %c8) {
      %0 = memref.load %x3[%i] : memref<8xf32>
      memref.store %0, %z3[%i] : memref<8xf32>
    }
    tile.device.unmap
    memref.dealloc %t : memref<8xf32>
    return %y, %z : memref<8xindex>, memref<8xf32>
  }
}

// -----

// A result in another shape than its kernel's.
// CHECK: gqa.device_results = array<i64: 0>
// CHECK: %[[R:.*]] = tile.device.result 0 : memref<4x2xf32>
// CHECK: return %{{.*}} : memref<8xf32>
module {
  func.func @main(%x: memref<4x2xf32>) -> memref<8xf32> {
    %y = memref.alloc() : memref<4x2xf32>
    func.call @kernels(%x, %y) : (memref<4x2xf32>, memref<4x2xf32>) -> ()
    %flat = memref.collapse_shape %y [[0, 1]] : memref<4x2xf32> into memref<8xf32>
    return %flat : memref<8xf32>
  }
  func.func private @kernels(%x: memref<4x2xf32>, %o: memref<4x2xf32>) {
    %x1 = tile.device.map %x : memref<4x2xf32>
    %o1 = tile.device.map %o write : memref<4x2xf32>
    tile.device.unmap
    return
  }
}

// -----

// What a function that is called has for itself is on the device as well; what it returns is not, and the remark says so.
// CHECK: func.func private @layer
// CHECK: %[[T:.*]] = tile.device.alloc
// CHECK: memref.alloc
// CHECK: tile.device.free %[[T]]
module {
  func.func @main(%x: memref<8xf32>) -> memref<8xf32> {
    %y = func.call @layer(%x) : (memref<8xf32>) -> memref<8xf32>
    return %y : memref<8xf32>
  }
  func.func private @layer(%x: memref<8xf32>) -> memref<8xf32> {
    %t = memref.alloc() : memref<8xf32>
    // expected-remark @below {{stays in the memory of the host, and is copied for 1 use by a kernel, 32 bytes each time: @layer returns it}}
    %y = memref.alloc() : memref<8xf32>
    %x1 = tile.device.map %x : memref<8xf32>
    %t1 = tile.device.map %t write : memref<8xf32>
    tile.device.unmap
    %flat = memref.expand_shape %t [[0, 1]] output_shape [4, 2] : memref<8xf32> into memref<4x2xf32>
    %t2 = tile.device.map %flat : memref<4x2xf32>
    %y1 = tile.device.map %y write : memref<8xf32>
    tile.device.unmap
    memref.dealloc %t : memref<8xf32>
    return %y : memref<8xf32>
  }
}

// -----

// An address that a kernel takes is the kernel's: memory is freed behind it, though the host goes on.
// CHECK: %[[T:.*]] = tile.device.alloc : memref<8xf32>
// CHECK: memref.extract_aligned_pointer_as_index %[[T]]
// CHECK: tile.device.free %[[T]]
// CHECK: tile.device.alloc : memref<16xf32>
module {
  func.func @main(%x: memref<8xf32>) {
    %c8 = arith.constant 8 : index
    %v = arith.constant 1.0 : f32
    %t = memref.alloc() : memref<8xf32>
    %t1 = tile.device.map %t : memref<8xf32>
    tile.kernel warps = 1 grid(%i = %c8) {
      %address = memref.extract_aligned_pointer_as_index %t1 : memref<8xf32> -> index
      memref.store %v, %t1[%address] : memref<8xf32>
    }
    tile.device.unmap
    %u = memref.alloc() : memref<16xf32>
    %u1 = tile.device.map %u : memref<16xf32>
    tile.kernel warps = 1 grid(%i = %c8) {
      memref.store %v, %u1[%i] : memref<16xf32>
    }
    tile.device.unmap
    memref.dealloc %t : memref<8xf32>
    memref.dealloc %u : memref<16xf32>
    return
  }
}
