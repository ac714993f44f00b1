// Where the number of queries is known in the call alone, one query has kernels of its own, and so have as many as fill the 16 rows
// of a decode step's tile: four of a group of four heads. More have a prompt's tiles.
// RUN: gqa-opt %s --gqa-tile=target=cuda:sm_80 --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func private @gqa_attention_0
// CHECK: %[[ONE:.*]] = arith.cmpi eq, %[[QUERIES:dim[_0-9]*]], %c1
// CHECK: scf.if %[[ONE]] {
// CHECK: tile.kernel warps = 4 grid
// CHECK: tile.warp.queries {{.*}} : memref<4x1x64xbf16
// CHECK: %[[FEW:.*]] = arith.cmpi sle, %[[QUERIES]], %c4
// CHECK: scf.if %[[FEW]] {
// CHECK: tile.kernel warps = 4 grid
// CHECK: tile.warp.queries {{.*}} : memref<4x?x64xbf16
// CHECK-NOT: tile.kernel warps = 4 grid
// CHECK: } else {
// CHECK: tile.kernel warps = 8 grid
// CHECK: tile.warp.queries {{.*}} : memref<4x?x64xbf16
func.func @main(%q: tensor<64x8x?x64xbf16>, %k: tensor<64x2x?x64xbf16>) -> tensor<64x8x?x64xbf16> {
  %o = gqa.attention %q, %k, %k : (tensor<64x8x?x64xbf16>, tensor<64x2x?x64xbf16>, tensor<64x2x?x64xbf16>) -> tensor<64x8x?x64xbf16>
  return %o : tensor<64x8x?x64xbf16>
}

// Of sixteen heads one query fills the tile.
// CHECK-LABEL: func private @gqa_attention_1
// CHECK: arith.cmpi eq, %dim{{[_0-9]*}}, %c1
// CHECK-NOT: arith.cmpi sle, %dim
func.func @no_few(%q: tensor<64x16x?x64xbf16>, %k: tensor<64x1x?x64xbf16>) -> tensor<64x16x?x64xbf16> {
  %o = gqa.attention %q, %k, %k : (tensor<64x16x?x64xbf16>, tensor<64x1x?x64xbf16>, tensor<64x1x?x64xbf16>) -> tensor<64x16x?x64xbf16>
  return %o : tensor<64x16x?x64xbf16>
}

// Where only prompts come, there is nothing to choose.
// CHECK-LABEL: func private @gqa_attention_2
// CHECK-NOT: arith.cmpi {{eq|sle}}, %dim{{[_0-9]*}}, %c
// CHECK: tile.kernel warps = 8 grid
// CHECK: tile.warp.queries
// CHECK-NOT: tile.warp.queries
func.func @no_branch_prompts_only(%q: tensor<64x8x?x64xbf16>, %k: tensor<64x2x?x64xbf16>) -> tensor<64x8x?x64xbf16> {
  %o = gqa.attention %q, %k, %k {gqa.prompts_only} : (tensor<64x8x?x64xbf16>, tensor<64x2x?x64xbf16>, tensor<64x2x?x64xbf16>) -> tensor<64x8x?x64xbf16>
  return %o : tensor<64x8x?x64xbf16>
}
