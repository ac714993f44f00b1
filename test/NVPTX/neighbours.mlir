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

// -----

// A token's row of a table: its number is loaded and tested once for 8 elements, which come together. What a row
// is from is not known to be the same elsewhere, and is one point at a time: columns of the table, and a place that depends on the column.
// CHECK-LABEL: func.func @embedding
// CHECK: tile.kernel
// CHECK: memref.load {{.*}} : memref<6xi64>
// CHECK-COUNT-1: llvm.inline_asm
// CHECK-NOT: llvm.inline_asm
// CHECK: vector.load {{.*}} {alignment = 16 : i64} : memref<100x64xbf16>, vector<8xbf16>
// CHECK: vector.store {{.*}} {alignment = 16 : i64} : memref<6x64xbf16>, vector<8xbf16>
// CHECK-LABEL: func.func @no_row
// CHECK-NOT: vector.load
// CHECK: return
#token = affine_map<(i, j) -> (i)>
#out = affine_map<(i, j) -> (i, j)>
func.func @embedding(%ids: memref<6xi64>, %table: memref<100x64xbf16>, %y: memref<6x64xbf16>) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c100 = arith.constant 100 : index
  linalg.generic {indexing_maps = [#token, #out], iterator_types = ["parallel", "parallel"]} ins(%ids : memref<6xi64>) outs(%y : memref<6x64xbf16>) {
  ^bb0(%id: i64, %o: bf16):
    %i = arith.index_cast %id : i64 to index
    %j = linalg.index 1 : index
    %known = arith.cmpi ult, %i, %c100 : index
    %low = arith.cmpi sge, %j, %c0 : index
    %high = arith.cmpi slt, %j, %c64 : index
    %within = arith.andi %low, %high : i1
    %inside = arith.andi %known, %within : i1
    cf.assert %inside, "outside"
    %v = memref.load %table[%i, %j] : memref<100x64xbf16>
    linalg.yield %v : bf16
  }
  return
}
func.func @no_row(%ids: memref<6xi64>, %table: memref<64x100xbf16>, %all: memref<6x64xi64>, %y: memref<6x64xbf16>, %z: memref<6x64xbf16>) {
  linalg.generic {indexing_maps = [#token, #out], iterator_types = ["parallel", "parallel"]} ins(%ids : memref<6xi64>) outs(%y : memref<6x64xbf16>) {
  ^bb0(%id: i64, %o: bf16):
    %i = arith.index_cast %id : i64 to index
    %j = linalg.index 1 : index
    %v = memref.load %table[%j, %i] : memref<64x100xbf16>
    linalg.yield %v : bf16
  }
  linalg.generic {indexing_maps = [#out, #out], iterator_types = ["parallel", "parallel"]} ins(%all : memref<6x64xi64>) outs(%z : memref<6x64xbf16>) {
  ^bb0(%id: i64, %o: bf16):
    %i = arith.index_cast %id : i64 to index
    %j = linalg.index 1 : index
    %v = memref.load %table[%i, %j] : memref<64x100xbf16>
    linalg.yield %v : bf16
  }
  return
}
