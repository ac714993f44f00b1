// What is computed where the sums of products are, and rows that are computed in front of them.
// RUN: gqa-opt %s --gqa-offload --split-input-file | FileCheck %s

#x = affine_map<(m, n, k) -> (m, k)>
#along = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
#id3 = affine_map<(b, m, n) -> (b, m, n)>

// Half of a block's warps have the gate's columns, half its partner's; results of f16 are rounded as before, and not stored.
// CHECK-LABEL: @gate
// CHECK: tile.kernel warps = 8 grid(%{{.*}} = %c5
// CHECK: arith.cmpi slt, %{{.*}}, %c4
// CHECK-COUNT-8: nvvm.mma.sync
// CHECK: tile.barrier
// CHECK-COUNT-4: memref.load {{.*}} : memref<4x8x32xf32>
// CHECK: arith.truncf {{.*}} : f32 to f16
// CHECK-COUNT-4: memref.load {{.*}} : memref<4x8x32xf32>
// CHECK: arith.truncf {{.*}} : f32 to f16
// CHECK: math.tanh
// CHECK: arith.mulf
// CHECK: memref.store {{.*}} : memref<1x1x80xf16>
// CHECK-NOT: tile.kernel
// CHECK: return
func.func @gate(%x: memref<1x512xf16>, %a: memref<80x512xf16>, %b: memref<80x512xf16>) -> memref<1x1x80xf16> {
  %zero = arith.constant 0.0 : f32
  %none = arith.constant 0.0 : f16
  %wide = memref.alloc() : memref<1x80xf32>
  %gate = memref.alloc() : memref<1x80xf16>
  %up = memref.alloc() : memref<1x80xf16>
  linalg.fill ins(%zero : f32) outs(%wide : memref<1x80xf32>)
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %a : memref<1x512xf16>, memref<80x512xf16>) outs(%wide : memref<1x80xf32>)
  linalg.fill ins(%none : f16) outs(%up : memref<1x80xf16>)
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %b : memref<1x512xf16>, memref<80x512xf16>) outs(%up : memref<1x80xf16>)
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%wide : memref<1x80xf32>) outs(%gate : memref<1x80xf16>) {
  ^bb0(%in: f32, %out: f16):
    %0 = arith.truncf %in : f32 to f16
    linalg.yield %0 : f16
  }
  %g = memref.expand_shape %gate [[0], [1, 2]] output_shape [1, 1, 80] : memref<1x80xf16> into memref<1x1x80xf16>
  %u = memref.expand_shape %up [[0], [1, 2]] output_shape [1, 1, 80] : memref<1x80xf16> into memref<1x1x80xf16>
  %y = memref.alloc() : memref<1x1x80xf16>
  linalg.generic {indexing_maps = [#id3, #id3, #id3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%g, %u : memref<1x1x80xf16>, memref<1x1x80xf16>) outs(%y : memref<1x1x80xf16>) {
  ^bb0(%p: f16, %q: f16, %out: f16):
    %0 = math.tanh %p : f16
    %1 = arith.mulf %0, %q : f16
    linalg.yield %1 : f16
  }
  return %y : memref<1x1x80xf16>
}

// -----

#x = affine_map<(m, n, k) -> (m, k)>
#along = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (n)>

// q has a bias of its own, and so has v; k has none. All warps have parts of each sum, and q + b is another launch's.
// CHECK-LABEL: @biases
// CHECK: tile.kernel warps = 8
// CHECK: memref.load {{.*}} : memref<64xbf16>
// CHECK: memref.load {{.*}} : memref<32xbf16>
// CHECK: tile.kernel
// CHECK: math.exp
// CHECK-NOT: tile.kernel
// CHECK: return
func.func @biases(%x: memref<2x512xbf16>, %q: memref<64x512xbf16>, %k: memref<32x512xbf16>, %v: memref<32x512xbf16>, %bq: memref<64xbf16>, %bv: memref<32xbf16>, %ok: memref<2x32xbf16>, %ov: memref<2x32xbf16>) -> memref<2x64xbf16> {
  %rq = memref.alloc() : memref<2x64xbf16>
  %rv = memref.alloc() : memref<2x32xbf16>
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %q : memref<2x512xbf16>, memref<64x512xbf16>) outs(%rq : memref<2x64xbf16>)
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %k : memref<2x512xbf16>, memref<32x512xbf16>) outs(%ok : memref<2x32xbf16>)
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %v : memref<2x512xbf16>, memref<32x512xbf16>) outs(%rv : memref<2x32xbf16>)
  %sq = memref.alloc() : memref<2x64xbf16>
  linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%rq, %bq : memref<2x64xbf16>, memref<64xbf16>) outs(%sq : memref<2x64xbf16>) {
  ^bb0(%p: bf16, %b: bf16, %out: bf16):
    %0 = arith.addf %p, %b : bf16
    linalg.yield %0 : bf16
  }
  %y = memref.alloc() : memref<2x64xbf16>
  linalg.exp ins(%sq : memref<2x64xbf16>) outs(%y : memref<2x64xbf16>)
  linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%rv, %bv : memref<2x32xbf16>, memref<32xbf16>) outs(%ov : memref<2x32xbf16>) {
  ^bb0(%p: bf16, %b: bf16, %out: bf16):
    %0 = arith.addf %p, %b : bf16
    linalg.yield %0 : bf16
  }
  return %y : memref<2x64xbf16>
}

