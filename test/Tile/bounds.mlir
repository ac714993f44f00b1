// Which keys a task visits, and which of its blocks need the mask.
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

// Later queries go first, and keys behind the last query of the tile are not visited.
// CHECK-LABEL: func private @gqa_attention_0
// CHECK: tile.kernel grid(%{{.*}} = %c8, %{{.*}} = %c2, %[[T:.*]] = %c6, %{{.*}})
// CHECK: %[[BLOCK:.*]] = arith.subi %c5, %[[T]]
// CHECK: %[[I:.*]] = arith.muli %[[BLOCK]], %c12
// CHECK: %[[N:.*]] = arith.minsi %{{.*}}, %c12
// CHECK: %[[LAST:.*]] = arith.addi %[[I]], %[[N]]
// CHECK: %[[END:.*]] = arith.minsi %[[LAST]], %c64
// CHECK: scf.for %[[J:.*]] = %c0 to %[[END]] step %c48 {
// Its first query sees the least: does the block go beyond?
// CHECK: %[[SEEN:.*]] = arith.addi %[[I]], %c1
// CHECK: %[[REACH:.*]] = arith.addi %[[J]], %[[KEYS:.*]] : index
// CHECK: %[[EDGE:.*]] = arith.cmpi slt, %[[SEEN]], %[[REACH]]
// CHECK: scf.if %[[EDGE]] {
// CHECK-NEXT: tile.mask %{{.*}} at(%[[I]], %[[J]]) queries(%c12) keys(%[[KEYS]]) last(%c0)
func.func @causal(%q: tensor<8x8x64x16xf32>, %k: tensor<8x2x64x16xf32>) -> tensor<8x8x64x16xf32> {
  %o = gqa.attention %q, %k, %k causal
    : (tensor<8x8x64x16xf32>, tensor<8x2x64x16xf32>, tensor<8x2x64x16xf32>) -> tensor<8x8x64x16xf32>
  return %o : tensor<8x8x64x16xf32>
}

// The query stands at 32: a window of 4 to the left starts the loop at 28, one of 202 to the right ends it at 235.
// CHECK-LABEL: func private @gqa_attention_1
// CHECK: scf.for %{{.*}} = %c28 to %c235 step
// CHECK: scf.if
// CHECK-NEXT: tile.mask {{.*}} first(%c28) last(%c234) :
func.func @window(%q: tensor<64x2x1x16xf32>, %k: tensor<64x1x256x16xf32>) -> tensor<64x2x1x16xf32> {
  %o = gqa.attention %q, %k, %k offset(32) window(4, 202)
    : (tensor<64x2x1x16xf32>, tensor<64x1x256x16xf32>, tensor<64x1x256x16xf32>) -> tensor<64x2x1x16xf32>
  return %o : tensor<64x2x1x16xf32>
}

// Lengths and offsets per batch; the length is cut to the cache.
// CHECK-LABEL: func private @gqa_attention_2
// CHECK-SAME: %[[LENGTHS:[^:]*]]: memref<64xi32, {{[^%]*}}, %[[OFFSETS:[^:]*]]: memref<1xi64
// CHECK: tile.kernel grid(%[[B:.*]] = %c64,
// CHECK-DAG: %[[LEN:.*]] = memref.load %[[LENGTHS]][%{{.*}}]
// CHECK-DAG: %[[OFFSET:.*]] = memref.load %[[OFFSETS]]
// CHECK-DAG: arith.index_cast %[[LEN]] : i32 to index
// CHECK-DAG: arith.index_cast %[[OFFSET]] : i64 to index
// CHECK: scf.for %{{.*}} = %c0 to %[[END:.*]] step
// CHECK: tile.mask
func.func @lengths(%q: tensor<64x2x1x16xf32>, %k: tensor<64x1x64x16xf32>, %n: tensor<64xi32>, %i: tensor<1xi64>)
    -> tensor<64x2x1x16xf32> {
  %o = gqa.attention %q, %k, %k causal kv_len(%n) offset(%i)
    : (tensor<64x2x1x16xf32>, tensor<64x1x64x16xf32>, tensor<64x1x64x16xf32>, tensor<64xi32>, tensor<1xi64>)
    -> tensor<64x2x1x16xf32>
  return %o : tensor<64x2x1x16xf32>
}
