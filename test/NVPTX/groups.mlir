// Prefill, causal, on a chip whose warps work in groups: who does what, the instructions for it, and what becomes of them.
// RUN: gqa-compile %s --target=cuda:sm_90a --emit=mlir:tiled | FileCheck %s --check-prefix=TILED
// RUN: gqa-compile %s --target=cuda:sm_80,sm_90a --emit=mlir:target | FileCheck %s --check-prefix=TARGET
// RUN: gqa-compile %s --target=cuda:sm_90a --emit=mlir:target | FileCheck %s --check-prefix=ONLY
// RUN: gqa-compile %s --target=cuda:sm_80 --emit=mlir:tiled | FileCheck %s --check-prefix=EARLIER
// RUN: sed 's/ causal$/ causal {gqa.no_tma_store}/' %s > %t.lanes.mlir
// RUN: gqa-compile %t.lanes.mlir --target=cuda:sm_90a --emit=mlir:tiled | FileCheck %s --check-prefix=LANES
// RUN: gqa-compile %s --target=cuda:sm_90a --emit=ptx -o %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: %{python} %S/Inputs/lint.py < %t.ptx
// RUN: %{python} %S/Inputs/kernels.py %s sm_90a --registers gqa_attention_0_sm_90a 168 --loops gqa_attention_0_sm_90a HGMMA=16 MUFU=66 INSTRUCTIONS=450 --beside gqa_attention_0_sm_90a 64

// Which kernels run is decided when the function is called.
// TILED: %[[CHIP:.*]] = tile.device.chip
// TILED: arith.cmpi eq, %[[CHIP]], %c90
// TILED: scf.if
// Four heads of 32 queries are a box of 128 rows.
// TILED: %[[Q:.*]] = tile.device.map_tensor %{{.*}} box(%c4{{.*}}, %c32{{.*}}) : {{.*}} -> <128xbf16>
// TILED: %[[K:.*]] = tile.device.map_tensor %{{.*}} box(%c1{{.*}}, %c128{{.*}}) : {{.*}} -> <128xbf16>
// TILED: %[[V:.*]] = tile.device.map_tensor %{{.*}} box(%c1{{.*}}, %c128{{.*}}) : {{.*}} -> <128xbf16>
// What is behind the group's heads is padding of queries, which the box of the result does not have.
// TILED: %[[OUT:.*]] = tile.device.map_tensor %{{.*}} box(%c4{{.*}}, %c32{{.*}}) : {{.*}} -> <128xbf16>
// TILED: tile.kernel warps = 12 grid(
// TILED: %[[QS:.*]] = tile.group.channel : <1x128x128xbf16>
// TILED: %[[KS:.*]] = tile.group.channel : <2x128x128xbf16>
// TILED: %[[VS:.*]] = tile.group.channel : <2x128x128xbf16>
// TILED: tile.group.roles consumers = 2 {
// TILED: tile.group.fill %[[QS]][%{{.*}}] from %[[Q]]
// TILED: scf.for
// TILED: tile.group.fill %[[KS]][%{{.*}}] from %[[K]]
// TILED: tile.group.fill %[[VS]][%{{.*}}] from %[[V]]
// The last block comes first, alone.
// TILED: tile.group.wait %[[QS]]
// TILED: tile.group.turn pass
// TILED: tile.group.turn
// TILED: tile.group.qk
// TILED: tile.group.turn pass
// TILED: tile.group.await %{{.*}} younger = 0
// TILED: tile.warp.mask
// TILED: tile.warp.softmax_step
// More blocks on the diagonal, then those that all rows see.
// TILED: scf.for
// TILED: tile.warp.mask
// TILED: scf.for
// TILED: tile.group.wait %[[KS]]
// TILED: tile.group.turn
// TILED: %[[S:.*]] = tile.group.qk
// TILED: %[[O:.*]] = tile.group.pv
// TILED: tile.group.turn pass
// TILED: tile.group.await %[[S]] younger = 1
// TILED: tile.group.release %[[KS]]
// TILED-NOT: tile.warp.mask
// TILED: tile.warp.softmax_step
// TILED: tile.group.wait %[[VS]]
// TILED: tile.group.await %[[O]] younger = 0
// TILED: tile.group.release %[[VS]]
// TILED: tile.warp.rescale
// The result leaves through the memory of the queries.
// TILED: tile.warp.finish {{.*}} through(%[[QS]][%{{.*}}] : !tile.channel<1x128x128xbf16>) marks(
// TILED: tile.group.store %{{.*}}, %[[QS]] into %[[OUT]][
// The device is another one, or has too little to do for it.
// TILED: } else {
// TILED: tile.warp.qk

// LANES-NOT: tile.group.store
// LANES-NOT: through(
// LANES: tile.warp.finish %{{.*}} marks(
// LANES-NOT: tile.group.store

// EARLIER-NOT: tile.device.chip
// EARLIER-NOT: tile.group

// TARGET: llvm.call @gqa_rt_cuda_map_tensor
// TARGET: llvm.call @gqa_launch_gqa_attention_0_sm_90a(
// TARGET: llvm.func @gqa_launch_gqa_attention_0_sm_90a(
// TARGET: llvm.call @gqa_rt_cuda_launch
// TARGET: gpu.module @gqa_kernels_sm_90a
// TARGET: llvm.func @gqa_attention_0_sm_90a({{.*}}!llvm.ptr {llvm.align = 128 : i64, llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant}{{.*}} attributes {nvvm.kernel, nvvm.maxntid = array<i32: 384>, nvvm.minctasm = 1 : i32
// TARGET: llvm.func @gqa_attention_0({{.*}}nvvm.kernel
// TARGET: gpu.module @gqa_kernels {
// TARGET-NOT: _groups(
// TARGET: llvm.func @gqa_attention_0({{.*}}nvvm.kernel

// ONLY-NOT: gpu.module @gqa_kernels {
// ONLY: gpu.module @gqa_kernels_sm_90a
// ONLY-NOT: gpu.module @gqa_kernels {

// PTX: .target sm_90a
// PTX: .extern .shared .align 1024 .b8 gqa_shared[]
// PTX-LABEL: .visible .entry gqa_attention_0_sm_90a(
// PTX: .param .align 128 .b8 gqa_attention_0_sm_90a_param_{{[0-9]+}}[128]
// PTX: .maxntid 384
// PTX: .minnctapersm 1
// PTX: mbarrier.init.shared{{.*}}
// PTX: fence.mbarrier_init
// PTX: bar
// PTX-COUNT-8: stmatrix.sync.aligned.m8n8.x4.shared.b16
// PTX-NOT: stmatrix
// PTX: fence.proxy.async.shared::cta
// PTX: bar.sync {{.*}}3, 256
// PTX-COUNT-2: cp.async.bulk.tensor.4d.global.shared::cta.tile.bulk_group
// PTX-NOT: cp.async.bulk.tensor.4d.global
// PTX: cp.async.bulk.commit_group
// PTX: cp.async.bulk.wait_group.read {{.*}}0
// PTX: bar.arrive 3, 256
func.func @main(%q: tensor<1x32x2048x128xbf16>, %k: tensor<1x8x2048x128xbf16>, %v: tensor<1x8x2048x128xbf16>)
    -> tensor<1x32x2048x128xbf16> {
  %o = gqa.attention %q, %k, %v causal
    : (tensor<1x32x2048x128xbf16>, tensor<1x8x2048x128xbf16>, tensor<1x8x2048x128xbf16>) -> tensor<1x32x2048x128xbf16>
  return %o : tensor<1x32x2048x128xbf16>
}
