// Heads that are too wide for a warp's registers: four warps share rows, each with all scores and a quarter of the output's columns.
// A group of more heads than a tile has rows for is in several tiles.
// RUN: gqa-compile %s --function=main --target=cuda --emit=mlir:tiled | FileCheck %s
// RUN: gqa-compile %s --function=main --target=cuda --emit=ptx | %{python} %S/Inputs/lint.py
// RUN: gqa-compile %s --function=main --target=cuda:sm_90a --emit=mlir:tiled | FileCheck %s
// RUN: gqa-compile %s --function=many_heads --target=cuda --emit=mlir:tiled | FileCheck %s --check-prefix=MANY

// CHECK-LABEL: func private @gqa_attention_0
// CHECK: tile.device.alloc(%{{.*}}) : memref<?x512xf32>
// CHECK: tile.kernel warps = 4 grid(%{{.*}} = %c1{{.*}}, %{{.*}} = %c1{{.*}}, %{{.*}} = %c1{{.*}}, %{{.*}} = %{{.*}}) {
// CHECK: %[[WARP:.*]] = tile.warp.id
// CHECK: tile.warp.rows
// CHECK: %[[PART:.*]] = arith.remsi %[[WARP]], %c4
// CHECK: %[[COLUMN:.*]] = arith.muli %[[PART]], %c128
// CHECK: tile.ring : <2x16x576xbf16>
// CHECK: tile.ring : <2x16x512xbf16>
// All warps copy for all.
// CHECK: tile.load {{.*}} : memref<?x576xbf16
// CHECK: tile.warp.init : <16x128xf32>, <16xf32>
// CHECK: tile.warp.qk {{.*}} -> <16x16xf32>
// CHECK: tile.warp.pv {{.*}} columns(%[[COLUMN]]), {{.*}} <16x128xf32>
// CHECK: tile.warp.finish {{.*}}[%{{.*}}, %{{.*}}, %[[COLUMN]]] dead_row = zero
// CHECK: memref.subview %{{.*}}[0, %[[COLUMN]]] [%{{.*}}, 128] [1, 1] : memref<?x512xf32>
// CHECK: tile.warp.store
func.func @main(%q: tensor<1x16x1x576xbf16>, %k: tensor<1x1x1024x576xbf16>, %v: tensor<1x1x1024x512xbf16>) -> tensor<1x16x1x512xbf16> {
  %o = gqa.attention %q, %k, %v
    : (tensor<1x16x1x576xbf16>, tensor<1x1x1024x576xbf16>, tensor<1x1x1024x512xbf16>) -> tensor<1x16x1x512xbf16>
  return %o : tensor<1x16x1x512xbf16>
}

// 128 heads are four tiles of 32 rows, two warps high.
// MANY-LABEL: func private @gqa_attention_0
// MANY: tile.kernel warps = 8 grid(%{{.*}} = %c1{{.*}}, %{{.*}} = %c1{{.*}}, %[[TILE:.*]] = %c4{{.*}}, %{{.*}} = %{{.*}}) {
// MANY: arith.muli %[[TILE]], %c32
// MANY: %[[WARP:.*]] = tile.warp.id
// MANY: %[[FRAGMENT:.*]] = arith.divsi %[[WARP]], %c4
// MANY: arith.muli %[[FRAGMENT]], %c16
// MANY: %[[HEAD:.*]] = arith.divsi %[[TILE]], %c4
// MANY: memref.subview %{{.*}}[%{{.*}}, %[[HEAD]], %{{.*}}, 0] {{.*}} : memref<1x1x1024x576xbf16
func.func @many_heads(%q: tensor<1x128x1x576xbf16>, %k: tensor<1x1x1024x576xbf16>, %v: tensor<1x1x1024x512xbf16>) -> tensor<1x128x1x512xbf16> {
  %o = gqa.attention %q, %k, %v
    : (tensor<1x128x1x576xbf16>, tensor<1x1x1024x576xbf16>, tensor<1x1x1024x512xbf16>) -> tensor<1x128x1x512xbf16>
  return %o : tensor<1x128x1x512xbf16>
}
