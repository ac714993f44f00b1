// The last queries of a long prompt: tiles are too few for all processors, so that keys are split, for groups of warps as well.
// RUN: gqa-compile %s --target=cuda:sm_90a --emit=mlir:tiled | FileCheck %s --check-prefix=TILED
// RUN: sed 's/%%v :/%%v {gqa.no_group_splits} :/' %s | gqa-compile - --target=cuda:sm_90a --emit=mlir:tiled | FileCheck %s --check-prefix=WARPS
// RUN: sed 's/x128x128xbf16/x4096x128xbf16/g' %s | gqa-compile - --target=cuda:sm_90a --emit=mlir:tiled | FileCheck %s --check-prefix=MANY
// RUN: gqa-compile %s --target=cuda:sm_90a --emit=ptx -o %t.ptx
// RUN: %{python} %S/Inputs/lint.py < %t.ptx
// RUN: %{python} %S/Inputs/kernels.py %s sm_90a --registers gqa_attention_0_sm_90a 168 --loops gqa_attention_0_sm_90a HGMMA=16 MUFU=66 INSTRUCTIONS=450 --beside gqa_attention_0_sm_90a 64

// TILED: tile.device.chip
// TILED: scf.if
// TILED: tile.device.processors
// TILED: %[[PARTS:.*]]:2 = scf.for
// TILED: %[[OS:.*]] = tile.device.alloc
// TILED: tile.device.map_tensor
// TILED: tile.kernel warps = 12 grid(%{{.*}} = %c4{{.*}}, %{{.*}} = %c1{{.*}}, %{{.*}} = %c8{{.*}}, %[[PART:.*]] = %[[PARTS]]#0)
// Parts are of whole blocks, and known to all roles.
// TILED: arith.ceildivui
// TILED: tile.group.roles consumers = 2 {
// TILED: tile.group.fill
// TILED: tile.group.qk
// The only part's rows are the result; the state of one of several goes to a kernel that merges.
// TILED: scf.if
// TILED: tile.warp.finish {{.*}} through(
// TILED: tile.group.store
// TILED: } else {
// TILED: tile.warp.store {{.*}} into %[[OS]],
// TILED: tile.kernel warps = 8 grid(
// TILED: %[[OS]]
// Another device.
// TILED: } else {
// TILED: tile.warp.qk

// Groups run where there is one part, and else warps.
// WARPS: tile.device.processors
// WARPS: %[[ONE:.*]] = arith.cmpi sle, %{{.*}}#0, %c1
// WARPS: tile.device.chip
// WARPS: arith.andi %{{.*}}, %[[ONE]]
// WARPS: tile.group.roles
// WARPS-NOT: tile.warp.store
// WARPS: } else {
// WARPS: tile.warp.qk
// WARPS: tile.warp.store

// No chip has processors for more tiles.
// MANY: tile.group.roles
// MANY-NOT: tile.warp.store
func.func @main(%q: tensor<1x32x128x128xbf16>, %k: tensor<1x8x32768x128xbf16>, %v: tensor<1x8x32768x128xbf16>)
    -> tensor<1x32x128x128xbf16> {
  %o = gqa.attention %q, %k, %v : (tensor<1x32x128x128xbf16>, tensor<1x8x32768x128xbf16>, tensor<1x8x32768x128xbf16>)
    -> tensor<1x32x128x128xbf16>
  return %o : tensor<1x32x128x128xbf16>
}
