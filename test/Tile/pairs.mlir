// Which processors multiply pairs of bf16 numbers in vectors: not those on which the instruction is slow.
// RUN: gqa-opt %s --gqa-tile=target=cpu:znver4 | FileCheck %s --check-prefix=PAIRS
// RUN: gqa-opt %s --gqa-tile=target=cpu:znver5 | FileCheck %s --check-prefix=PAIRS
// RUN: gqa-opt %s --gqa-tile=target=cpu:cooperlake | FileCheck %s --check-prefix=WIDENED
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v4 | FileCheck %s --check-prefix=WIDENED
// Tile registers are faster than vectors.
// RUN: gqa-opt %s --gqa-tile=target=cpu:sapphirerapids | FileCheck %s --check-prefix=TILES

// Few rows: neither panels nor a transposed output. One row is bound by memory, and stays as it is.
// PAIRS-LABEL: func private @gqa_attention_0
// PAIRS: tile.pack {{.*}} queries({{.*}}) crossed {{.*}} -> memref<4x64xbf16>
// PAIRS: tile.qk {{.*}} interleaved crossed {{.*}} : memref<4x64xbf16>
// PAIRS: tile.softmax_step {{.*}} into({{.*}} : memref<16x8xbf16>)
// PAIRS: tile.pv {{.*}} interleaved paired = 16
// PAIRS-LABEL: func private @gqa_attention_1
// PAIRS: tile.qk {{.*}} transposed interleaved
// PAIRS: tile.pv {{.*}} interleaved
// PAIRS: tile.transpose
// PAIRS-LABEL: func private @gqa_attention_2
// PAIRS-NOT: interleaved

// WIDENED: tile.qk
// WIDENED-NOT: interleaved

// TILES-LABEL: func private @gqa_attention_0
// TILES-NOT: interleaved
// TILES-LABEL: func private @gqa_attention_1
// TILES: tile.qk {{.*}} transposed interleaved
func.func @few(%q: tensor<1x4x1x64xbf16>, %k: tensor<1x1x999x64xbf16>, %v: tensor<1x1x999x64xbf16>) -> tensor<1x4x1x64xbf16> {
  %o = gqa.attention %q, %k, %v
    : (tensor<1x4x1x64xbf16>, tensor<1x1x999x64xbf16>, tensor<1x1x999x64xbf16>) -> tensor<1x4x1x64xbf16>
  return %o : tensor<1x4x1x64xbf16>
}

func.func @many(%q: tensor<1x4x64x64xbf16>, %k: tensor<1x1x64x64xbf16>, %v: tensor<1x1x64x64xbf16>) -> tensor<1x4x64x64xbf16> {
  %o = gqa.attention %q, %k, %v
    : (tensor<1x4x64x64xbf16>, tensor<1x1x64x64xbf16>, tensor<1x1x64x64xbf16>) -> tensor<1x4x64x64xbf16>
  return %o : tensor<1x4x64x64xbf16>
}

func.func @one(%q: tensor<1x1x1x64xbf16>, %k: tensor<1x1x999x64xbf16>, %v: tensor<1x1x999x64xbf16>) -> tensor<1x1x1x64xbf16> {
  %o = gqa.attention %q, %k, %v
    : (tensor<1x1x1x64xbf16>, tensor<1x1x999x64xbf16>, tensor<1x1x999x64xbf16>) -> tensor<1x1x1x64xbf16>
  return %o : tensor<1x1x1x64xbf16>
}
