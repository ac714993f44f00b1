// A decode step that finds out without reading memory which keys are whose asks for the first block of each warp before the kernels in
// front have ended, and waits for them behind that. Not where a kernel will merge; and not with the lengths of a batch, which have
// to be read.
// RUN: gqa-compile %s --target=cuda:sm_90a --emit=mlir:tiled | FileCheck %s --check-prefix=TILED
// RUN: gqa-compile %s --target=cuda:sm_90a --emit=ptx -o %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: %{python} %S/Inputs/lint.py < %t.ptx
// RUN: gqa-compile %s --target=cuda:sm_90a --function=lengths --emit=mlir:tiled | FileCheck %s --check-prefix=NONE --implicit-check-not=tile.warp.prefetch

// TILED: %[[ONE:.*]] = arith.cmpi sle, %{{.*}}, %c1
// TILED: %[[NO_MERGE:.*]] = arith.ori %[[ONE]]
// TILED: tile.kernel warps = 4 cluster
// TILED: %[[KEYS:.*]] = tile.group.channel own
// TILED: scf.if %[[NO_MERGE]] {
// TILED: tile.warp.prefetch %[[KEYS]]
// TILED: tile.warp.prefetch
// TILED: }
// TILED-NEXT: tile.await_dependencies
// TILED: tile.warp.fill %[[KEYS]]
// TILED: tile.kernel warps = 8 grid(

// PTX: .target sm_90a
// PTX-LABEL: .visible .entry gqa_attention_0_sm_90a(
// PTX-NOT: griddepcontrol
// PTX: cp.async.bulk.prefetch.tensor.4d.L2.global.tile
// PTX-NOT: ld.global
// PTX: griddepcontrol.wait
// PTX-NOT: prefetch
// PTX: cp.async.bulk.tensor.4d
func.func @main(%q: tensor<1x32x1x128xbf16>, %k: tensor<1x8x?x128xbf16>, %v: tensor<1x8x?x128xbf16>) -> tensor<1x32x1x128xbf16> {
  %o = gqa.attention %q, %k, %v
    : (tensor<1x32x1x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>) -> tensor<1x32x1x128xbf16>
  return %o : tensor<1x32x1x128xbf16>
}

// NONE: tile.warp.fill
func.func @lengths(%q: tensor<1x32x1x128xbf16>, %k: tensor<1x8x?x128xbf16>, %v: tensor<1x8x?x128xbf16>, %n: tensor<1xi64>)
    -> tensor<1x32x1x128xbf16> {
  %o = gqa.attention %q, %k, %v kv_len(%n)
    : (tensor<1x32x1x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1xi64>) -> tensor<1x32x1x128xbf16>
  return %o : tensor<1x32x1x128xbf16>
}
