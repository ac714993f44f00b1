// Prefill: lanes are rows. The group's 4 heads times 12 queries make the 48 rows of a tile.
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func private @gqa_attention_0
// CHECK: tile.kernel grid(%[[B:.*]] = %c8, %[[KV:.*]] = %c2, %[[T:.*]] = %c6, %{{.*}} = %c1)
// CHECK: %[[H:.*]] = arith.muli %[[KV]], %c4
// CHECK: %[[I:.*]] = arith.muli %[[T]], %c12
// CHECK: %[[LEFT:.*]] = arith.subi %c64, %[[I]]
// CHECK: %[[N:.*]] = arith.minsi %[[LEFT]], %c12
// Keys and values are widened once for all rows.
// CHECK: %[[KROOM:.*]] = tile.scratch : memref<48x80xf32>
// CHECK: %[[S:.*]] = tile.scratch : memref<48x48xf32>
// CHECK: memref.subview %arg0[%[[B]], %[[H]], %[[I]], 0] [1, 4, %[[N]], 80]
// CHECK: %[[Q:.*]] = tile.pack {{.*}} queries(%c12) transposed : memref<4x?x80xf16, {{.*}}>, memref<80x48xf32>
// CHECK: scf.for %[[J:.*]] = %c0 to %c200 step %c48 {
// The last of 64 queries are four: of 48 rows, 8 at the end are no queries.
// CHECK: %[[R:.*]] = arith.addi %[[N]], %c36
// CHECK: %[[K:.*]] = tile.pack %{{.*}} into %[[KROOM]] : memref<?x80xf16, {{.*}} -> memref<?x80xf32
// Every tile reads all keys again, from a cache that is further away.
// CHECK: tile.qk %[[Q]], %[[K]], %[[S]] transposed rows(%[[R]]) prefetch({{.*}})
// CHECK-NOT: tile.mask
// CHECK: tile.softmax_step %[[S]], {{.*}} rows(%[[R]]) :
// CHECK: tile.pv %[[S]], {{.*}} rows(%[[R]]) prefetch
// CHECK: tile.finish {{.*}} queries(%c12) scale(%cst) dead_row = zero : memref<48x80xf32>
func.func @prefill(%q: tensor<8x8x64x80xf16>, %k: tensor<8x2x200x80xf16>, %v: tensor<8x2x200x80xf16>) -> tensor<8x8x64x80xf16> {
  %o = gqa.attention %q, %k, %v
    : (tensor<8x8x64x80xf16>, tensor<8x2x200x80xf16>, tensor<8x2x200x80xf16>) -> tensor<8x8x64x80xf16>
  return %o : tensor<8x8x64x80xf16>
}

// Five heads: nine queries of each fit, and 45 rows are padded to 48.
// CHECK-LABEL: func private @gqa_attention_1
// CHECK: tile.kernel grid(%{{.*}} = %c16, %{{.*}} = %c2, %{{.*}} = %c3, %{{.*}} = %c1)
// CHECK: tile.scratch : memref<48x192xf32>
// CHECK: tile.scratch : memref<48x48xf32>
// CHECK: tile.pack {{.*}} queries(%c9) transposed
func.func @padded(%q: tensor<16x10x20x192xf32>, %k: tensor<16x2x64x192xf32>) -> tensor<16x10x20x192xf32> {
  %o = gqa.attention %q, %k, %k
    : (tensor<16x10x20x192xf32>, tensor<16x2x64x192xf32>, tensor<16x2x64x192xf32>) -> tensor<16x10x20x192xf32>
  return %o : tensor<16x10x20x192xf32>
}

// On the diagonal rows see fewer keys the earlier they are. Blocks of 48 queries are whole: every row counts.
// CHECK-LABEL: func private @gqa_attention_2
// CHECK: %[[Q0:.*]] = arith.muli %{{.*}}, %c48
// CHECK: scf.for %[[KEY:.*]] =
// CHECK: %[[LAST:.*]] = arith.subi %[[Q0]], %[[KEY]]
// CHECK: tile.qk {{.*}} transposed diagonal(%c48, %[[LAST]])
// CHECK: tile.softmax_step {{.*}} scale(%{{.*}}) :
// CHECK: tile.pv {{.*}} diagonal(%c48, %[[LAST]])
func.func @causal(%q: tensor<64x2x96x64xf32>, %k: tensor<64x2x96x64xf32>) -> tensor<64x2x96x64xf32> {
  %o = gqa.attention %q, %k, %k causal
    : (tensor<64x2x96x64xf32>, tensor<64x2x96x64xf32>, tensor<64x2x96x64xf32>) -> tensor<64x2x96x64xf32>
  return %o : tensor<64x2x96x64xf32>
}