// -----

#x = affine_map<(m, n, k) -> (m, k)>
#along = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>

// 127 blocks of two products each leave memory idle for longer than a launch takes; 128 do not.
// CHECK-LABEL: @negative_few
// CHECK-COUNT-2: tile.kernel
// CHECK: return
// CHECK-LABEL: @many
// CHECK: tile.kernel warps = 8 grid(%{{.*}} = %c128
// CHECK-NOT: tile.kernel
// CHECK: return
func.func @negative_few(%x: memref<1x2048xf16>, %a: memref<2032x2048xf16>, %b: memref<2032x2048xf16>, %y: memref<1x2032xf16>) {
  %ra = memref.alloc() : memref<1x2032xf16>
  %rb = memref.alloc() : memref<1x2032xf16>
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %a : memref<1x2048xf16>, memref<2032x2048xf16>) outs(%ra : memref<1x2032xf16>)
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %b : memref<1x2048xf16>, memref<2032x2048xf16>) outs(%rb : memref<1x2032xf16>)
  linalg.mul ins(%ra, %rb : memref<1x2032xf16>, memref<1x2032xf16>) outs(%y : memref<1x2032xf16>)
  return
}
func.func @many(%x: memref<1x2048xf16>, %a: memref<2048x2048xf16>, %b: memref<2048x2048xf16>, %y: memref<1x2048xf16>) {
  %ra = memref.alloc() : memref<1x2048xf16>
  %rb = memref.alloc() : memref<1x2048xf16>
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %a : memref<1x2048xf16>, memref<2048x2048xf16>) outs(%ra : memref<1x2048xf16>)
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %b : memref<1x2048xf16>, memref<2048x2048xf16>) outs(%rb : memref<1x2048xf16>)
  linalg.mul ins(%ra, %rb : memref<1x2048xf16>, memref<1x2048xf16>) outs(%y : memref<1x2048xf16>)
  return
}

// -----

// A second reader; an order of its own; a reduction; columns of two products that are not the same; another result over what a
// block of the products may still read; what is written in between.
// CHECK-LABEL: @negative_second_reader
// CHECK: tile.kernel
// CHECK: tile.kernel
// CHECK: return
func.func @negative_second_reader(%x: memref<1x64xf16>, %a: memref<64x32xf16>, %b: memref<64x32xf16>, %y: memref<1x32xf16>) -> memref<1x32xf16> {
  %ra = memref.alloc() : memref<1x32xf16>
  %rb = memref.alloc() : memref<1x32xf16>
  linalg.matmul ins(%x, %a : memref<1x64xf16>, memref<64x32xf16>) outs(%ra : memref<1x32xf16>)
  linalg.matmul ins(%x, %b : memref<1x64xf16>, memref<64x32xf16>) outs(%rb : memref<1x32xf16>)
  linalg.mul ins(%ra, %rb : memref<1x32xf16>, memref<1x32xf16>) outs(%y : memref<1x32xf16>)
  return %ra : memref<1x32xf16>
}

// CHECK-LABEL: @negative_order
// CHECK: tile.kernel
// CHECK: tile.kernel
// CHECK: return
func.func @negative_order(%x: memref<2x64xf16>, %a: memref<64x32xf16>, %b: memref<64x32xf16>, %y: memref<32x2xf16>) {
  %ra = memref.alloc() : memref<2x32xf16>
  %rb = memref.alloc() : memref<2x32xf16>
  linalg.matmul ins(%x, %a : memref<2x64xf16>, memref<64x32xf16>) outs(%ra : memref<2x32xf16>)
  linalg.matmul ins(%x, %b : memref<2x64xf16>, memref<64x32xf16>) outs(%rb : memref<2x32xf16>)
  linalg.generic {indexing_maps = [affine_map<(n, m) -> (m, n)>, affine_map<(n, m) -> (m, n)>, affine_map<(n, m) -> (n, m)>], iterator_types = ["parallel", "parallel"]} ins(%ra, %rb : memref<2x32xf16>, memref<2x32xf16>) outs(%y : memref<32x2xf16>) {
  ^bb0(%p: f16, %q: f16, %out: f16):
    %0 = arith.mulf %p, %q : f16
    linalg.yield %0 : f16
  }
  return
}

