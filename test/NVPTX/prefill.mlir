// Prefill, causal: the schedule, its PTX and, where ptxas and nvdisasm are at hand, what becomes of it on every chip.
// RUN: gqa-compile %s --target=cuda --emit=mlir:tiled | FileCheck %s --check-prefix=TILED
// RUN: gqa-compile %s --target=cuda --emit=mlir:target | FileCheck %s --check-prefix=TARGET
// RUN: gqa-compile %s --target=cuda:sm_80 --emit=ptx -o %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: %{python} %S/Inputs/lint.py < %t.ptx
// RUN: %{python} %S/Inputs/kernels.py %s sm_80 sm_86 sm_89 sm_90 --registers gqa_attention_0 232 --loops gqa_attention_0 HMMA=128 LDSM=64 MUFU=34 LDGSTS=8 INSTRUCTIONS=466
// RUN: %{python} %S/Inputs/kernels.py %s sm_100 sm_120

// Four heads of 32 queries are the 128 rows of a tile, 16 of them for each of 8 warps. Blocks of queries go first, the
// last ones at once: they see most keys.
// TILED: tile.kernel warps = 8 grid(%[[BLOCK:.*]] = %c64{{.*}}, %{{.*}} = %c1{{.*}}, %{{.*}} = %c8{{.*}}, %{{.*}} = %{{.*}}) {
// TILED: arith.subi %c63{{.*}}, %[[BLOCK]]
// TILED: %[[K:.*]] = tile.ring : <2x64x128xbf16>
// TILED: %[[V:.*]] = tile.ring : <2x64x128xbf16>
// TILED: tile.load %{{.*}} into %[[K]][%c0
// TILED: tile.load %{{.*}} into %[[V]][%c0
// Whole blocks without a mask, then those on the diagonal.
// TILED: scf.for
// TILED: tile.acquire %[[K]] younger = 1
// TILED: tile.load %{{.*}} into %[[K]]{{.*}} : memref<64x128xbf16
// TILED: tile.warp.qk
// TILED-NOT: tile.warp.mask
// TILED: tile.warp.softmax_step
// TILED: tile.acquire %[[V]] younger = 1
// TILED: tile.load %{{.*}} into %[[V]]
// TILED: tile.warp.pv
// TILED: scf.for
// TILED: tile.warp.mask
// TILED: tile.warp.pv
// TILED: tile.drain
// TILED: tile.warp.finish {{.*}} marks(
// What marks say is done again, row by row.
// TILED: tile.kernel warps = 8
// TILED: tile.warp.sum

// TARGET: llvm.call @gqa_rt_cuda_map
// TARGET: llvm.call @gqa_launch_gqa_attention_0(
// TARGET: llvm.call @gqa_rt_cuda_unmap
// TARGET: llvm.func @gqa_launch_gqa_attention_0(
// TARGET: llvm.call @gqa_rt_cuda_launch
// TARGET: gpu.module @gqa_kernels
// TARGET: llvm.func @gqa_attention_0({{.*}}nvvm.kernel, nvvm.maxntid = array<i32: 256>

// PTX: .version 7.4
// PTX: .target sm_80
// PTX: .extern .shared .align 128 .b8 gqa_shared[]
// PTX: .visible .entry gqa_attention_0(
// PTX: .maxntid 256
func.func @main(%q: tensor<1x32x2048x128xbf16>, %k: tensor<1x8x2048x128xbf16>, %v: tensor<1x8x2048x128xbf16>)
    -> tensor<1x32x2048x128xbf16> {
  %o = gqa.attention %q, %k, %v causal
    : (tensor<1x32x2048x128xbf16>, tensor<1x8x2048x128xbf16>, tensor<1x8x2048x128xbf16>) -> tensor<1x32x2048x128xbf16>
  return %o : tensor<1x32x2048x128xbf16>
}
