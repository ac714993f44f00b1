// A decode step whose cache is of 8 bits: half of the bytes come from memory, and become numbers between matrix loads and
// products. Scales go where they leave the loop, or to scores and probabilities.
// RUN: gqa-compile %s --target=cuda --emit=mlir:tiled | FileCheck %s --check-prefix=TILED
// RUN: gqa-compile %s --target=cuda --emit=ptx -o %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: %{python} %S/Inputs/lint.py < %t.ptx
// RUN: gqa-compile %s --target=cuda:sm_90a --emit=mlir:tiled | FileCheck %s --check-prefix=GROUPS
// RUN: gqa-compile %s --target=cuda:sm_90a --emit=ptx | FileCheck %s --check-prefix=CONVERTS
// RUN: %{python} %S/Inputs/kernels.py %s sm_80 sm_86 sm_89 sm_90 --registers gqa_attention_0 255 --loops gqa_attention_0 HMMA=64 LDSM=16 MUFU=18 LDGSTS=16 LDG=16 INSTRUCTIONS=1425
// RUN: %{python} %S/Inputs/kernels.py %s sm_90a --registers gqa_attention_0_sm_90a 255 --loops gqa_attention_0_sm_90a HMMA=64 LDSM=16 MUFU=18 LDG=16 INSTRUCTIONS=920

// TILED-LABEL: func.func private @gqa_attention_0(
// TILED: tile.ring : <2x128x128xf8E4M3FN>
// TILED: tile.ring : <2x128x128xf8E4M3FN>
// TILED: tile.load {{.*}} own : memref<?x128xf8E4M3FN
// TILED: tile.warp.queries {{.*}}, <16x128xbf16, quads>
// Twice the keys of a wide cache. Scales of tokens are asked for in front of the wait for keys, and of values.
// TILED: scf.for {{.*}} step %c2
// TILED: tile.warp.columns {{.*}} -> <1x32xf32>
// TILED: tile.acquire {{.*}} younger = 1 own
// TILED: tile.load {{.*}} own : memref<128x128xf8E4M3FN
// TILED: %[[S:.*]] = tile.warp.qk {{.*}} : <16x128xbf16, quads>, !tile.ring<2x128x128xf8E4M3FN> -> <16x32xf32>
// TILED: tile.warp.scale %[[S]] by
// TILED: %[[P:.*]], %{{.*}}, %{{.*}}, %{{.*}} = tile.warp.softmax_step
// TILED: tile.warp.columns {{.*}} -> <1x32xf32>
// TILED: %[[SCALED:.*]] = tile.warp.scale %[[P]] by
// TILED: tile.warp.to_operand %[[SCALED]]
// TILED: tile.warp.pv {{.*}}, <16x128xf32, quads>
// TILED: tile.scratch : memref<64x144xf32>

// Where there is a copy engine it brings the bytes, in lines of 128.
// GROUPS: tile.device.map_tensor %{{.*}} box(%c1{{.*}}, %c32{{.*}}) : {{.*}} -> <128xf8E4M3FN>
// GROUPS: tile.group.channel own : <2x128x128xf8E4M3FN>
// GROUPS: tile.warp.fill
// GROUPS: tile.warp.wait
// GROUPS: tile.warp.qk {{.*}}, !tile.channel<2x128x128xf8E4M3FN> -> <16x32xf32>
// CONVERTS-LABEL: .entry gqa_attention_0_sm_90a(
// CONVERTS: cvt.rn.f16x2.e4m3x2

// PTX-LABEL: .entry gqa_attention_0(
// PTX: cp.async.cg.shared.global
// PTX: prmt.b32
// PTX: fma.rn.bf16x2
// PTX: mma.sync
func.func @main(%q: tensor<1x32x1x128xbf16>, %k: tensor<1x8x4096x128xf8E4M3FN>, %v: tensor<1x8x4096x128xf8E4M3FN>,
                %ks: tensor<1x8x4096x1xf32>, %vs: tensor<1x8x4096x1xf32>) -> tensor<1x32x1x128xbf16> {
  %kw = gqa.dequantize %k scale(%ks : tensor<1x8x4096x1xf32>) : tensor<1x8x4096x128xf8E4M3FN> -> tensor<1x8x4096x128xbf16>
  %vw = gqa.dequantize %v scale(%vs : tensor<1x8x4096x1xf32>) : tensor<1x8x4096x128xf8E4M3FN> -> tensor<1x8x4096x128xbf16>
  %o = gqa.attention %q, %kw, %vw
    : (tensor<1x32x1x128xbf16>, tensor<1x8x4096x128xbf16>, tensor<1x8x4096x128xbf16>) -> tensor<1x32x1x128xbf16>
  return %o : tensor<1x32x1x128xbf16>
}
