// Prefill in bf16 on processors with AMX: operands are interleaved, values become panels once per key/value head.
// RUN: gqa-opt %s --gqa-tile=target=cpu:sapphirerapids --canonicalize --cse | FileCheck %s
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v3+emulate-amx --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func private @gqa_attention_0
// CHECK: %[[PANELS:.*]] = memref.alloc() {alignment = 64 : i64} : memref<1x2x63x80x32xbf16>
// One task for 256 keys.
// CHECK: tile.kernel grid(%[[B:.*]] = %c1, %[[H:.*]] = %c2, %{{.*}} = %c8) work(%c320000) {
// CHECK: memref.subview %[[PANELS]][%[[B]], %[[H]], %{{.*}}, 0, 0] [1, 1, %{{.*}}, 80, 32]
// CHECK: tile.pack {{.*}} transposed : memref<?x80xbf16, {{.*}}>, memref<?x80x32xbf16, {{.*}}>
// CHECK: tile.kernel grid(
// A window begins anywhere, the loop at a panel: the band hides the keys between.
// CHECK: %[[REST:.*]] = arith.remsi %[[FIRST:.*]], %c32
// CHECK: %[[BEGIN:.*]] = arith.subi %[[FIRST]], %[[REST]]
// CHECK: %[[ROOM:.*]] = tile.scratch : memref<256x96xbf16>
// CHECK: %[[S:.*]] = tile.scratch : memref<256x64xf32>
// CHECK: %[[O:.*]] = tile.scratch : memref<64x80xf32>
// CHECK: %[[P:.*]] = tile.scratch : memref<128x128xbf16>
// CHECK: %[[OT:.*]] = tile.scratch : memref<80x64xf32>
// CHECK: %[[Q:.*]] = tile.pack {{.*}} queries(%c16) transposed interleaved : {{.*}}, memref<48x128xbf16> -> memref<48x128xbf16>
// CHECK: tile.init %[[OT]]
// CHECK: scf.for %[[J:.*]] = %[[BEGIN]] to %{{.*}} step %c256 {
// CHECK: %[[K:.*]] = tile.pack {{.*}} into %[[ROOM]] multiple = 32
// CHECK: tile.qk %[[Q]], %[[K]], %[[S]] transposed interleaved
// CHECK: tile.mask %[[S]]
// CHECK: %[[HIDDEN:.*]] = tile.softmax_step %[[S]], {{.*}} into(%[[P]] : memref<128x128xbf16>)
// CHECK: %[[AT:.*]] = arith.divsi %[[J]], %c32
// CHECK: %[[V:.*]] = memref.subview %[[PANELS]][%{{.*}}, %{{.*}}, %[[AT]], 0, 0]
// CHECK: tile.pv %[[P]], %[[V]], %[[OT]] rescale(%{{.*}}) hidden(%[[HIDDEN]]) interleaved
// CHECK: }
// CHECK: tile.transpose %[[OT]] into %[[O]] : memref<80x64xf32>, memref<64x80xf32>
// CHECK: tile.finish %[[O]]
func.func @prefill(%q: tensor<1x8x2000x96xbf16>, %k: tensor<1x2x2000x96xbf16>, %v: tensor<1x2x2000x80xbf16>) -> tensor<1x8x2000x80xbf16> {
  %o = gqa.attention %q, %k, %v causal window(500, 0)
    : (tensor<1x8x2000x96xbf16>, tensor<1x2x2000x96xbf16>, tensor<1x2x2000x80xbf16>) -> tensor<1x8x2000x80xbf16>
  return %o : tensor<1x8x2000x80xbf16>
}

// All rows of a head in one tile: a block of values is read by one task, which makes its own panels.
// CHECK-LABEL: func private @gqa_attention_1
// CHECK: tile.kernel
// CHECK: %[[ROOM:.*]] = tile.scratch : memref<4x64x32xbf16>
// CHECK: %[[USED:.*]] = memref.subview %[[ROOM]]
// CHECK: tile.pack {{.*}} into %[[USED]] transposed
// CHECK: tile.pv
func.func @decode(%q: tensor<64x32x1x64xbf16>, %k: tensor<64x1x2000x64xbf16>) -> tensor<64x32x1x64xbf16> {
  %o = gqa.attention %q, %k, %k
    : (tensor<64x32x1x64xbf16>, tensor<64x1x2000x64xbf16>, tensor<64x1x2000x64xbf16>) -> tensor<64x32x1x64xbf16>
  return %o : tensor<64x32x1x64xbf16>
}

// Pairs that have no partner, and other types, are as without AMX.
// CHECK-LABEL: func private @gqa_attention_2
// CHECK-NOT: interleaved
func.func @no_whole_pairs(%q: tensor<1x4x64x81xbf16>, %k: tensor<1x2x64x81xbf16>) -> tensor<1x4x64x81xbf16> {
  %o = gqa.attention %q, %k, %k
    : (tensor<1x4x64x81xbf16>, tensor<1x2x64x81xbf16>, tensor<1x2x64x81xbf16>) -> tensor<1x4x64x81xbf16>
  return %o : tensor<1x4x64x81xbf16>
}
func.func @no_bf16(%q: tensor<1x4x64x64xf16>, %k: tensor<1x2x64x64xf16>) -> tensor<1x4x64x64xf16> {
  %o = gqa.attention %q, %k, %k
    : (tensor<1x4x64x64xf16>, tensor<1x2x64x64xf16>, tensor<1x2x64x64xf16>) -> tensor<1x4x64x64xf16>
  return %o : tensor<1x4x64x64xf16>
}

// A window of fewer queries than keys: values that nobody sees are not laid out, so tasks make panels of what they see.
// CHECK-LABEL: func private @gqa_attention_4
// CHECK: tile.kernel
// CHECK: tile.scratch : memref<8x80x32xbf16>
// CHECK: tile.pv
// CHECK-NOT: tile.pack
func.func @chunk(%q: tensor<1x8x64x96xbf16>, %k: tensor<1x2x2000x96xbf16>, %v: tensor<1x2x2000x80xbf16>) -> tensor<1x8x64x80xbf16> {
  %o = gqa.attention %q, %k, %v causal offset(1936) window(500, 0)
    : (tensor<1x8x64x96xbf16>, tensor<1x2x2000x96xbf16>, tensor<1x2x2000x80xbf16>) -> tensor<1x8x64x80xbf16>
  return %o : tensor<1x8x64x80xbf16>
}

// Heads that do not fill registers: keys are read as they lie, queries have half as many lines of pairs, and panels lines that are no
// column.
// CHECK-LABEL: func private @gqa_attention_5
// CHECK: tile.pack {{.*}} transposed : memref<{{.*}}x72xbf16{{.*}}>, memref<{{.*}}x80x32xbf16
// CHECK: %[[Q:.*]] = tile.pack {{.*}} transposed interleaved : {{.*}}, memref<36x128xbf16> -> memref<36x128xbf16>
// CHECK: tile.qk %[[Q]], %{{.*}}, %{{.*}} transposed interleaved : memref<36x128xbf16>, memref<?x72xbf16, {{.*}}>
// CHECK: tile.pv
func.func @no_whole_registers(%q: tensor<1x32x4x72xbf16>, %k: tensor<1x1x64x72xbf16>) -> tensor<1x32x4x72xbf16> {
  %o = gqa.attention %q, %k, %k
    : (tensor<1x32x4x72xbf16>, tensor<1x1x64x72xbf16>, tensor<1x1x64x72xbf16>) -> tensor<1x32x4x72xbf16>
  return %o : tensor<1x32x4x72xbf16>
}
