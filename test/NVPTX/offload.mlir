// What is around attentions becomes kernels: a thread for each point, or a block for each row around a reduction.
// RUN: gqa-opt %s --split-input-file --verify-diagnostics --gqa-offload --canonicalize --cse | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i, 0)>
#column = affine_map<(i, j) -> (j)>

// CHECK-LABEL: func.func @elementwise
// CHECK-DAG: %[[X:.*]] = tile.device.map %{{.*}} : memref<300x64xbf16>
// CHECK-DAG: %[[Y:.*]] = tile.device.map %{{.*}} update : memref<300x64xbf16>
// CHECK: tile.kernel warps = 4 grid(%{{.*}} = %c19)
// CHECK-DAG: memref.extract_aligned_pointer_as_index %[[X]]
// CHECK-DAG: memref.extract_aligned_pointer_as_index %[[Y]]
// CHECK: vector.load %[[X]]{{.*}} {alignment = 16 : i64} : memref<300x64xbf16>, vector<8xbf16>
// CHECK-COUNT-8: math.exp
// CHECK: vector.store %{{.*}}, %[[Y]]{{.*}} {alignment = 16 : i64} : memref<300x64xbf16>, vector<8xbf16>
// CHECK: else
// CHECK: memref.load %[[X]]
// CHECK: math.exp
// CHECK: memref.store %{{.*}}, %[[Y]]
// CHECK: tile.device.unmap
// CHECK-NOT: linalg
func.func @elementwise(%x: memref<300x64xbf16>) -> memref<300x64xbf16> {
  %y = memref.alloc() : memref<300x64xbf16>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<300x64xbf16>) outs(%y : memref<300x64xbf16>) {
  ^bb0(%in: bf16, %out: bf16):
    %0 = math.exp %in : bf16
    linalg.yield %0 : bf16
  }
  return %y : memref<300x64xbf16>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i, 0)>
#column = affine_map<(i, j) -> (j)>

// The sum of squares, the fill in front of it and what scales by it: one kernel, and the sum stays in registers.
// CHECK-LABEL: func.func @norm
// CHECK: tile.kernel warps = 16 grid(%{{.*}} = %c8)
// CHECK: scf.for
// CHECK: nvvm.shfl.sync bfly
// CHECK: tile.scratch : memref<16xf32>
// CHECK: tile.barrier
// CHECK-NOT: tile.barrier
// CHECK: scf.for
// CHECK: math.rsqrt
// CHECK: tile.device.unmap
// CHECK-NOT: tile.kernel
func.func @norm(%x: memref<8x4096xf32>, %w: memref<4096xf32>) -> memref<8x4096xf32> {
  %zero = arith.constant 0.0 : f32
  %sum = memref.alloc() : memref<8x1xf32>
  %y = memref.alloc() : memref<8x4096xf32>
  linalg.fill ins(%zero : f32) outs(%sum : memref<8x1xf32>)
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<8x4096xf32>) outs(%sum : memref<8x1xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.mulf %in, %in : f32
    %1 = arith.addf %0, %out : f32
    linalg.yield %1 : f32
  }
  linalg.generic {indexing_maps = [#id, #row, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum, %w : memref<8x4096xf32>, memref<8x1xf32>, memref<4096xf32>) outs(%y : memref<8x4096xf32>) {
  ^bb0(%in: f32, %s: f32, %g: f32, %out: f32):
    %0 = math.rsqrt %s : f32
    %1 = arith.mulf %in, %0 : f32
    %2 = arith.mulf %1, %g : f32
    linalg.yield %2 : f32
  }
  return %y : memref<8x4096xf32>
}

// -----

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>

// A product is the library's, which needs no zeros.
// CHECK-LABEL: func.func @product
// CHECK-NOT: tile.kernel
// CHECK: tile.device.matmul transpose_b %{{.*}}, %{{.*}}, %{{.*}} : memref<4x8xf16>, memref<16x8xf16>, memref<4x16xf16>
// CHECK: tile.device.unmap
func.func @product(%x: memref<4x8xf16>, %w: memref<16x8xf16>) -> memref<4x16xf16> {
  %zero = arith.constant 0.0 : f16
  %y = memref.alloc() : memref<4x16xf16>
  linalg.fill ins(%zero : f16) outs(%y : memref<4x16xf16>)
  linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %w : memref<4x8xf16>, memref<16x8xf16>) outs(%y : memref<4x16xf16>)
  return %y : memref<4x16xf16>
}

// -----

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (k, n)>
#wt = affine_map<(m, n, k) -> (n, k)>

