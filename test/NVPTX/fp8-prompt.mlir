// A prompt of floats of 8 bits throughout: on sm_90a queries and keys are multiplied as they lie in memory, and values are
// widened beside; elsewhere queries are widened in front.
// RUN: gqa-compile %s --target=cuda:sm_90a --emit=mlir:tiled | FileCheck %s --check-prefix=GROUPS
// RUN: gqa-compile %s --target=cuda --emit=mlir:tiled 2>&1 | FileCheck %s --check-prefix=EARLIER
// RUN: gqa-compile %s --target=cuda:sm_90a --emit=ptx -o %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: %{python} %S/Inputs/lint.py < %t.ptx
// RUN: %{python} %S/Inputs/kernels.py %s sm_90a --registers gqa_attention_0_sm_90a 168 --loops gqa_attention_0_sm_90a HGMMA=8 QGMMA=4 MUFU=66 INSTRUCTIONS=505 --beside gqa_attention_0_sm_90a 64

// GROUPS: tile.kernel warps = 12
// GROUPS: %[[QS:.*]] = memref.load
// GROUPS: %[[Q:.*]] = tile.group.channel : <1x128x128xf8E4M3FN>
// GROUPS: %[[K:.*]] = tile.group.channel : <2x128x128xf8E4M3FN>
// GROUPS: tile.group.channel : <2x128x128xf16>
// GROUPS: tile.group.channel : <1x128x128xf8E4M3FN>
// GROUPS: tile.group.roles
// GROUPS: tile.group.qk %[[Q]][{{.*}}], %[[K]]
// GROUPS: } convert {
// GROUPS-NOT: into %[[K]]
// GROUPS: } else {
// GROUPS: tile.device.alloc{{.*}} memref<1x32x2048x128xbf16>

// EARLIER: tile.device.alloc{{.*}} memref<1x32x2048x128xbf16>
// EARLIER: tile.kernel warps = 8
// EARLIER: tile.kernel warps = 8
// EARLIER: tile.warp.queries

// PTX-LABEL: .entry gqa_attention_0_sm_90a(
// PTX-DAG: wgmma.mma_async.sync.aligned.m64n128k32.f32.e4m3.e4m3 {{.*}}, 1, 1;
// PTX-DAG: wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16
func.func @main(%q: tensor<1x32x2048x128xf8E4M3FN>, %k: tensor<1x8x2048x128xf8E4M3FN>, %v: tensor<1x8x2048x128xf8E4M3FN>,
                %qs: tensor<f32>, %ks: tensor<8x1x1xf32>, %vs: tensor<8x1x1xf32>) -> tensor<1x32x2048x128xbf16> {
  %qw = gqa.dequantize %q scale(%qs : tensor<f32>) : tensor<1x32x2048x128xf8E4M3FN> -> tensor<1x32x2048x128xbf16>
  %kw = gqa.dequantize %k scale(%ks : tensor<8x1x1xf32>) : tensor<1x8x2048x128xf8E4M3FN> -> tensor<1x8x2048x128xbf16>
  %vw = gqa.dequantize %v scale(%vs : tensor<8x1x1xf32>) : tensor<1x8x2048x128xf8E4M3FN> -> tensor<1x8x2048x128xbf16>
  %o = gqa.attention %qw, %kw, %vw causal
    : (tensor<1x32x2048x128xbf16>, tensor<1x8x2048x128xbf16>, tensor<1x8x2048x128xbf16>) -> tensor<1x32x2048x128xbf16>
  return %o : tensor<1x32x2048x128xbf16>
}
