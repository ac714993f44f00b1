// A decode step where there is a copy engine: each warp has it fill rows of its own. Up to eight parts are merged by their tasks,
// which are a cluster; of more, the merge takes its place before the kernel in front has ended. So do all kernels of the image
// for sm_90a, those of every chip as well.
// RUN: gqa-compile %s --target=cuda:sm_90a --emit=mlir:tiled | FileCheck %s --check-prefix=TILED
// RUN: sed 's/kv_len(%n)/kv_len(%n) {gqa.no_clusters}/' %s | gqa-compile - --target=cuda:sm_90a --emit=mlir:tiled | FileCheck %s --check-prefix=KERNEL
// RUN: gqa-compile %s --target=cuda:sm_80,sm_90a --emit=mlir:target | FileCheck %s --check-prefix=TARGET
// RUN: gqa-compile %s --target=cuda:sm_90a --emit=ptx -o %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: %{python} %S/Inputs/lint.py < %t.ptx
// RUN: %{python} %S/Inputs/kernels.py %s sm_90a --registers gqa_attention_0_sm_90a 224 --loops gqa_attention_0_sm_90a HMMA=64 LDSM=32 INSTRUCTIONS=460

// TILED: tile.device.chip
// TILED: scf.if
// Only the driver knows how many clusters fit.
// TILED: tile.device.clusters %{{.*}} resident = 1
// TILED: %[[K:.*]] = tile.device.map_tensor %{{.*}} box(%c1{{.*}}, %c32{{.*}}) : {{.*}} -> <128xbf16>
// TILED: %[[V:.*]] = tile.device.map_tensor %{{.*}} box(%c1{{.*}}, %c32{{.*}}) : {{.*}} -> <128xbf16>
// TILED: %[[CLUSTER:.*]] = arith.select %{{.*}}, %[[SPLITS:.*]], %c1
// TILED: tile.kernel warps = 4 cluster(%[[CLUSTER]]) grid({{.*}}, %[[SPLIT:.*]] = %[[SPLITS]])
// TILED: %[[KS:.*]] = tile.group.channel own : <2x128x128xbf16>
// TILED: %[[VS:.*]] = tile.group.channel own : <2x128x128xbf16>
// TILED: tile.barrier
// TILED: tile.warp.fill %[[KS]][%c0{{.*}}] from %[[K]]
// TILED: tile.warp.fill %[[VS]][%c0{{.*}}] from %[[V]]
// Whole blocks: nothing is cleared, and the next ones are there.
// TILED: scf.for
// TILED: tile.warp.wait %[[KS]]
// TILED: tile.warp.fill %[[KS]]
// TILED-NOT: tile.warp.clear
// TILED: tile.warp.qk %{{.*}}, %[[KS]]
// TILED: tile.warp.wait %[[VS]]
// TILED: tile.warp.pv %{{.*}}, %[[VS]]
// The last ones.
// TILED: scf.for
// TILED: tile.warp.mask
// TILED: tile.warp.clear %[[VS]]
// TILED: tile.warp.pv
// TILED: tile.warp.store {{.*}} into %[[OS:[a-z0-9_]*]],
// TILED: scf.if
// TILED: tile.cluster.barrier
// TILED: scf.for %{{.*}} = %[[SPLIT]] to %{{.*}} step %[[SPLITS]]
// TILED: tile.cluster.peer %[[OS]]
// TILED: tile.cluster.barrier
// TILED: } else {
// TILED: tile.warp.merge
// TILED: tile.kernel warps = 8 grid(
// TILED: } else {
// TILED: tile.ring

// KERNEL-NOT: tile.device.clusters
// KERNEL: tile.group.channel
// KERNEL-NOT: tile.cluster
// KERNEL: tile.kernel warps = 8 grid(

// TARGET: gpu.module @gqa_kernels_sm_90a
// TARGET: llvm.func @gqa_attention_0_sm_90a(
// TARGET-NEXT: nvvm.griddepcontrol wait
// TARGET-NOT: nvvm.griddepcontrol
// TARGET: nvvm.cp.async.bulk.tensor
// TARGET: nvvm.griddepcontrol launch_dependents
// TARGET-NOT: nvvm.cp.async.bulk.tensor
// TARGET: llvm.func @gqa_attention_0(
// TARGET-NEXT: nvvm.griddepcontrol wait
// TARGET-NEXT: nvvm.griddepcontrol launch_dependents
// TARGET: llvm.func @gqa_attention_0_0(
// TARGET-NEXT: nvvm.griddepcontrol wait
// TARGET: gpu.module @gqa_kernels {
// TARGET-NOT: nvvm.griddepcontrol

// PTX: .target sm_90a
// PTX-LABEL: .visible .entry gqa_attention_0_sm_90a(
// PTX: griddepcontrol.wait
// PTX: cp.async.bulk.tensor.4d
// PTX: griddepcontrol.launch_dependents
// PTX: barrier.cluster.arrive.aligned;
// PTX-NEXT: barrier.cluster.wait.aligned;
// PTX: mapa.u64
// PTX: barrier.cluster.arrive.aligned;
// PTX-NEXT: barrier.cluster.wait.aligned;
func.func @main(%q: tensor<1x32x1x128xbf16>, %k: tensor<1x8x?x128xbf16>, %v: tensor<1x8x?x128xbf16>, %n: tensor<1xi64>)
    -> tensor<1x32x1x128xbf16> {
  %o = gqa.attention %q, %k, %v kv_len(%n)
    : (tensor<1x32x1x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1x8x?x128xbf16>, tensor<1xi64>) -> tensor<1x32x1x128xbf16>
  return %o : tensor<1x32x1x128xbf16>
}
