// A prompt whose cache is of 8 bits: codes come from memory and become numbers in shared memory, once for all queries of a
// tile. No kernel stands in front.
// RUN: gqa-compile %s --target=cuda --emit=mlir:tiled 2>&1 | FileCheck %s --check-prefix=TILED
// RUN: gqa-compile %s --target=cuda --emit=ptx -o %t.ptx
// RUN: %{python} %S/Inputs/lint.py < %t.ptx
// RUN: gqa-compile %s --target=cuda:sm_90a --emit=mlir:tiled | FileCheck %s --check-prefix=GROUPS
// RUN: gqa-compile %s --target=cuda:sm_90a --emit=ptx -o %t.90a.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.90a.ptx
// RUN: %{python} %S/Inputs/lint.py < %t.90a.ptx
// RUN: %{python} %S/Inputs/kernels.py %s sm_80 sm_86 sm_89 sm_90 --registers gqa_attention_0 255 --loops gqa_attention_0 HMMA=128 LDSM=64 MUFU=34 LDGSTS=4 INSTRUCTIONS=800
// RUN: %{python} %S/Inputs/kernels.py %s sm_90a --registers gqa_attention_0_sm_90a 168 --loops gqa_attention_0_sm_90a HGMMA=16 MUFU=66 INSTRUCTIONS=515 --beside gqa_attention_0_sm_90a 64

// TILED-NOT: widened in memory
// TILED-LABEL: func.func private @gqa_attention_0(
// TILED-NOT: tile.device.alloc{{.*}} memref<1x8x2048x128x
// TILED: tile.kernel warps = 8
// TILED: %[[K:.*]] = tile.ring : <2x64x128xf8E4M3FN>
// TILED: %[[V:.*]] = tile.ring : <2x64x128xf8E4M3FN>
// TILED: %[[KW:.*]] = tile.ring : <1x64x128xbf16>
// Probabilities and values are f16, which rounds numbers up to 1 more finely.
// TILED: %[[VW:.*]] = tile.ring : <1x64x128xf16>
// TILED: tile.warp.queries {{.*}}, <16x128xbf16>
// TILED: scf.for
// TILED: tile.acquire %[[K]] younger = 1
// TILED: tile.widen %[[K]][%{{.*}}] into %[[KW]][%{{.*}}]
// TILED: tile.barrier
// TILED: %[[S:.*]] = tile.warp.qk {{.*}}, %[[KW]]
// TILED: tile.warp.scale %[[S]] by
// TILED: tile.acquire %[[V]] younger = 1
// TILED: tile.widen %[[V]][%{{.*}}] into %[[VW]][%{{.*}}]
// TILED: tile.barrier
// TILED: tile.warp.pv {{.*}}, %[[VW]]

// The warps beside the consumers widen. The scale of keys is a part of the scores', which may be negative then.
// GROUPS: tile.device.map_tensor {{.*}} -> <128xbf16>
// GROUPS: tile.device.map_tensor {{.*}} -> <128xf8E4M3FN>
// GROUPS: tile.group.channel : <1x128x128xbf16>
// GROUPS: %[[K:.*]] = tile.group.channel : <2x128x128xbf16>
// GROUPS: %[[V:.*]] = tile.group.channel : <2x128x128xf16>
// GROUPS: %[[KC:.*]] = tile.group.channel : <1x128x128xf8E4M3FN>
// GROUPS: %[[VC:.*]] = tile.group.channel : <1x128x128xf8E4M3FN>
// GROUPS: tile.group.roles
// GROUPS: tile.group.fill %[[KC]]
// GROUPS: tile.group.fill %[[VC]]
// GROUPS: tile.warp.score {{.*}} scale(
// GROUPS: tile.warp.scale {{.*}} : !tile.fragment<16x128xf32>
// GROUPS: } convert {
// GROUPS: scf.for
// GROUPS: tile.group.widen %[[KC]][{{.*}}] into %[[K]]
// GROUPS: tile.group.widen %[[VC]][{{.*}}] into %[[V]]

// PTX-LABEL: .entry gqa_attention_0_sm_90a(
// PTX: setmaxnreg.dec.sync.aligned.u32 72
// PTX: setmaxnreg.inc.sync.aligned.u32 216
// PTX-DAG: wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16
// PTX-DAG: wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16
// PTX-DAG: cvt.rn.f16x2.e4m3x2
// PTX-DAG: fence.proxy.async.shared::cta
func.func @main(%q: tensor<1x32x2048x128xbf16>, %k: tensor<1x8x2048x128xf8E4M3FN>, %v: tensor<1x8x2048x128xf8E4M3FN>,
                %ks: tensor<8x1x1xf32>, %vs: tensor<8x1x1xf32>) -> tensor<1x32x2048x128xbf16> {
  %kw = gqa.dequantize %k scale(%ks : tensor<8x1x1xf32>) : tensor<1x8x2048x128xf8E4M3FN> -> tensor<1x8x2048x128xbf16>
  %vw = gqa.dequantize %v scale(%vs : tensor<8x1x1xf32>) : tensor<1x8x2048x128xf8E4M3FN> -> tensor<1x8x2048x128xbf16>
  %o = gqa.attention %q, %kw, %vw causal
    : (tensor<1x32x2048x128xbf16>, tensor<1x8x2048x128xbf16>, tensor<1x8x2048x128xbf16>) -> tensor<1x32x2048x128xbf16>
  return %o : tensor<1x32x2048x128xbf16>
}
