// Rows times the matrices of their groups: what becomes one kernel, and what stays a reduction.
// RUN: gqa-opt %s --gqa-offload --split-input-file | FileCheck %s

#x = affine_map<(m, n, k) -> (m, k)>
#g = affine_map<(m, n, k) -> (m)>
#c = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>

// A block for each of 6 rows and of 2 tiles of 16 columns. The group is asserted of once for each row that a block looks at, zeros
// and the rounding are no operations of their own.
// CHECK-LABEL: @few
// CHECK-NOT: linalg
// CHECK: tile.kernel warps = 4 grid(%[[BLOCK:.*]] = %c12
// CHECK: tile.scratch : memref<4x4x32xf32>
// CHECK: %[[NUMBER:.*]] = memref.load %{{.*}} : memref<6xi64>
// CHECK: %[[GROUP:.*]] = arith.index_cast %[[NUMBER]]
// CHECK: llvm.inline_asm {{.*}}trap
// CHECK: scf.if
// CHECK: vector.load %{{.*}}[%[[GROUP]], {{.*}} : memref<4x32x256xbf16>, vector<8xbf16>
// CHECK: scf.for
// CHECK-COUNT-4: nvvm.mma.sync
// CHECK: scf.yield
// CHECK: tile.barrier
// CHECK: scf.while
// CHECK: memref.store {{.*}} : memref<6x32xbf16>
// CHECK-NOT: linalg
// CHECK: return
func.func @few(%x: memref<6x256xbf16>, %w: memref<4x32x256xbf16>, %numbers: memref<6xi64>, %y: memref<6x32xbf16>) {
  %zero = arith.constant 0.0 : f32
  %c4 = arith.constant 4 : index
  %wide = memref.alloc() : memref<6x32xf32>
  linalg.fill ins(%zero : f32) outs(%wide : memref<6x32xf32>)
  linalg.generic {indexing_maps = [#x, #g, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %numbers : memref<6x256xbf16>, memref<6xi64>) outs(%wide : memref<6x32xf32>) {
  ^bb0(%in: bf16, %number: i64, %so: f32):
    %group = arith.index_cast %number : i64 to index
    %n = linalg.index 1 : index
    %k = linalg.index 2 : index
    %exists = arith.cmpi ult, %group, %c4 : index
    cf.assert %exists, "there is no such group"
    %weight = memref.load %w[%group, %n, %k] : memref<4x32x256xbf16>
    %0 = arith.extf %in : bf16 to f32
    %1 = arith.extf %weight : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %so, %2 fastmath<reassoc> : f32
    linalg.yield %3 : f32
  }
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%wide : memref<6x32xf32>) outs(%y : memref<6x32xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %0 = arith.truncf %in : f32 to bf16
    linalg.yield %0 : bf16
  }
  memref.dealloc %wide : memref<6x32xf32>
  return
}

// -----

#x = affine_map<(m, n, k) -> (m, k)>
#g = affine_map<(m, n, k) -> (m)>
#c = affine_map<(m, n, k) -> (m, n)>

// How many rows there are says the call: a block for each of few, and where buffers do not begin at 16 bytes, else for 128 of them. A
// block of weights that lie across the sums has 64 rows; what is there is added.
// CHECK-LABEL: @lengths
// CHECK: %[[MANY:.*]] = arith.cmpi sgt, %{{.*}}, %c64
// CHECK: arith.andi %[[MANY]]
// CHECK: scf.if
// CHECK: tile.kernel warps = 8
// CHECK: %[[X:.*]] = tile.ring : <2x128x64xf16>
// CHECK: %[[W:.*]] = tile.ring : <2x64x128xf16>
// CHECK: tile.load %{{.*}} into %[[X]][{{.*}}] joined
// CHECK: tile.load %{{.*}} into %[[W]]
// CHECK: tile.acquire %[[X]] younger = 0
// CHECK: tile.warp.multiply %[[X]][{{.*}}], %[[W]][{{.*}}] across onto
// CHECK: tile.warp.write {{.*}} add
// CHECK: gqa.resident = 2
// CHECK: else
// CHECK: tile.kernel warps = 8
// CHECK-NOT: tile.ring
// CHECK-NOT: linalg
// CHECK: return
func.func @lengths(%x: memref<?x256xf16>, %w: memref<4x256x64xf16>, %numbers: memref<?xi64>, %y: memref<?x64xf32>) {
  linalg.generic {indexing_maps = [#x, #g, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %numbers : memref<?x256xf16>, memref<?xi64>) outs(%y : memref<?x64xf32>) {
  ^bb0(%in: f16, %number: i64, %so: f32):
    %group = arith.index_cast %number : i64 to index
    %n = linalg.index 1 : index
    %k = linalg.index 2 : index
    %weight = memref.load %w[%group, %k, %n] : memref<4x256x64xf16>
    %0 = arith.extf %in : f16 to f32
    %1 = arith.extf %weight : f16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %2, %so : f32
    linalg.yield %3 : f32
  }
  return
}

// -----

#x = affine_map<(m, n, k) -> (m, k)>
#g = affine_map<(m, n, k) -> (m)>
#c = affine_map<(m, n, k) -> (m, n)>

// Matrices of which every other row is taken, and rows of no whole 16 bytes.
// CHECK-LABEL: @negative
// CHECK-NOT: mma.sync
// CHECK: return
func.func @negative(%x: memref<6x256xf16>, %w: memref<4x64x512xf16>, %v: memref<4x64x252xf16>, %z: memref<6x252xf16>, %numbers: memref<6xi64>,
                    %y: memref<6x64xf32>) {
  %c2 = arith.constant 2 : index
  linalg.generic {indexing_maps = [#x, #g, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %numbers : memref<6x256xf16>, memref<6xi64>) outs(%y : memref<6x64xf32>) {
  ^bb0(%in: f16, %number: i64, %so: f32):
    %group = arith.index_cast %number : i64 to index
    %n = linalg.index 1 : index
    %k = linalg.index 2 : index
    %place = arith.muli %k, %c2 : index
    %weight = memref.load %w[%group, %n, %place] : memref<4x64x512xf16>
    %0 = arith.extf %in : f16 to f32
    %1 = arith.extf %weight : f16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %so, %2 fastmath<reassoc> : f32
    linalg.yield %3 : f32
  }
  linalg.generic {indexing_maps = [#x, #g, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%z, %numbers : memref<6x252xf16>, memref<6xi64>) outs(%y : memref<6x64xf32>) {
  ^bb0(%in: f16, %number: i64, %so: f32):
    %group = arith.index_cast %number : i64 to index
    %n = linalg.index 1 : index
    %k = linalg.index 2 : index
    %weight = memref.load %v[%group, %n, %k] : memref<4x64x252xf16>
    %0 = arith.extf %in : f16 to f32
    %1 = arith.extf %weight : f16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %so, %2 fastmath<reassoc> : f32
    linalg.yield %3 : f32
  }
  return
}