// What the library does not take runs in a kernel of loops, and the remark says why: types, layouts, loops.
// CHECK-LABEL: func.func @slow_products
// CHECK: tile.kernel
// CHECK-NOT: tile.device.matmul
func.func @slow_products(%x: memref<4x8xf16>, %p: memref<4x2x8xf16>, %q: memref<2x8x16xf16>, %i: memref<4x8xi8>, %j: memref<8x16xi8>,
                         %s: memref<16x8xf16, strided<[16, 2]>>, %y: memref<4x16xf32>, %z: memref<4x16xi32>) {
  // expected-remark @below {{multiplies matrices without tensor cores, not by cuBLASLt: expected two operands of one type, f16, bf16, f32 or f64, and a result of that type or f32; found i8 times i8 into i32}}
  linalg.matmul ins(%i, %j : memref<4x8xi8>, memref<8x16xi8>) outs(%z : memref<4x16xi32>)
  // expected-remark @below {{expected contiguous rows; those of operand 1 are not}}
  linalg.matmul indexing_maps = [#x, #wt, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %s : memref<4x8xf16>, memref<16x8xf16, strided<[16, 2]>>) outs(%y : memref<4x16xf32>)
  // expected-remark @below {{expected the loops of linalg.matmul or linalg.batch_matmul, with operands that may be transposed}}
  linalg.contract indexing_maps = [affine_map<(m, n, k, l) -> (m, k, l)>, affine_map<(m, n, k, l) -> (k, l, n)>, affine_map<(m, n, k, l) -> (m, n)>]
    ins(%p, %q : memref<4x2x8xf16>, memref<2x8x16xf16>) outs(%y : memref<4x16xf32>)
  return
}

// -----

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (k, n)>
#yt = affine_map<(m, n, k) -> (n, m)>

// What an einsum is: a product by the library, as named ones are. A transposed result is the product of transposed operands.
// CHECK-LABEL: func.func @einsums
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<4x8xf16>, %[[W:[a-z0-9]+]]: memref<8x16xf16>
// CHECK-DAG: %[[A:.*]] = tile.device.map %[[W]]
// CHECK-DAG: %[[B:.*]] = tile.device.map %[[X]]
// CHECK: tile.device.matmul {{.*}}%[[A]]{{.*}}, {{.*}}%[[B]]
// CHECK: tile.device.matmul
// CHECK-NOT: tile.kernel
func.func @einsums(%x: memref<4x8xf16>, %w: memref<8x16xf16>, %t: memref<16x4xf32>, %p: memref<3x4x8xf32>, %q: memref<3x16x8xf32>,
                   %y: memref<3x4x16xf32>) {
  linalg.contract indexing_maps = [#x, #w, #yt] ins(%x, %w : memref<4x8xf16>, memref<8x16xf16>) outs(%t : memref<16x4xf32>)
  linalg.generic {indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (b, n, k)>,
                                   affine_map<(b, m, n, k) -> (b, m, n)>],
                  iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %q : memref<3x4x8xf32>, memref<3x16x8xf32>) outs(%y : memref<3x4x16xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %out, %0 : f32
    linalg.yield %1 : f32
  }
  return
}

// -----

// A product that subtracts is none, and neither is one of exponentials.
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (k, n)>
#y = affine_map<(m, n, k) -> (m, n)>
// CHECK-LABEL: func.func @negative_products
// CHECK-NOT: tile.device.matmul
func.func @negative_products(%x: memref<4x8xf32>, %w: memref<8x16xf32>, %y: memref<4x16xf32>) {
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<4x8xf32>, memref<8x16xf32>) outs(%y : memref<4x16xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.subf %out, %0 : f32
    linalg.yield %1 : f32
  }
  return
}

// -----

// Operands of two types: the narrower one is widened by a kernel in front.
// CHECK-LABEL: func.func @mixed_products
// CHECK: %[[WIDE:.*]] = memref.alloc() : memref<4x8xf32>
// CHECK: tile.kernel
// CHECK: arith.extf
// CHECK: %[[A:.*]] = tile.device.map %[[WIDE]]
// CHECK: tile.device.matmul {{.*}}%[[A]]
// CHECK: memref.dealloc %[[WIDE]]
func.func @mixed_products(%x: memref<4x8xf16>, %w: memref<8x16xf32>, %y: memref<4x16xf32>) {
  // expected-remark @below {{multiplies 'f16' by 'f32': what is narrower is widened in memory first, in each call}}
  linalg.matmul ins(%x, %w : memref<4x8xf16>, memref<8x16xf32>) outs(%y : memref<4x16xf32>)
  return
}

// -----

#row = affine_map<(i, k) -> (i, k)>

