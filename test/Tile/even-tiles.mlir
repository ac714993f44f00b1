// 16 queries of 4 heads are 64 rows, more than the 48 of a tile. Tiles of 12 and 4 queries would compute 48 and 40 rows, as
// heads stay 12 rows apart: two of 8 queries have 32 each.
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func private @gqa_attention_0
// CHECK: tile.pack {{.*}} queries(%c8) {{.*}} -> memref<128x32xf32>
func.func @chunk(%q: tensor<32x8x16x128xf32>, %k: tensor<32x2x64x128xf32>) -> tensor<32x8x16x128xf32> {
  %o = gqa.attention %q, %k, %k
    : (tensor<32x8x16x128xf32>, tensor<32x2x64x128xf32>, tensor<32x2x64x128xf32>) -> tensor<32x8x16x128xf32>
  return %o : tensor<32x8x16x128xf32>
}

// With one head there are no gaps: 48 rows and 16.
// CHECK-LABEL: func private @gqa_attention_1
// CHECK: tile.pack {{.*}} queries(%c48) {{.*}} -> memref<128x48xf32>
func.func @one_head(%q: tensor<64x2x64x128xf32>, %k: tensor<64x2x64x128xf32>) -> tensor<64x2x64x128xf32> {
  %o = gqa.attention %q, %k, %k
    : (tensor<64x2x64x128xf32>, tensor<64x2x64x128xf32>, tensor<64x2x64x128xf32>) -> tensor<64x2x64x128xf32>
  return %o : tensor<64x2x64x128xf32>
}

// How many queries there are may be known at run time only: so is which way they are cut.
// CHECK-LABEL: func private @gqa_attention_2
// CHECK: %[[PERIOD:.*]] = arith.select %{{.*}}, %{{.*}}, %{{.*}} : index
// CHECK: arith.ceildivsi %{{.*}}, %[[PERIOD]] : index
func.func @dynamic(%q: tensor<32x8x?x128xf32>, %k: tensor<32x2x64x128xf32>) -> tensor<32x8x?x128xf32> {
  %o = gqa.attention %q, %k, %k {gqa.prompts_only}
    : (tensor<32x8x?x128xf32>, tensor<32x2x64x128xf32>, tensor<32x2x64x128xf32>) -> tensor<32x8x?x128xf32>
  return %o : tensor<32x8x?x128xf32>
}