// CHECK-LABEL: @negative_reduction
// CHECK: tile.kernel
// CHECK: tile.kernel
// CHECK: return
func.func @negative_reduction(%x: memref<1x64xf16>, %a: memref<64x32xf16>, %b: memref<64x32xf16>, %o: memref<1x32xf16>, %y: memref<1xf16>) {
  %ra = memref.alloc() : memref<1x32xf16>
  linalg.matmul ins(%x, %a : memref<1x64xf16>, memref<64x32xf16>) outs(%ra : memref<1x32xf16>)
  linalg.matmul ins(%x, %b : memref<1x64xf16>, memref<64x32xf16>) outs(%o : memref<1x32xf16>)
  linalg.reduce { arith.addf } ins(%ra : memref<1x32xf16>) outs(%y : memref<1xf16>) dimensions = [1]
  return
}

// CHECK-LABEL: @negative_columns
// CHECK: tile.kernel
// CHECK: tile.kernel
// CHECK: return
func.func @negative_columns(%x: memref<1x64xf16>, %a: memref<64x32xf16>, %b: memref<64x64xf16>, %y: memref<1x32xf16>) {
  %ra = memref.alloc() : memref<1x32xf16>
  %rb = memref.alloc() : memref<1x64xf16>
  linalg.matmul ins(%x, %a : memref<1x64xf16>, memref<64x32xf16>) outs(%ra : memref<1x32xf16>)
  linalg.matmul ins(%x, %b : memref<1x64xf16>, memref<64x64xf16>) outs(%rb : memref<1x64xf16>)
  %half = memref.subview %rb[0, 32] [1, 32] [1, 1] : memref<1x64xf16> to memref<1x32xf16, strided<[64, 1], offset: 32>>
  linalg.mul ins(%ra, %half : memref<1x32xf16>, memref<1x32xf16, strided<[64, 1], offset: 32>>) outs(%y : memref<1x32xf16>)
  return
}

// CHECK-LABEL: @negative_in_place
// CHECK: tile.kernel
// CHECK: tile.kernel
// CHECK: return
func.func @negative_in_place(%x: memref<1x64xf16>, %a: memref<64x64xf16>, %b: memref<64x64xf16>) {
  %ra = memref.alloc() : memref<1x64xf16>
  %rb = memref.alloc() : memref<1x64xf16>
  linalg.matmul ins(%x, %a : memref<1x64xf16>, memref<64x64xf16>) outs(%ra : memref<1x64xf16>)
  linalg.matmul ins(%x, %b : memref<1x64xf16>, memref<64x64xf16>) outs(%rb : memref<1x64xf16>)
  linalg.mul ins(%ra, %rb : memref<1x64xf16>, memref<1x64xf16>) outs(%x : memref<1x64xf16>)
  return
}

// CHECK-LABEL: @negative_in_between
// CHECK: tile.kernel
// CHECK: tile.kernel
// CHECK: tile.kernel
// CHECK: return
func.func @negative_in_between(%x: memref<1x64xf16>, %a: memref<64x32xf16>, %b: memref<64x32xf16>, %o: memref<1x32xf16>, %z: memref<1x32xf16>, %y: memref<1x32xf16>) {
  %ra = memref.alloc() : memref<1x32xf16>
  linalg.matmul ins(%x, %a : memref<1x64xf16>, memref<64x32xf16>) outs(%ra : memref<1x32xf16>)
  linalg.matmul ins(%x, %b : memref<1x64xf16>, memref<64x32xf16>) outs(%o : memref<1x32xf16>)
  linalg.exp ins(%o : memref<1x32xf16>) outs(%z : memref<1x32xf16>)
  linalg.mul ins(%ra, %z : memref<1x32xf16>, memref<1x32xf16>) outs(%y : memref<1x32xf16>)
  return
}

// -----

#x = affine_map<(m, n, k) -> (m, k)>
#along = affine_map<(m, n, k) -> (n, k)>
#c = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (m)>