// A matrix times a vector is a reduction of rows like others.
// CHECK-LABEL: func.func @negative_vector
// CHECK: tile.kernel
func.func @negative_vector(%x: memref<4x64xf16>, %w: memref<64xf32>, %y: memref<4xf32>) {
  linalg.contract indexing_maps = [#row, affine_map<(i, k) -> (k)>, affine_map<(i, k) -> (i)>]
    ins(%x, %w : memref<4x64xf16>, memref<64xf32>) outs(%y : memref<4xf32>)
  return
}

// -----

// A position that is an argument's is read by the kernel, wherever it leads: the host does not wait for it.
// CHECK-LABEL: func.func @insert
// CHECK-SAME: %[[AT:.*]]: memref<i64>, %[[NEW:.*]]: memref<2x64xf16>
// CHECK-NOT: memref.load
// CHECK: tile.kernel
// CHECK: memref.load %{{.*}}[] : memref<i64>
// CHECK: memref.subview
// CHECK: memref.store
// CHECK: tile.device.unmap
func.func @insert(%at: memref<i64>, %new: memref<2x64xf16>) -> memref<2x128x64xf16> {
  %cache = memref.alloc() : memref<2x128x64xf16>
  %0 = memref.load %at[] : memref<i64>
  %p = arith.index_cast %0 : i64 to index
  %slice = memref.subview %cache[0, %p, 0] [2, 1, 64] [1, 1, 1]
    : memref<2x128x64xf16> to memref<2x64xf16, strided<[8192, 1], offset: ?>>
  memref.copy %new, %slice : memref<2x64xf16> to memref<2x64xf16, strided<[8192, 1], offset: ?>>
  return %cache : memref<2x128x64xf16>
}

// -----

// So is what is asserted of it, once.
// CHECK-LABEL: func.func @assertion
// CHECK-SAME: %[[AT:.*]]: memref<i64>
// CHECK-NOT: cf.assert
// CHECK: tile.kernel warps = 1
// CHECK: memref.load
// CHECK: llvm.inline_asm has_side_effects {{.*}}@p trap;
// CHECK-NOT: tile.kernel
func.func @assertion(%at: memref<i64>) {
  %c8 = arith.constant 8 : i64
  %0 = memref.load %at[] : memref<i64>
  %1 = arith.cmpi slt, %0, %c8 : i64
  cf.assert %1, "outside"
  cf.assert %1, "outside as well"
  return
}

// -----

// What the device has no function for stays, and the remark says so.
// CHECK-LABEL: func.func @host
// CHECK: linalg.generic
func.func @host(%x: memref<8xf32>) -> memref<8xf32> {
  %y = memref.alloc() : memref<8xf32>
  // expected-remark @below {{runs on the host, between kernels: 'math.atan' has no lowering for the device}}
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : memref<8xf32>) outs(%y : memref<8xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.atan %in : f32
    linalg.yield %0 : f32
  }
  return %y : memref<8xf32>
}

// -----

#id = affine_map<(i) -> (i)>

// The halves of a rotation, and a row that goes elsewhere: one launch, each in blocks of its own. What reads them is another.
// CHECK-LABEL: func.func @together
// CHECK: tile.kernel warps = 4 grid(%[[BLOCK:.*]] = %c3)
// CHECK-COUNT-3: vector.store
// CHECK: tile.device.unmap
// CHECK: tile.kernel
// CHECK-NOT: tile.kernel
func.func @together(%x: memref<1024xf32>, %row: memref<500xf32>, %cache: memref<500xf32>) -> memref<1024xf32> {
  %y = memref.alloc() : memref<1024xf32>
  %x0 = memref.subview %x[0] [512] [1] : memref<1024xf32> to memref<512xf32, strided<[1]>>
  %x1 = memref.subview %x[512] [512] [1] : memref<1024xf32> to memref<512xf32, strided<[1], offset: 512>>
  %y0 = memref.subview %y[0] [512] [1] : memref<1024xf32> to memref<512xf32, strided<[1]>>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x1 : memref<512xf32, strided<[1], offset: 512>>) outs(%y0 : memref<512xf32, strided<[1]>>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.negf %in : f32
    linalg.yield %0 : f32
  }
  %y1 = memref.subview %y[512] [512] [1] : memref<1024xf32> to memref<512xf32, strided<[1], offset: 512>>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x0 : memref<512xf32, strided<[1]>>) outs(%y1 : memref<512xf32, strided<[1], offset: 512>>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  }
  memref.copy %row, %cache : memref<500xf32> to memref<500xf32>
  linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%y : memref<1024xf32>) {
  ^bb0(%out: f32):
    %0 = math.exp %out : f32
    linalg.yield %0 : f32
  }
  return %y : memref<1024xf32>
}

// -----

#id = affine_map<(i) -> (i)>

// Two parts of one buffer that one kernel writes are parts of one mapping: what the host has is copied back once.
// CHECK-LABEL: func.func @parts
// CHECK-SAME: %[[Y:[a-z0-9]+]]: memref<1024xf32>
// CHECK: %[[ALL:.*]] = tile.device.map %[[Y]] update : memref<1024xf32>
// CHECK-DAG: memref.subview %[[ALL]][0]
// CHECK-DAG: memref.subview %[[ALL]][512]
// CHECK-NOT: tile.device.map
// CHECK: tile.kernel
// CHECK-NOT: tile.kernel
func.func @parts(%y: memref<1024xf32>) {
  %y0 = memref.subview %y[0] [512] [1] : memref<1024xf32> to memref<512xf32, strided<[1]>>
  %y1 = memref.subview %y[512] [512] [1] : memref<1024xf32> to memref<512xf32, strided<[1], offset: 512>>
  linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%y0 : memref<512xf32, strided<[1]>>) {
  ^bb0(%out: f32):
    %0 = arith.negf %out : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%y1 : memref<512xf32, strided<[1], offset: 512>>) {
  ^bb0(%out: f32):
    %0 = math.exp %out : f32
    linalg.yield %0 : f32
  }
  return
}
