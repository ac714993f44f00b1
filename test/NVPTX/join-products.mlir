// Which products become kernels, and which share one.
// RUN: gqa-opt %s --gqa-offload --split-input-file | FileCheck %s

#x = affine_map<(m, n, k) -> (m, k)>
#along = affine_map<(m, n, k) -> (n, k)>
#across = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>

// Of 80, 32 and 24 columns, in tiles of 16: 5, 2 and 2 blocks. Sums of f32 that are rounded, and zeros in front, are no
// operations of their own. A chunk is two steps of two products, and one is on its way while another is multiplied.
// CHECK-LABEL: @qkv
// CHECK-NOT: linalg
// CHECK: tile.kernel warps = 4 grid(%[[BLOCK:.*]] = %c9
// CHECK: tile.scratch : memref<4x4x32xf32>
// CHECK: arith.cmpi slt, %[[BLOCK]], %c5
// CHECK-COUNT-2: vector.load {{.*}} {alignment = 16 : i64} : memref<80x256xbf16>, vector<8xbf16>
// CHECK: vector.load {{.*}} {alignment = 16 : i64} : memref<3x256xbf16>, vector<8xbf16>
// CHECK: scf.for
// CHECK: vector.load {{.*}} : memref<80x256xbf16>
// CHECK-COUNT-4: nvvm.mma.sync
// CHECK: scf.yield
// CHECK-COUNT-4: nvvm.mma.sync
// CHECK: arith.cmpi slt, %[[BLOCK]], %c7
// CHECK: tile.barrier
// CHECK-NOT: tile.device.matmul
// CHECK-NOT: linalg
// CHECK: return
func.func @qkv(%x: memref<3x256xbf16>, %q: memref<80x256xbf16>, %k: memref<32x256xbf16>, %v: memref<24x256xbf16>,
               %oq: memref<3x80xbf16>, %ok: memref<3x32xf32>, %ov: memref<3x24xbf16>) {
  %zero = arith.constant 0.0 : f32
  %wide = memref.alloc() : memref<3x80xf32>
  linalg.fill ins(%zero : f32) outs(%wide : memref<3x80xf32>)
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %q : memref<3x256xbf16>, memref<80x256xbf16>) outs(%wide : memref<3x80xf32>)
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%wide : memref<3x80xf32>) outs(%oq : memref<3x80xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %0 = arith.truncf %in : f32 to bf16
    linalg.yield %0 : bf16
  }
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %k : memref<3x256xbf16>, memref<32x256xbf16>) outs(%ok : memref<3x32xf32>)
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %v : memref<3x256xbf16>, memref<24x256xbf16>) outs(%ov : memref<3x24xbf16>)
  return
}

// -----

#x = affine_map<(b, m, n, k) -> (b, m, k)>
#across = affine_map<(b, m, n, k) -> (b, k, n)>
#c = affine_map<(b, m, n, k) -> (b, m, n)>

// Experts' weights that lie the other way: tiles of 64 columns, of each of three matrices.
// CHECK-LABEL: @experts
// CHECK: tile.kernel warps = 2 grid(%{{.*}} = %c9
// CHECK-COUNT-16: nvvm.mma.sync
// CHECK-NOT: tile.device.matmul
// CHECK: return
func.func @experts(%x: memref<3x4x64xf16>, %gate: memref<3x64x128xf16>, %up: memref<3x64x8xf16>, %og: memref<3x4x128xf16>, %ou: memref<3x4x8xf16>) {
  linalg.batch_matmul ins(%x, %gate : memref<3x4x64xf16>, memref<3x64x128xf16>) outs(%og : memref<3x4x128xf16>)
  linalg.batch_matmul ins(%x, %up : memref<3x4x64xf16>, memref<3x64x8xf16>) outs(%ou : memref<3x4x8xf16>)
  return
}

// -----

#x = affine_map<(m, n, k) -> (m, k)>
#along = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>

// How many rows there are the call knows.
// CHECK-LABEL: @rows
// CHECK: %[[M:.*]] = memref.dim %arg3
// CHECK: %[[MOST:.*]] = arith.cmpi sle, %[[M]], %c8
// CHECK: scf.if
// CHECK: tile.kernel
// CHECK: } else {
// CHECK-COUNT-2: tile.device.matmul
func.func @rows(%x: memref<?x64xbf16>, %a: memref<32x64xbf16>, %b: memref<32x64xbf16>, %oa: memref<?x32xbf16>, %ob: memref<?x32xbf16>) {
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %a : memref<?x64xbf16>, memref<32x64xbf16>) outs(%oa : memref<?x32xbf16>)
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %b : memref<?x64xbf16>, memref<32x64xbf16>) outs(%ob : memref<?x32xbf16>)
  return
}

// -----

// A gate and its partner of Llama 3 8B.
// CHECK-LABEL: @gate
// CHECK: tile.kernel warps = 8 grid(%{{.*}} = %c448
// CHECK-NOT: tile.device.matmul
// CHECK: return
func.func @gate(%x: memref<1x4096xbf16>, %a: memref<4096x14336xbf16>, %b: memref<4096x14336xbf16>, %oa: memref<1x14336xbf16>, %ob: memref<1x14336xbf16>) {
  linalg.matmul ins(%x, %a : memref<1x4096xbf16>, memref<4096x14336xbf16>) outs(%oa : memref<1x14336xbf16>)
  linalg.matmul ins(%x, %b : memref<1x4096xbf16>, memref<4096x14336xbf16>) outs(%ob : memref<1x14336xbf16>)
  return
}

// -----

