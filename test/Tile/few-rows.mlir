// A decode step: the group's 4 heads are the rows, fewer than a vector has lanes, so lanes are the head dimension.
// RUN: gqa-opt %s --gqa-tile=target=cpu:x86-64-v3 --canonicalize --cse | FileCheck %s

// CHECK-LABEL: func private @gqa_attention_0
// CHECK: tile.kernel grid(%[[B:.*]] = %c32, %[[KV:.*]] = %c2, %{{.*}} = %c1, %{{.*}} = %c1)
// CHECK: %[[H:.*]] = arith.muli %[[KV]], %c4
// Keys are read as they are: the room for them is bf16 too.
// CHECK: %[[KROOM:.*]] = tile.scratch : memref<48x128xbf16>
// CHECK: %[[VROOM:.*]] = tile.scratch : memref<48x128xbf16>
// CHECK: %[[S:.*]] = tile.scratch : memref<48x4xf32>
// CHECK: memref.subview %arg0[%[[B]], %[[H]], 0, 0] [1, 4, 1, 128]
// Two bf16 of a word are widened by one operation each, the even and the odd ones apart. Four rows are crossed, so that
// scores are sums of whole vectors as far as that goes.
// CHECK: %[[Q:.*]] = tile.pack {{.*}} queries(%c1) paired = 8 crossed : {{.*}} -> memref<4x128xf32>
// CHECK: scf.for %[[J:.*]] = %c0 to %c64 step %c48 {
// CHECK: %[[N:.*]] = arith.minsi %{{.*}}, %c48
// Two streams at any time: half of the values and half of the next keys during each product.
// CHECK-DAG: %[[NEXT:.*]] = arith.addi %[[J]], %c48
// CHECK-DAG: %[[VHALF:.*]] = arith.addi %[[J]], %c24
// CHECK: %[[V1:.*]] = memref.subview %arg2[%[[B]], %[[KV]], %[[VHALF]], 0]
// CHECK: %[[K0:.*]] = memref.subview %arg1[%[[B]], %[[KV]], %[[NEXT]], 0]
// CHECK: %[[KHALF:.*]] = arith.addi %[[J]], %c72
// CHECK: %[[K1:.*]] = memref.subview %arg1[%[[B]], %[[KV]], %[[KHALF]], 0]
// CHECK: %[[V0:.*]] = memref.subview %arg2[%[[B]], %[[KV]], %[[NEXT]], 0]
// CHECK: memref.subview %arg1[%[[B]], %[[KV]], %[[J]], 0]
// CHECK: %[[K:.*]] = tile.pack %{{.*}} into %[[KROOM]]
// CHECK: tile.qk %[[Q]], %[[K]], %[[S]] paired = 8 crossed prefetch(%[[V1]], %[[K0]] :
// CHECK-NOT: tile.mask
// CHECK: %[[HIDDEN:.*]] = tile.softmax_step %[[S]], {{.*}} keys(%[[N]]) scale(%cst) :
// CHECK: %[[V:.*]] = tile.pack %{{.*}} into %[[VROOM]]
// CHECK: tile.pv %[[S]], %[[V]], %{{.*}} hidden(%[[HIDDEN]]) paired = 8 prefetch(%[[K1]], %[[V0]] :
// CHECK: tile.finish {{.*}} queries(%c1) scale(%cst) {{.*}}paired = 8
func.func @decode(%q: tensor<32x8x1x128xbf16>, %k: tensor<32x2x64x128xbf16>, %v: tensor<32x2x64x128xbf16>)
    -> tensor<32x8x1x128xbf16> {
  %o = gqa.attention %q, %k, %v
    : (tensor<32x8x1x128xbf16>, tensor<32x2x64x128xbf16>, tensor<32x2x64x128xbf16>) -> tensor<32x8x1x128xbf16>
  return %o : tensor<32x8x1x128xbf16>
}

// A head of 24 is not made of pairs of vectors.
// CHECK-LABEL: func private @gqa_attention_1
// CHECK-NOT: paired
// CHECK: return
func.func @not_paired(%q: tensor<32x8x1x24xbf16>, %k: tensor<32x2x64x24xbf16>) -> tensor<32x8x1x24xbf16> {
  %o = gqa.attention %q, %k, %k
    : (tensor<32x8x1x24xbf16>, tensor<32x2x64x24xbf16>, tensor<32x2x64x24xbf16>) -> tensor<32x8x1x24xbf16>
  return %o : tensor<32x8x1x24xbf16>
}

// Head dimensions that are no whole number of vectors are padded in the room. The six rows have scores in a whole vector.
// CHECK-LABEL: func private @gqa_attention_2
// CHECK: tile.scratch : memref<24x16xf32>
// CHECK: tile.scratch : memref<24x24xf32>
// CHECK: tile.scratch : memref<24x8xf32>
func.func @padded(%q: tensor<32x6x3x13xf32>, %k: tensor<32x3x64x13xf32>, %v: tensor<32x3x64x20xf32>)
    -> tensor<32x6x3x20xf32> {
  %o = gqa.attention %q, %k, %v
    : (tensor<32x6x3x13xf32>, tensor<32x3x64x13xf32>, tensor<32x3x64x20xf32>) -> tensor<32x6x3x20xf32>
  return %o : tensor<32x6x3x20xf32>
}
