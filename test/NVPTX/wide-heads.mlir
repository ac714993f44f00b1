// Heads that are too wide for a warp's registers: four warps share rows, each with a quarter of the scores' sums and of the output's
// columns; on sm_90a, where rows are more than 16, two groups of warps do, each with all scores and half of the columns.
// A group of more heads than a tile has rows for is in several tiles.
// RUN: gqa-compile %s --function=main --target=cuda --emit=mlir:tiled | FileCheck %s
// RUN: gqa-compile %s --function=main --target=cuda --emit=ptx | %{python} %S/Inputs/lint.py
// RUN: gqa-compile %s --function=main --target=cuda:sm_90a --emit=mlir:tiled | FileCheck %s
// RUN: gqa-compile %s --function=many_heads --target=cuda:sm_90a --emit=mlir:tiled | FileCheck %s --check-prefix=GROUPS
// RUN: gqa-compile %s --function=many_heads --target=cuda --emit=mlir:tiled | FileCheck %s --check-prefix=MANY
// RUN: sed 's/%%v$/%%v {gqa.no_wide_groups}/' %s | gqa-compile - --function=many_heads --target=cuda:sm_90a --emit=mlir:tiled | FileCheck %s --check-prefix=MANY

// CHECK-LABEL: func private @gqa_attention_0
// CHECK: tile.device.alloc(%{{.*}}) : memref<?x512xf32>
// CHECK: tile.kernel warps = 4 grid(%{{.*}} = %c1{{.*}}, %{{.*}} = %c1{{.*}}, %{{.*}} = %c1{{.*}}, %{{.*}} = %{{.*}}) {
// CHECK: %[[WARP:.*]] = tile.warp.id
// CHECK: tile.warp.rows
// CHECK: %[[PART:.*]] = arith.remsi %[[WARP]], %c4
// CHECK: %[[COLUMN:.*]] = arith.muli %[[PART]], %c128
// CHECK: tile.ring : <2x16x576xbf16>
// CHECK: tile.ring : <2x16x512xbf16>
// CHECK: %[[ROOM:.*]] = tile.scratch : memref<4x256xf32>
// All warps copy for all.
// CHECK: tile.load {{.*}} : memref<?x576xbf16
// CHECK: %[[KEYCOLUMN:.*]] = arith.muli %[[PART]], %c144
// CHECK: tile.warp.queries {{.*}} columns(%[[KEYCOLUMN]]) {{.*}}, <16x144xbf16>
// CHECK: tile.warp.init : <16x128xf32>, <16xf32>
// CHECK: tile.acquire
// CHECK: tile.warp.qk {{.*}} columns({{.*}} -> <16x16xf32>
// CHECK: tile.warp.share %{{.*}} into %[[ROOM]][%[[WARP]]]
// The barrier that shows the values shows the parts as well.
// CHECK: tile.acquire
// CHECK: tile.warp.total %[[ROOM]][%{{.*}}] parts = 4
// CHECK: tile.warp.softmax_step
// CHECK-NOT: tile.acquire
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

// Of groups, two tiles of 64 rows, whose keys are those of one head.
// GROUPS-LABEL: func private @gqa_attention_0
// GROUPS: tile.kernel warps = 12 grid(%{{.*}} = %c1{{.*}}, %{{.*}} = %c1{{.*}}, %[[TILE:.*]] = %c2{{.*}}, %{{.*}} = %{{.*}}) {
// GROUPS: %[[FIRST:.*]] = arith.muli %[[TILE]], %c64
// GROUPS: tile.group.channel : <1x64x576xbf16>
// GROUPS: tile.group.channel : <2x32x576xbf16>
// GROUPS: tile.group.channel : <2x32x512xbf16>
// GROUPS: tile.group.roles consumers = 2
// GROUPS: tile.group.fill {{.*}}, %[[FIRST]], %{{.*}}] bytes({{.*}}) : <1x64x576xbf16>
// GROUPS: %[[HEAD:.*]] = arith.divsi %[[TILE]], %c2
// GROUPS: tile.group.fill {{.*}}, %[[HEAD]], %{{.*}}] bytes({{.*}}) : <2x32x576xbf16>
// GROUPS: ^bb0(%[[GROUP:.*]]: index):
// GROUPS: %[[WARP:.*]] = tile.warp.id
// GROUPS: arith.remsi %[[WARP]], %c4
// GROUPS: %[[COLUMN:.*]] = arith.muli %[[GROUP]], %c256
// GROUPS: tile.warp.init : <16x256xf32>, <16xf32>
// GROUPS: tile.group.qk %{{.*}}[%c0{{.*}}], {{.*}} -> <16x32xf32>
// GROUPS: tile.group.pv {{.*}} columns(%[[COLUMN]]), {{.*}} <16x256xf32>
// GROUPS: tile.warp.finish {{.*}}[%{{.*}}, %{{.*}}, %[[COLUMN]]] dead_row = zero
// GROUPS: memref.subview %{{.*}}[0, %[[COLUMN]]] [%{{.*}}, 256] [1, 1] : memref<?x512xf32>
// GROUPS: tile.warp.store
func.func @many_heads(%q: tensor<1x128x1x576xbf16>, %k: tensor<1x1x1024x576xbf16>, %v: tensor<1x1x1024x512xbf16>) -> tensor<1x128x1x512xbf16> {
  %o = gqa.attention %q, %k, %v
    : (tensor<1x128x1x576xbf16>, tensor<1x1x1024x576xbf16>, tensor<1x1x1024x512xbf16>) -> tensor<1x128x1x512xbf16>
  return %o : tensor<1x128x1x512xbf16>
}