// Rows in front: both go to shared memory, with their sums, behind requests for weights, and products read them there.
// CHECK-LABEL: @norm
// CHECK: tile.kernel warps = 8
// CHECK: tile.scratch : memref<4x8x32xf32>
// CHECK: tile.scratch : memref<2xf32>
// CHECK: %[[ROWS:.*]] = tile.scratch : memref<2x1x512xbf16>
// CHECK: %[[X:.*]] = memref.reinterpret_cast %[[ROWS]]
// CHECK-COUNT-8: prefetch.global.L2
// CHECK: vector.load %[[X]]
// CHECK-NOT: tile.kernel
// CHECK: return
func.func @norm(%from: memref<2x512xbf16>, %a: memref<40x512xbf16>, %b: memref<24x512xbf16>, %oa: memref<2x40xbf16>, %ob: memref<2x24xbf16>) {
  %zero = arith.constant 0.0 : f32
  %sums = memref.alloc() : memref<2xf32>
  %rows = memref.alloc() : memref<2x1x512xbf16>
  linalg.fill ins(%zero : f32) outs(%sums : memref<2xf32>)
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%from : memref<2x512xbf16>) outs(%sums : memref<2xf32>) {
  ^bb0(%p: bf16, %so: f32):
    %0 = arith.extf %p : bf16 to f32
    %1 = arith.addf %so, %0 : f32
    linalg.yield %1 : f32
  }
  linalg.generic {indexing_maps = [affine_map<(m, o, n) -> (m, n)>, affine_map<(m, o, n) -> (m)>, affine_map<(m, o, n) -> (m, o, n)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%from, %sums : memref<2x512xbf16>, memref<2xf32>) outs(%rows : memref<2x1x512xbf16>) {
  ^bb0(%p: bf16, %s: f32, %out: bf16):
    %0 = arith.truncf %s : f32 to bf16
    %1 = arith.mulf %p, %0 : bf16
    linalg.yield %1 : bf16
  }
  %x = memref.collapse_shape %rows [[0, 1], [2]] : memref<2x1x512xbf16> into memref<2x512xbf16>
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %a : memref<2x512xbf16>, memref<40x512xbf16>) outs(%oa : memref<2x40xbf16>)
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%x, %b : memref<2x512xbf16>, memref<24x512xbf16>) outs(%ob : memref<2x24xbf16>)
  return
}

// A second reader of the rows; a result over what they are computed of.
// CHECK-LABEL: @negative_norm_read
// CHECK-COUNT-2: tile.kernel
// CHECK: return
func.func @negative_norm_read(%from: memref<2x512xbf16>, %a: memref<40x512xbf16>, %b: memref<24x512xbf16>, %oa: memref<2x40xbf16>, %ob: memref<2x24xbf16>) -> memref<2x512xbf16> {
  %zero = arith.constant 0.0 : f32
  %sums = memref.alloc() : memref<2xf32>
  %rows = memref.alloc() : memref<2x512xbf16>
  linalg.fill ins(%zero : f32) outs(%sums : memref<2xf32>)
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%from : memref<2x512xbf16>) outs(%sums : memref<2xf32>) {
  ^bb0(%p: bf16, %so: f32):
    %0 = arith.extf %p : bf16 to f32
    %1 = arith.addf %so, %0 : f32
    linalg.yield %1 : f32
  }
  linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%from, %sums : memref<2x512xbf16>, memref<2xf32>) outs(%rows : memref<2x512xbf16>) {
  ^bb0(%p: bf16, %s: f32, %out: bf16):
    %0 = arith.truncf %s : f32 to bf16
    %1 = arith.mulf %p, %0 : bf16
    linalg.yield %1 : bf16
  }
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%rows, %a : memref<2x512xbf16>, memref<40x512xbf16>) outs(%oa : memref<2x40xbf16>)
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%rows, %b : memref<2x512xbf16>, memref<24x512xbf16>) outs(%ob : memref<2x24xbf16>)
  return %rows : memref<2x512xbf16>
}

// CHECK-LABEL: @negative_norm_overwritten
// CHECK-COUNT-2: tile.kernel
// CHECK: return
func.func @negative_norm_overwritten(%from: memref<2x512xbf16>, %a: memref<512x512xbf16>, %b: memref<24x512xbf16>, %ob: memref<2x24xbf16>) {
  %zero = arith.constant 0.0 : f32
  %sums = memref.alloc() : memref<2xf32>
  %rows = memref.alloc() : memref<2x512xbf16>
  linalg.fill ins(%zero : f32) outs(%sums : memref<2xf32>)
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%from : memref<2x512xbf16>) outs(%sums : memref<2xf32>) {
  ^bb0(%p: bf16, %so: f32):
    %0 = arith.extf %p : bf16 to f32
    %1 = arith.addf %so, %0 : f32
    linalg.yield %1 : f32
  }
  linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%from, %sums : memref<2x512xbf16>, memref<2xf32>) outs(%rows : memref<2x512xbf16>) {
  ^bb0(%p: bf16, %s: f32, %out: bf16):
    %0 = arith.truncf %s : f32 to bf16
    %1 = arith.mulf %p, %0 : bf16
    linalg.yield %1 : bf16
  }
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%rows, %a : memref<2x512xbf16>, memref<512x512xbf16>) outs(%from : memref<2x512xbf16>)
  linalg.matmul indexing_maps = [#x, #along, #c] ins(%rows, %b : memref<2x512xbf16>, memref<24x512xbf16>) outs(%ob : memref<2x24xbf16>)
  return
}