#x = affine_map<(m, n, k) -> (m, k)>
#along = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>

// A product by itself is a kernel if that has a block for each of a chip's multiprocessors.
// CHECK-LABEL: @alone
// CHECK: tile.kernel warps = 8 grid(%{{.*}} = %c128
// CHECK-NOT: tile.device.matmul
// CHECK: return
func.func @alone(%x: memref<2x4096xf16>, %a: memref<2048x4096xf16>, %o: memref<2x2048xf16>) {
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %a : memref<2x4096xf16>, memref<2048x4096xf16>) outs(%o : memref<2x2048xf16>)
  return
}

// -----

#x = affine_map<(m, n, k) -> (m, k)>
#along = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: @negative_alone
// CHECK: tile.device.matmul
// CHECK-NOT: tile.kernel
// CHECK: return
func.func @negative_alone(%x: memref<2x4096xf16>, %a: memref<2032x4096xf16>, %o: memref<2x2032xf16>) {
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %a : memref<2x4096xf16>, memref<2032x4096xf16>) outs(%o : memref<2x2032xf16>)
  return
}

// -----

// CHECK-LABEL: @negative_asked
// CHECK-COUNT-2: tile.device.matmul
module attributes {gqa.library_products} {
  func.func @negative_asked(%x: memref<1x64xbf16>, %a: memref<64x32xbf16>, %b: memref<64x32xbf16>, %oa: memref<1x32xbf16>, %ob: memref<1x32xbf16>) {
    linalg.matmul ins(%x, %a : memref<1x64xbf16>, memref<64x32xbf16>) outs(%oa : memref<1x32xbf16>)
    linalg.matmul ins(%x, %b : memref<1x64xbf16>, memref<64x32xbf16>) outs(%ob : memref<1x32xbf16>)
    return
  }
}

// -----

// Products of more rows are bound by tensor cores; sums of f32 these do not take; rows of 60 elements are no pieces of
// 16 bytes, wherever they begin.
// CHECK-LABEL: @negative_forms
// CHECK-COUNT-8: tile.device.matmul
func.func @negative_forms(%x: memref<9x64xbf16>, %y: memref<1x64xf32>, %z: memref<1x64xbf16>, %a: memref<64x32xbf16>, %b: memref<64x32xf32>, %c: memref<64x60xbf16>,
                          %d: memref<64x60xbf16, strided<[64, 1]>>, %o0: memref<9x32xbf16>, %o1: memref<9x32xbf16>, %o2: memref<1x32xf32>, %o3: memref<1x32xf32>, %o4: memref<1x60xbf16>, %o5: memref<1x60xbf16>) {
  linalg.matmul ins(%x, %a : memref<9x64xbf16>, memref<64x32xbf16>) outs(%o0 : memref<9x32xbf16>)
  linalg.matmul ins(%x, %a : memref<9x64xbf16>, memref<64x32xbf16>) outs(%o1 : memref<9x32xbf16>)
  linalg.matmul ins(%y, %b : memref<1x64xf32>, memref<64x32xf32>) outs(%o2 : memref<1x32xf32>)
  linalg.matmul ins(%y, %b : memref<1x64xf32>, memref<64x32xf32>) outs(%o3 : memref<1x32xf32>)
  linalg.matmul ins(%z, %c : memref<1x64xbf16>, memref<64x60xbf16>) outs(%o4 : memref<1x60xbf16>)
  linalg.matmul ins(%z, %c : memref<1x64xbf16>, memref<64x60xbf16>) outs(%o5 : memref<1x60xbf16>)
  linalg.matmul ins(%z, %d : memref<1x64xbf16>, memref<64x60xbf16, strided<[64, 1]>>) outs(%o4 : memref<1x60xbf16>)
  linalg.matmul ins(%z, %d : memref<1x64xbf16>, memref<64x60xbf16, strided<[64, 1]>>) outs(%o5 : memref<1x60xbf16>)
  return
}

// -----

// The second one reads what the first has written, and adds to it; another operand; and something in between that reads the
// first.
// CHECK-LABEL: @negative_order
// CHECK: tile.device.matmul
// CHECK: tile.device.matmul
// CHECK: tile.device.matmul
// CHECK: tile.device.matmul
// CHECK: tile.kernel
// CHECK: tile.device.matmul
func.func @negative_order(%x: memref<8x64xbf16>, %y: memref<8x64xbf16>, %a: memref<64x64xbf16>, %o: memref<64x64xbf16>, %p: memref<8x64xbf16>) {
  %part = memref.subview %o[0, 0] [8, 64] [1, 1] : memref<64x64xbf16> to memref<8x64xbf16, strided<[64, 1]>>
  linalg.matmul ins(%x, %a : memref<8x64xbf16>, memref<64x64xbf16>) outs(%part : memref<8x64xbf16, strided<[64, 1]>>)
  linalg.matmul ins(%x, %o : memref<8x64xbf16>, memref<64x64xbf16>) outs(%p : memref<8x64xbf16>)
  linalg.matmul ins(%x, %a : memref<8x64xbf16>, memref<64x64xbf16>) outs(%p : memref<8x64xbf16>)
  linalg.matmul ins(%y, %a : memref<8x64xbf16>, memref<64x64xbf16>) outs(%part : memref<8x64xbf16, strided<[64, 1]>>)
  memref.copy %p, %y : memref<8x64xbf16> to memref<8x64xbf16>
  linalg.matmul ins(%y, %a : memref<8x64xbf16>, memref<64x64xbf16>) outs(%p : memref<8x64xbf16>)
  return
}
