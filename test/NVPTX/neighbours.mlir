// How many neighbours a thread takes, and where it takes one point.
// RUN: gqa-opt %s --split-input-file --gqa-offload --canonicalize --cse | FileCheck %s

#each = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i, 0)>
#column = affine_map<(i, j) -> (j)>

// Of numbers of two widths 8: the wider ones are two loads. A scale for each row is one load, and none of a vector.
// CHECK-LABEL: func.func @widths
// CHECK: tile.kernel
// CHECK: vector.load {{.*}} {alignment = 16 : i64} : memref<6x64xf16>, vector<8xf16>
// CHECK: memref.load {{.*}} : memref<6x1xf32>
// CHECK: vector.store {{.*}} {alignment = 16 : i64} : memref<6x64xf32>, vector<8xf32>
func.func @widths(%x: memref<6x64xf16>, %scale: memref<6x1xf32>, %y: memref<6x64xf32>) {
  linalg.generic {indexing_maps = [#each, #row, #each], iterator_types = ["parallel", "parallel"]}
      ins(%x, %scale : memref<6x64xf16>, memref<6x1xf32>) outs(%y : memref<6x64xf32>) {
  ^bb0(%in: f16, %s: f32, %out: f32):
    %0 = arith.extf %in : f16 to f32
    %1 = arith.mulf %0, %s : f32
    linalg.yield %1 : f32
  }
  return
}

// -----

#each = affine_map<(i, j) -> (i, j)>

// Rows of 12 begin at multiples of 4, rows of 113 anywhere. One row of 113 has a rest, which is a loop.
// CHECK-LABEL: func.func @sizes
// CHECK: vector<4xf16>
// CHECK: memref.store {{.*}} : memref<5x113xf16>
// CHECK-NOT: memref<5x113xf16>, vector
// CHECK: vector.store {{.*}} : memref<1x113xf16>, vector<8xf16>
// CHECK: else
// CHECK: scf.for
// CHECK: memref.store {{.*}} : memref<1x113xf16>
func.func @sizes(%x: memref<7x12xf16>, %y: memref<5x113xf16>, %z: memref<1x113xf16>) {
  linalg.generic {indexing_maps = [#each], iterator_types = ["parallel", "parallel"]} outs(%x : memref<7x12xf16>) {
  ^bb0(%out: f16):
    %0 = arith.negf %out : f16
    linalg.yield %0 : f16
  }
  linalg.generic {indexing_maps = [#each], iterator_types = ["parallel", "parallel"]} outs(%y : memref<5x113xf16>) {
  ^bb0(%out: f16):
    %0 = arith.negf %out : f16
    linalg.yield %0 : f16
  }
  linalg.generic {indexing_maps = [#each], iterator_types = ["parallel", "parallel"]} outs(%z : memref<1x113xf16>) {
  ^bb0(%out: f16):
    %0 = arith.negf %out : f16
    linalg.yield %0 : f16
  }
  return
}

// -----

#each = affine_map<(i, j) -> (i, j)>
#turned = affine_map<(i, j) -> (j, i)>

// Columns are not next to each other.
// CHECK-LABEL: func.func @no_columns
// CHECK-NOT: vector.load
// CHECK-NOT: vector.store
// CHECK: return
func.func @no_columns(%x: memref<64x32xf16>, %y: memref<32x64xf16>) {
  linalg.generic {indexing_maps = [#turned, #each], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<64x32xf16>) outs(%y : memref<32x64xf16>) {
  ^bb0(%in: f16, %out: f16):
    linalg.yield %in : f16
  }
  return
}

// -----

#each = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i, 0)>

// A norm of 16-bit numbers: 8 for each thread of 16 warps, read again by the thread that has written them, so that the
// only barrier is that of the sum.
// CHECK-LABEL: func.func @norm
// CHECK: tile.kernel warps = 16
// CHECK: vector.load {{.*}} : memref<8x4096xbf16>, vector<8xbf16>
// CHECK: vector.store {{.*}} : memref<8x4096xf32>, vector<8xf32>
// CHECK-NOT: tile.barrier
// CHECK: vector.load {{.*}} : memref<8x4096xf32>, vector<8xf32>
// CHECK: tile.barrier
// CHECK-NOT: tile.barrier
// CHECK: vector.store {{.*}} : memref<8x4096xbf16>, vector<8xbf16>
// CHECK-NOT: tile.barrier
// CHECK: return
func.func @norm(%x: memref<8x4096xbf16>, %sum: memref<8x1xf32>, %y: memref<8x4096xbf16>) {
  %zero = arith.constant 0.0 : f32
  %wide = memref.alloc() : memref<8x4096xf32>
  linalg.fill ins(%zero : f32) outs(%sum : memref<8x1xf32>)
  linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<8x4096xbf16>) outs(%wide : memref<8x4096xf32>) {
  ^bb0(%in: bf16, %out: f32):
    %0 = arith.extf %in : bf16 to f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [#each, #row], iterator_types = ["parallel", "reduction"]}
      ins(%wide : memref<8x4096xf32>) outs(%sum : memref<8x1xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.mulf %in, %in : f32
    %1 = arith.addf %0, %out : f32
    linalg.yield %1 : f32
  }
  linalg.generic {indexing_maps = [#each, #row, #each], iterator_types = ["parallel", "parallel"]}
      ins(%wide, %sum : memref<8x4096xf32>, memref<8x1xf32>) outs(%y : memref<8x4096xbf16>) {
  ^bb0(%in: f32, %s: f32, %out: bf16):
    %0 = arith.mulf %in, %s : f32
    %1 = arith.truncf %0 : f32 to bf16
    linalg.yield %1 : bf16
  }
  return
}
